// SPDX-License-Identifier: Apache-2.0
//! Whether the generator did what was asked. If it did not, its figures speak of the generator and not
//! of the target, and carry no verdict.

use std::time::Duration;

use upsurge_crds::v1alpha1::GeneratorResult;

use super::{decimal, milliseconds, percent};
use crate::{
    metrics::{MOST_SERIES, Metrics, OVERFLOW, Selector, Trend, names},
    plan::schedule::Arrivals,
    plan::{LoadPlan, Skip, Timeline},
    protocol::GeneratorDelta,
};

/// Fewest iterations beyond the highest lag that say something: of a few hundred, the 99th percentile is one that
/// any moment of standstill may have hit.
const LATE_LEAST: u64 = 10;
/// Highest share of CPU scheduling periods in which a runner may be throttled.
const THROTTLED_LIMIT: f64 = 0.1;
/// Lowest share of the planned iterations that must have been started or dropped for lack of users.
const ACHIEVED_LIMIT: f64 = 0.99;
/// Iterations on the edge of the measured time that may be missing all the same.
const ACHIEVED_SLACK: u64 = 2;
/// Time by which the last reports of runners may be apart while the load runs, or when it is cut short.
const REPORTS_APART: Duration = Duration::from_secs(2);
/// Longest time between the starts of the first and the last runner.
const SPREAD_LIMIT: Duration = Duration::from_secs(1);

/// Highest share of the time in which a load thread may have no time to spare.
const SATURATED_LIMIT: f64 = 0.5;
/// Shortest time of watching that says something about that, in seconds.
const SATURATED_LEAST: f64 = 5.0;
/// With fewer file descriptors left than this, connections have failed for lack of them, or are about to.
const FILES_LIMIT: u64 = 16;
/// The same for local ports.
const PORTS_LIMIT: u64 = 100;
/// Most metrics that a warning names.
const MOST_NAMED: usize = 5;

/// What the generator was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The stages of all loads, as they were carried out.
    pub timeline: &'a Timeline,
    /// The loads as they were planned.
    pub loads: &'a [LoadPlan],
    /// What was left out of them.
    pub skip: Option<Skip>,
    /// How many runners there should be.
    pub runners: u32,
    /// Highest 99th percentile of the time by which iterations may start late: `spec.runner.maxLag`.
    pub max_lag: Duration,
}

/// How the generator fared: `usage` is the sum over all runners, `starts` their true starts in
/// nanoseconds by the operator's clock, `elapsed` the time of load.
pub fn generator(
    asked: Asked<'_>,
    metrics: &Metrics,
    usage: &GeneratorDelta,
    starts: &[i64],
    elapsed: Duration,
) -> GeneratorResult {
    let Asked { timeline, loads, skip, runners, max_lag } = asked;
    let all = Selector::default();
    let started = metrics.count(names::STARTED_ITERATIONS, &all);
    let lag = metrics.trend(names::SCHEDULE_LAG, &all);
    let queued = metrics.trend(names::ITERATION_QUEUE_WAIT, &all);
    let scheduled = Scheduled::of(loads, skip);
    let planned = scheduled.as_ref().map(|scheduled| scheduled.due_before(elapsed.min(timeline.duration())));
    let reported =
        if elapsed < timeline.duration() { elapsed.saturating_sub(REPORTS_APART) } else { elapsed };
    let due = scheduled.as_ref().map(|scheduled| scheduled.due_before(reported));
    let done = scheduled.as_ref().map_or(0.0, |scheduled| scheduled.done(metrics));
    let throttled = (usage.periods > 0).then(|| usage.throttled_periods as f64 / usage.periods as f64);
    let spread =
        starts.iter().max().zip(starts.iter().min()).map(|(last, first)| last.saturating_sub(*first));

    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    // A cause is named once: a throttled thread has no time to spare either, and starts late.
    let throttling = throttled.filter(|share| *share > THROTTLED_LIMIT).map(|share| throttling(share, usage));
    let is_throttled = throttling.is_some();
    problems.extend(throttling);
    if let Some(late) =
        scheduled.as_ref().and_then(|scheduled| late(&scheduled.lag(metrics), max_lag, is_throttled))
    {
        problems.push(late);
    } else if let Some(late) = late(&lag, max_lag, is_throttled) {
        // Users who come late work as they should from then on: their figures can be trusted.
        warnings.push(late);
    }
    if let Some(due) = due
        && done + (ACHIEVED_SLACK as f64) < due as f64 * ACHIEVED_LIMIT
    {
        problems.push(format!("only {done} of {due} iterations that were due were started"));
    }
    if (starts.len() as u64) < u64::from(runners) {
        problems.push(format!("only {} of {runners} runners started", starts.len()));
    }
    if let Some(apart) = spread.filter(|apart| i128::from(*apart) > SPREAD_LIMIT.as_nanos() as i128) {
        problems.push(format!("the runners started {} apart", milliseconds(apart as f64 / 1e6)));
    }
    if let Some(busy) = saturated(usage).filter(|_| !is_throttled) {
        // Users who don't pause drive as fast as they can: being busy is what they are asked for.
        if scheduled.is_some() { &mut problems } else { &mut warnings }.push(busy);
    }
    problems.extend(exhausted(usage, metrics));
    warnings.extend(too_many_series(metrics));
    GeneratorResult {
        achieved: due.filter(|due| *due > 0).map(|due| percent((done / due as f64).min(1.0))),
        busiest_core: (usage.watched_seconds > 0.0).then(|| percent(usage.busiest_core)),
        saturated: (usage.watched_seconds > 0.0)
            .then(|| percent(usage.saturated_seconds / usage.watched_seconds)),
        files_left: usage.files_left.map(|left| left as i64),
        ports_left: usage.ports_left.map(|left| left as i64),
        warnings,
        healthy: problems.is_empty(),
        problems,
        lag_p99: milliseconds(lag.percentile(99.0)),
        queue_wait_p99: (!queued.is_empty()).then(|| milliseconds(queued.percentile(99.0))),
        planned_iterations: planned.map(|planned| planned as i64),
        started_iterations: started as i64,
        cpu_seconds: decimal(usage.cpu_seconds, 3).parse().unwrap_or_default(),
        throttled: throttled.map(percent),
        start_spread: spread.map(|apart| milliseconds(apart as f64 / 1e6)),
    }
}

/// Words for a lag that is beyond what is sound; with what to do about it, unless its cause was named.
fn late(lag: &Trend, max_lag: Duration, is_explained: bool) -> Option<String> {
    let (high, limit) = (lag.percentile(99.0), max_lag.as_secs_f64() * 1e3);
    let advice = if is_explained {
        ""
    } else {
        ": give the runners more CPU, raise spec.runner.parallelism, or allow for it"
    };
    (high > limit && lag.longer_than(limit) >= LATE_LEAST).then(|| {
        format!(
            "the generator started iterations late: 99th percentile {} (spec.runner.maxLag is {}){advice}",
            milliseconds(high),
            milliseconds(limit)
        )
    })
}

fn throttling(share: f64, usage: &GeneratorDelta) -> String {
    let busiest = if usage.watched_seconds > 0.0 {
        format!(" (busiest core {} of what it may use)", percent(usage.busiest_core))
    } else {
        String::new()
    };
    format!(
        "runners were throttled in {} of their CPU periods{busiest}: raise spec.runner.resources.limits.cpu, which a \
         LimitRange of the namespace may have set, or spec.runner.parallelism",
        percent(share)
    )
}

fn saturated(usage: &GeneratorDelta) -> Option<String> {
    let share = usage.saturated_seconds / usage.watched_seconds;
    (usage.watched_seconds >= SATURATED_LEAST && share > SATURATED_LIMIT).then(|| {
        format!(
            "a load thread had no CPU time to spare in {} of the seconds (busiest core {}): latencies hold \
             the generator's own delay; give the runners more CPU, raise spec.runner.parallelism or lower the load",
            percent(share),
            percent(usage.busiest_core)
        )
    })
}

/// What ran out.
fn exhausted(usage: &GeneratorDelta, metrics: &Metrics) -> Vec<String> {
    let files = usage.files_left.filter(|left| *left < FILES_LIMIT).map(|left| {
        format!(
            "file descriptors ran out ({left} left): connections can't be opened; raise the limit of open files \
             (ulimit -n) or spec.runner.parallelism"
        )
    });
    let ports = usage.ports_left.filter(|left| *left < PORTS_LIMIT).map(|left| {
        format!(
            "local ports to one address ran out ({left} left): connections can't be opened; keep connections \
             alive, raise spec.runner.parallelism or widen net.ipv4.ip_local_port_range"
        )
    });
    let mut found: Vec<String> = files.into_iter().chain(ports).collect();
    let kind = Selector { check: Some(names::EXHAUSTED.into()), ..Selector::default() };
    let failed = metrics.count(names::REQUEST_ERRORS, &kind);
    // It may be over before anybody looks.
    if found.is_empty() && failed > 0.0 {
        found.push(format!(
            "{failed} requests failed because file descriptors or local ports ran out: raise the limit of open files \
             (ulimit -n) or spec.runner.parallelism, keep connections alive, or widen net.ipv4.ip_local_port_range"
        ));
    }
    found
}

fn too_many_series(metrics: &Metrics) -> Option<String> {
    let names: Vec<&str> = metrics.overflowed().collect();
    let named = names.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        format!(
            "there are more than {MOST_SERIES} series: the rest of {} metrics ({named}{}) counts to the whole \
             run only, under the request {OVERFLOW}",
            names.len(),
            if names.len() > MOST_NAMED { ", …" } else { "" }
        )
    })
}

/// The loads whose iterations start by the clock, so that it is known how many there should be.
struct Scheduled<'a> {
    loads: Vec<(&'a LoadPlan, Arrivals)>,
    skip: Option<Skip>,
}

impl<'a> Scheduled<'a> {
    /// `None` if there are none.
    fn of(loads: &'a [LoadPlan], skip: Option<Skip>) -> Option<Self> {
        let loads: Vec<_> = loads.iter().filter_map(|load| Some((load, load.arrivals()?))).collect();
        (!loads.is_empty()).then_some(Self { loads, skip })
    }

    fn due_before(&self, at: Duration) -> u64 {
        match self.skip.filter(|skip| at > skip.from) {
            None => self.planned_before(at),
            Some(skip) => {
                let after =
                    self.planned_before(skip.planned(at)).saturating_sub(self.planned_before(skip.to));
                self.planned_before(skip.from) + after
            }
        }
    }

    fn planned_before(&self, at: Duration) -> u64 {
        let of_load = self.loads.iter().map(|(load, arrivals)| match at {
            at if at >= load.end() => arrivals.total(),
            at => arrivals.due_before(at),
        });
        of_load.sum()
    }

    /// Iterations that were started, or dropped for lack of a user.
    fn done(&self, metrics: &Metrics) -> f64 {
        let of_stage = self.stages().map(|stage| {
            let count = |metric| metrics.count(metric, &stage);
            count(names::STARTED_ITERATIONS) + count(names::DROPPED_ITERATIONS)
        });
        of_stage.sum()
    }

    /// How late the generator was to start them.
    fn lag(&self, metrics: &Metrics) -> Trend {
        let mut lag = Trend::default();
        self.stages().for_each(|stage| lag.merge(&metrics.trend(names::SCHEDULE_LAG, &stage)));
        lag
    }

    fn stages(&self) -> impl Iterator<Item = Selector> {
        let stages = self.loads.iter().flat_map(|(load, _)| &load.stages);
        stages.map(|stage| Selector { stage: Some(stage.name.clone()), ..Selector::default() })
    }
}
