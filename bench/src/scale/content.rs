// SPDX-License-Identifier: Apache-2.0
//! What the played runners report: every second the figures of one iteration, which are known beforehand, so that what has
//! arrived can be compared with what was sent.
//!
//! The series are those of a real runner: each request has its counts and distributions, by stage, status and method.

use std::time::Duration;

use upsurge_core::metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names};

/// Different seconds; they come again in turn.
pub const VARIANTS: usize = 8;
/// Series of a request.
const OF_REQUEST: usize = 14;
/// Series beside those of requests.
const BESIDE: usize = 5;
/// Times that each request is sent within a second.
const EACH: u64 = 3;
/// Name of the scenario.
pub const SCENARIO: &str = "visit";

/// The distributions of a request, beside its phases.
const TIMES: [&str; 2] = [names::HTTP_REQ_DURATION, names::HTTP_REQ_RESPONSE_TIME];

/// How many requests a test needs for about so many series.
pub fn requests_for(series: usize) -> usize {
    (series.saturating_sub(BESIDE) / OF_REQUEST).max(1)
}

/// Name of a request.
pub fn request_name(index: usize) -> String {
    format!("page {index:03}")
}

/// The seconds of a test.
#[derive(Clone, Debug)]
pub struct Content {
    seconds: Vec<Metrics>,
}

impl Content {
    /// Of a test with so many requests, all in one stage.
    pub fn new(requests: usize, stage: &str) -> Self {
        Self { seconds: (0..VARIANTS).map(|variant| second(variant, requests, stage)).collect() }
    }

    /// What is reported of one of the seconds.
    pub fn second(&self, variant: usize) -> &Metrics {
        &self.seconds[variant % VARIANTS]
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.seconds.first().map_or(0, Metrics::len)
    }

    /// The sum of so many seconds of each kind.
    pub fn sum(&self, counts: &[u64; VARIANTS]) -> Metrics {
        let mut sum = Metrics::default();
        for (second, count) in self.seconds.iter().zip(counts) {
            add_times(&mut sum, second, *count);
        }
        sum
    }
}

/// Adds figures that came `count` times, by doubling.
fn add_times(sum: &mut Metrics, figures: &Metrics, mut count: u64) {
    let mut power = figures.clone();
    while count > 0 {
        if count % 2 == 1 {
            sum.merge(&power);
        }
        count /= 2;
        if count > 0 {
            let same = power.clone();
            power.merge(&same);
        }
    }
}

fn second(variant: usize, requests: usize, stage: &str) -> Metrics {
    let mut metrics = Metrics::default();
    let of_stage =
        Tags { stage: Some(stage.to_owned()), scenario: Some(SCENARIO.to_owned()), ..Tags::default() };
    let mut add = |metric: &str, tags: &Tags, sink: Sink| {
        metrics.add(SeriesKey { metric: metric.to_owned(), tags: tags.clone() }, &sink);
    };
    let mut times = Times(variant as u64 + 1);
    for index in 0..requests {
        let tags = Tags { request: Some(request_name(index)), ..of_stage.clone() };
        add(names::DATA_SENT, &tags, Sink::Counter((EACH * 180) as f64));
        add(names::DATA_RECEIVED, &tags, Sink::Counter((EACH * 2_400) as f64));
        let tags = Tags { method: Some("GET".to_owned()), ..tags };
        let fails = (index + variant).is_multiple_of(50);
        let tags =
            Tags { status: Some(if fails { 503 } else { 200 }), expected_response: Some(!fails), ..tags };
        let tags = Tags { error_code: fails.then_some(1_503), ..tags };
        for metric in TIMES.into_iter().chain(names::PHASES) {
            let mut trend = Trend::default();
            (0..EACH).for_each(|_| trend.record(times.draw()));
            add(metric, &tags, Sink::Trend(trend));
        }
        add(names::HTTP_REQS, &tags, Sink::Counter(EACH as f64));
        add(names::HTTP_REQ_FAILED, &tags, Sink::Rate { passes: if fails { EACH } else { 0 }, total: EACH });
        let tags = Tags { request: Some(request_name(index)), ..of_stage.clone() };
        let tags = Tags { check: Some("status is 200".to_owned()), ..tags };
        let passes = if fails { 0 } else { EACH };
        add(names::CHECKS, &tags, Sink::Rate { passes, total: EACH });
    }
    add(names::STARTED_ITERATIONS, &of_stage, Sink::Counter(1.0));
    add(names::ITERATIONS, &of_stage, Sink::Counter(1.0));
    for metric in [names::ITERATION_DURATION, names::SCHEDULE_LAG] {
        let mut trend = Trend::default();
        let time = if metric == names::SCHEDULE_LAG { Duration::from_micros(300) } else { times.draw() };
        trend.record(time);
        add(metric, &of_stage, Sink::Trend(trend));
    }
    metrics
}

/// Times without any order, in whole microseconds, so that sums of them are exact.
struct Times(u64);

impl Times {
    fn draw(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // From 1 to 66 ms, and one in sixteen up to a second.
        let (narrow, wide) = ((self.0 >> 40) % 65_000, (self.0 >> 20) % 935_000);
        let microseconds = 1_000 + narrow + if self.0 >> 60 == 0 { wide } else { 0 };
        Duration::from_micros(microseconds)
    }
}

#[cfg(test)]
mod tests {
    use upsurge_core::metrics::Selector;

    use super::*;

    #[test]
    fn a_sum_by_doubling_is_what_one_by_one_gives() {
        let content = Content::new(3, "hold");
        let counts = [5, 0, 1, 2, 7, 3, 0, 1];
        let mut slow = Metrics::default();
        for (variant, count) in counts.iter().enumerate() {
            (0..*count).for_each(|_| slow.merge(content.second(variant)));
        }
        assert_eq!(content.sum(&counts), slow);
        let requests = slow.count(names::HTTP_REQS, &Selector::default());
        assert_eq!(requests, (3 * EACH * counts.iter().sum::<u64>()) as f64);
    }

    #[test]
    fn a_test_has_about_as_many_series_as_asked_for() {
        for wanted in [50, 200, 400] {
            let content = Content::new(requests_for(wanted), "hold");
            assert!(content.series().abs_diff(wanted) <= OF_REQUEST, "{} of {wanted}", content.series());
        }
    }
}
