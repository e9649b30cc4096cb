// SPDX-License-Identifier: Apache-2.0
//! What the live view shows, as lines. Colours are left out where the terminal has none.

use std::time::Duration;

use console::{StyledObject, measure_text_width, style};
use upsurge_core::{
    metrics::{Metrics, Selector, Trend, names},
    plan::Timeline,
    report::NO_DATA,
    results::{bytes, decimal, milliseconds, per_second, percent},
};
use upsurge_crds::v1alpha1::{LoadUnit, TimeSpan};

use super::history::History;

/// Widest bar.
const BAR_WIDTH: usize = 40;
/// Columns beside the bar.
const BESIDE_BAR: usize = 36;
/// Delay of starts, in milliseconds, from which on the generator is in trouble.
const LAG_LIMIT: f64 = 100.0;
/// Steps of a sparkline.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How the load stands.
pub(super) struct View<'a> {
    pub(super) name: &'a str,
    pub(super) target: &'a str,
    pub(super) timeline: &'a Timeline,
    /// Iterations in all, if their number and not a time ends the load.
    pub(super) iterations: Option<u64>,
    pub(super) elapsed: Duration,
    pub(super) users: u64,
    /// All that was recorded.
    pub(super) metrics: &'a Metrics,
    pub(super) history: &'a History,
}

impl View<'_> {
    /// The block for a terminal of that many columns.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let heading = format!("{} · {}", printable(self.name), printable(self.target));
        vec![
            heading,
            self.progress(width),
            self.stage(),
            with_sparks(self.now(), &self.history.rates(), width),
            with_sparks(self.latency_now(), &self.history.latencies(), width),
            self.latency(),
            self.counts(),
            self.traffic(),
        ]
    }

    /// One line that says the same in short, for where nothing can be drawn.
    pub(super) fn line(&self) -> String {
        format!(
            "{}: {} users, {} requests/s now; since the start {} requests, {} errors, p95 {}",
            self.place(),
            self.users,
            rate(self.history.requests()),
            self.count(names::HTTP_REQS),
            self.errors().1,
            percentile(self.history.whole(), 95.0)
        )
    }

    fn progress(&self, width: usize) -> String {
        let total = self.timeline.duration();
        let done = self.metrics.count(names::ITERATIONS, &Selector::default());
        let share = match self.iterations {
            Some(iterations) => done / iterations.max(1) as f64,
            None => self.elapsed.as_secs_f64() / total.as_secs_f64(),
        };
        let share = share.clamp(0.0, 1.0);
        let columns = BAR_WIDTH.min(width.saturating_sub(BESIDE_BAR));
        let full = (share * columns as f64) as usize;
        let bar =
            format!("{}{}", good("━".repeat(full)), style("╌".repeat(columns - full)).for_stderr().dim());
        let left = total.saturating_sub(self.elapsed);
        let time = if let Some(iterations) = self.iterations {
            format!("{done} of {iterations} iterations, {}", whole_seconds(self.elapsed))
        } else if left.is_zero() {
            "ended, iterations under way finish".into()
        } else {
            // Rounded up: 0s are left when it is over.
            let left = TimeSpan::from_secs(left.as_secs_f64().ceil() as u64);
            format!("{} of {}, {left} left", whole_seconds(self.elapsed), TimeSpan(total))
        };
        format!("{bar} {:>3.0}%  {time}", share * 100.0)
    }

    fn stage(&self) -> String {
        let index = self.timeline.stage_at(self.elapsed);
        let Some(stage) = self.timeline.stages.get(index) else { return String::new() };
        let place = match self.timeline.stages.len() {
            1 => String::new(),
            many => format!(" ({} of {many})", index + 1),
        };
        titled("stage", &format!("{}{place}, asked {}", printable(&stage.name), self.asked()))
    }

    /// The rate of the last seconds: an average since the start would hide what happens now.
    fn now(&self) -> String {
        let started = match self.timeline.unit() {
            Some(LoadUnit::Users) => String::new(),
            _ => format!(", {} iterations/s started", rate(self.history.started())),
        };
        let users = match self.users {
            1 => "1 user".into(),
            many => format!("{many} users"),
        };
        let requests = figure(rate(self.history.requests()));
        titled("now", &format!("{requests} requests/s{started}, {users}"))
    }

    fn latency_now(&self) -> String {
        titled("", &format!("p95 {}", figure(percentile(&self.history.latency(), 95.0))))
    }

    fn latency(&self) -> String {
        let latency = self.history.whole();
        let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| figure(percentile(latency, percent)));
        titled("since start", &format!("p50 {p50}  p95 {p95}  p99 {p99}"))
    }

    fn counts(&self) -> String {
        let (failed, share) = self.errors();
        let dropped = self.count(names::DROPPED_ITERATIONS);
        let lag = self.metrics.trend(names::SCHEDULE_LAG, &Selector::default());
        let errors = format!("{failed} ({share})");
        let errors = if failed > 0 { bad(errors) } else { figure(errors) };
        let dropped = if dropped == "0" { figure(dropped) } else { bad(dropped) };
        let (late, lag) = (lag.percentile(99.0) > LAG_LIMIT, percentile(&lag, 99.0));
        let lag = if late { bad(lag) } else { figure(lag) };
        let requests = figure(self.count(names::HTTP_REQS));
        titled("", &format!("requests {requests}  errors {errors}  dropped {dropped}  lag p99 {lag}"))
    }

    fn traffic(&self) -> String {
        let [received, sent] = [names::DATA_RECEIVED, names::DATA_SENT]
            .map(|metric| figure(bytes(self.metrics.count(metric, &Selector::default()))));
        titled("", &format!("received {received}  sent {sent}"))
    }

    /// Failed requests, and their share.
    fn errors(&self) -> (u64, String) {
        let (failed, all) = self.metrics.rate(names::HTTP_REQ_FAILED, &Selector::default());
        (failed, if all == 0 { NO_DATA.into() } else { percent(failed as f64 / all as f64) })
    }

    fn count(&self, metric: &str) -> String {
        decimal(self.metrics.count(metric, &Selector::default()), 0)
    }

    fn asked(&self) -> String {
        self.timeline.in_words(|loads| loads.level_at(self.elapsed), 1)
    }

    fn place(&self) -> String {
        if let Some(iterations) = self.iterations {
            let done = self.count(names::ITERATIONS);
            return format!("{done} of {iterations} iterations in {}", whole_seconds(self.elapsed));
        }
        let total = TimeSpan(self.timeline.duration());
        if self.elapsed >= total.0 {
            return format!("load has ended after {total}, iterations under way finish");
        }
        let stage = self.timeline.stages.get(self.timeline.stage_at(self.elapsed));
        let stage = stage.map_or("", |stage| &stage.name);
        format!("{} of {total}, stage {stage} at {}", whole_seconds(self.elapsed), self.asked())
    }
}

/// A line with a title, or without one below a line that has it.
fn titled(title: &str, text: &str) -> String {
    format!("{title:<13}{text}")
}

/// A line with the course of the last seconds, as far as there is room for it.
fn with_sparks(line: String, values: &[f64], width: usize) -> String {
    // The last column stays free, as on the screen.
    let room = width.saturating_sub(measure_text_width(&line) + 3);
    let values = values.get(values.len().saturating_sub(room)..).unwrap_or_default();
    if values.is_empty() { line } else { format!("{line}  {}", good(sparks(values))) }
}

/// A number per second, if there is one yet.
fn rate(value: Option<f64>) -> String {
    value.map_or_else(|| NO_DATA.into(), per_second)
}

/// A percentile, if there is one yet.
fn percentile(trend: &Trend, percent: f64) -> String {
    if trend.is_empty() { NO_DATA.into() } else { milliseconds(trend.percentile(percent)) }
}

fn whole_seconds(time: Duration) -> TimeSpan {
    TimeSpan::from_secs(time.as_secs())
}

/// Text of a test's author without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

fn good(text: String) -> StyledObject<String> {
    style(text).for_stderr().cyan()
}

fn figure(text: String) -> StyledObject<String> {
    style(text).for_stderr().bold()
}

fn bad(text: String) -> StyledObject<String> {
    style(text).for_stderr().red().bold()
}

/// Values as bars of eight heights, the highest of them the tallest.
fn sparks(values: &[f64]) -> String {
    let highest = values.iter().copied().fold(0.0, f64::max);
    let spark = |value: f64| {
        if value <= 0.0 || highest <= 0.0 {
            return SPARKS[0];
        }
        let step = (value / highest * SPARKS.len() as f64).ceil() as usize;
        SPARKS.get(step.saturating_sub(1)).copied().unwrap_or(SPARKS[SPARKS.len() - 1])
    };
    values.iter().copied().map(spark).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_core::metrics::{SeriesKey, Sink, Tags};

    use super::*;
    use upsurge_engine::Interval;

    fn recorded() -> Metrics {
        let mut metrics = Metrics::default();
        let mut latency = Trend::default();
        latency.record_many(Duration::from_millis(20), 90);
        let mut lag = Trend::default();
        lag.record(Duration::from_millis(200));
        for (metric, sink) in [
            (names::HTTP_REQS, Sink::Counter(90.0)),
            (names::STARTED_ITERATIONS, Sink::Counter(100.0)),
            (names::ITERATIONS, Sink::Counter(80.0)),
            (names::DROPPED_ITERATIONS, Sink::Counter(3.0)),
            (names::HTTP_REQ_FAILED, Sink::Rate { passes: 9, total: 90 }),
            (names::HTTP_REQ_DURATION, Sink::Trend(latency)),
            (names::SCHEDULE_LAG, Sink::Trend(lag)),
            (names::DATA_RECEIVED, Sink::Counter(1_536.0)),
            (names::DATA_SENT, Sink::Counter(90.0)),
        ] {
            metrics.add(SeriesKey { metric: metric.into(), tags: Tags::default() }, &sink);
        }
        metrics
    }

    #[test]
    fn the_view_tells_where_the_load_is_and_how_it_fares() {
        let load = json!({"unit": "IterationsPerSecond", "stages": [
            {"name": "rise", "duration": "10s", "target": 50}, {"name": "hold", "duration": "30s", "target": 50}]});
        let timeline =
            upsurge_core::plan::Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
        let metrics = recorded();
        let mut history = History::default();
        let (from, to) = (Duration::from_secs(18), Duration::from_secs(20));
        history.add(&Interval { from, to, metrics: metrics.clone(), ..Interval::default() });
        let view = View {
            name: "shop\x1b[2J",
            target: "http://shop",
            timeline: &timeline,
            iterations: None,
            elapsed: to,
            users: 7,
            metrics: &metrics,
            history: &history,
        };
        let lines: Vec<String> =
            view.lines(66).iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(
            lines,
            [
                "shop[2J · http://shop".to_owned(),
                format!("{}{}  50%  20s of 40s, 20s left", "━".repeat(15), "╌".repeat(15)),
                "stage        hold (2 of 2), asked 50 iterations/s".into(),
                "now          45 requests/s, 50 iterations/s started, 7 users  █".into(),
                "             p95 20ms  █".into(),
                "since start  p50 20ms  p95 20ms  p99 20ms".into(),
                "             requests 90  errors 9 (10%)  dropped 3  lag p99 200ms".into(),
                "             received 1.5 KiB  sent 90 B".into(),
            ]
        );
        assert_eq!(
            view.line(),
            "20s of 40s, stage hold at 50 iterations/s: 7 users, 45 requests/s now; since the start 90 requests, \
             10% errors, p95 20ms"
        );
        let (metrics, history) = (Metrics::default(), History::default());
        let first = View { metrics: &metrics, history: &history, elapsed: Duration::ZERO, users: 0, ..view };
        let lines = first.lines(80).join("\n");
        for words in [
            "now          – requests/s, – iterations/s started, 0 users",
            "p50 –  p95 –  p99 –",
            "errors 0 (–)",
            "lag p99 –",
        ] {
            let shown = console::strip_ansi_codes(&lines);
            assert!(shown.contains(words), "{words:?} is missing in {shown}");
        }
        assert!(
            first.line().ends_with("0 users, – requests/s now; since the start 0 requests, – errors, p95 –")
        );
        let view = View { iterations: Some(200), ..view };
        let line = console::strip_ansi_codes(&view.progress(60)).into_owned();
        assert_eq!(line, format!("{}{}  40%  80 of 200 iterations, 20s", "━".repeat(9), "╌".repeat(15)));
        assert!(view.line().starts_with("80 of 200 iterations in 20s: 7 users"), "{}", view.line());
    }

    #[test]
    fn the_course_takes_the_room_that_the_line_leaves() {
        let values: Vec<f64> = (1..=30).map(f64::from).collect();
        let line = |width| console::strip_ansi_codes(&with_sparks("now".into(), &values, width)).into_owned();
        assert_eq!(line(80).chars().count(), 3 + 2 + 30);
        assert_eq!(line(20).chars().count(), 19);
        assert!(line(20).ends_with('█'), "the latest ones are shown");
        assert_eq!((line(6).as_str(), line(0).as_str()), ("now", "now"));
    }

    #[test]
    fn sparks_are_as_high_as_their_values() {
        assert_eq!(sparks(&[0.0, 1.0, 4.0, 8.0]), "▁▁▄█");
        assert_eq!(sparks(&[0.0, 0.0]), "▁▁");
    }
}
