// SPDX-License-Identifier: Apache-2.0
//! Numbers of replicas: the course of a run, what was expected of it, and until when it has to be watched.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingDigest, AutoscalingResult, TimeLimit, Workload};
use upsurge_figures::{
    elasticity::Budget,
    latency::{ScaleUp, Summary, scale_ups, summary},
    observation::{Autoscaler, Log, Source, What},
    workload as figures,
};

use super::USUAL_WAIT;
use super::{
    Observed,
    budget::Settings,
    course,
    demand::declared,
    doubts::after,
    expectations::Course,
    limiting::Limiting,
    outages::outages,
    replicas::{Reached, Replicas, seconds_between},
    unseen::{Gaps, unseen},
};
use crate::plan::Timeline;

/// What is told of where each is lost.
const SOURCES: [Source; 4] = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];

/// What of an autoscaler's settings makes a limit on time.
type Own = fn(&Settings<'_>) -> Result<Budget, String>;

/// The part of the result that numbers of replicas are enough for, and when the first of its expectations was missed.
pub(super) fn analyse(
    observed: &Observed<'_>,
    latency: &Summary,
    limit: Option<&Limiting>,
) -> (AutoscalingResult, Option<Timestamp>) {
    let Observed { timeline, start, end, workload, .. } = *observed;
    let log = observed.record.log();
    let replicas = Replicas::of(log, start, end);
    let (rise, fall) = (after(start, course::rise(timeline)), after(start, course::fall(timeline)));
    let needed = needed(workload, timeline, replicas.at_start());
    let up = needed.map(|needed| replicas.reaches(needed, rise));
    let down = replicas.at_start().map(|first| replicas.settles(first, fall)).filter(|_| end >= fall);
    let seconds = |from: Timestamp, reached: Option<Reached>| {
        reached.and_then(Reached::exact).map(|at| seconds_between(from, at))
    };
    let gaps = Gaps::of(log, start, end);
    let autoscaler = autoscaler(log, start, end);
    let course = Course {
        replicas: &replicas,
        gaps: &gaps,
        needed,
        start,
        rise,
        fall,
        up,
        // Before the fall nothing has come back.
        down: replicas.at_start().map(|_| down.unwrap_or_default()),
        limit,
        settings: Settings {
            autoscaler,
            timeline,
            demand: &declared(workload, timeline),
            latency,
            at_start: replicas.at_start(),
            peak: replicas.peak(),
            needed,
        },
    };
    let bound =
        |of: fn(&Autoscaler) -> u32| autoscaler.map(|found| i32::try_from(of(found)).unwrap_or(i32::MAX));
    let text = |replicas: Option<i32>| replicas.map_or_else(|| "?".into(), |replicas| replicas.to_string());
    let (first, peak, last) = (replicas.at_start(), replicas.peak(), replicas.at_end());
    let expectations = workload.expect.as_ref().map(|expect| course.judge(expect)).unwrap_or_default();
    let missed = workload.expect.as_ref().and_then(|expect| course.first_missed(expect, &expectations));
    let result = AutoscalingResult {
        autoscaler: autoscaler.map(|found| format!("{}/{}", found.kind, found.name)),
        replicas: format!("{}→{}→{}", text(first), text(peak), text(last)),
        start_replicas: first.or(replicas.first_seen()),
        peak_replicas: peak,
        end_replicas: last.or(replicas.last_seen()),
        min_replicas: bound(|found| found.min),
        max_replicas: bound(|found| found.max),
        timeline: replicas.points(),
        scale_up_seconds: seconds(rise, up),
        scale_down_seconds: seconds(fall, down),
        limited_by: limit.map(|limit| format!("{:?}", limit.limit)),
        cause: None,
        requests_while_scaling_down: None,
        problems: problems(log, start, end),
        expectations,
        workloads: Vec::new(),
    };
    (result, missed)
}

/// Until when the observation must go on for the expectations to be decided; `None` when they are, as
/// far as time can decide them.
pub fn watch_until(
    record: &figures::Workload,
    timeline: &Timeline,
    start: Timestamp,
    workload: &Workload,
    now: Timestamp,
) -> Option<Timestamp> {
    let expect = workload.expect.as_ref()?;
    let replicas = Replicas::of(record.log(), start, now);
    let over = after(start, timeline.duration());
    let is_over = now >= over;
    let needed = needed(workload, timeline, replicas.at_start());
    let deadline = |limit: TimeLimit, from: Timestamp, own: Own| match limit {
        TimeLimit::Within(span) => Some(after(from, span.0)),
        TimeLimit::Auto => {
            let is_during = |up: &ScaleUp| up.decided >= start && up.decided <= now;
            let ups: Vec<ScaleUp> = scale_ups(record.log()).into_iter().filter(is_during).collect();
            let settings = Settings {
                autoscaler: autoscaler(record.log(), start, now),
                timeline,
                demand: &declared(workload, timeline),
                latency: &summary(&ups),
                at_start: replicas.at_start(),
                peak: replicas.peak(),
                needed,
            };
            own(&settings).ok().map(|budget| after(from, budget.longest()).min(after(over, USUAL_WAIT)))
        }
    };
    let up = expect.scale_up_within.and_then(|limit| {
        let rise = after(start, course::rise(timeline));
        // Where nobody knows how many are needed, time can't decide it.
        let is_open = replicas.reaches(needed?, rise).seen.is_none();
        is_open.then(|| deadline(limit, rise, |own| own.up())).flatten()
    });
    let down = expect.scale_down_within.and_then(|limit| {
        let first = replicas.at_start()?;
        // What the autoscaler still wants will still come: only both together are "back".
        let is_back =
            replicas.at_end().is_some_and(|ready| ready.max(replicas.wanted_at_end().unwrap_or(0)) <= first);
        let fall = after(start, course::fall(timeline));
        (!(is_back && is_over)).then(|| deadline(limit, fall, |own| own.down())).flatten()
    });
    let settled = expect.max_settling_time.and_then(|within| {
        // When the load is over it asks for as few as there may be.
        let autoscaler = autoscaler(record.log(), start, now);
        let fewest = autoscaler.map_or(1, |found| i32::try_from(found.min.max(1)).unwrap_or(i32::MAX));
        let is_there = replicas.at_end().is_some_and(|ready| ready.abs_diff(fewest) <= 1);
        (!(is_there && is_over)).then(|| after(over, within.0))
    });
    [up, down, settled].into_iter().flatten().max().filter(|until| *until > now)
}

/// The result in short, for the status of the test.
pub fn digest(result: &AutoscalingResult) -> AutoscalingDigest {
    AutoscalingDigest { replicas: result.replicas.clone(), limited_by: result.limited_by.clone() }
}

/// The autoscaler as it was when the load started, or the first one that came after that. That it was changed later is a doubt of its own.
pub(super) fn autoscaler(log: &Log, start: Timestamp, end: Timestamp) -> Option<&Autoscaler> {
    let mut found = None;
    for event in log.events().iter().take_while(|event| event.seen <= end) {
        if event.seen > start && found.is_some() {
            break;
        }
        match &event.what {
            What::Autoscaler(autoscaler) => found = Some(autoscaler),
            What::AutoscalerGone => found = None,
            _ => {}
        }
    }
    found
}

/// Replicas that the load asked for at its peak, as far as that is known.
fn needed(workload: &Workload, timeline: &Timeline, at_start: Option<i32>) -> Option<i32> {
    own_need(workload, timeline).or_else(|| at_start.map(|first| first.saturating_add(1)))
}

/// The same by the test alone.
pub(super) fn own_need(workload: &Workload, timeline: &Timeline) -> Option<i32> {
    let fewest = workload.expect.as_ref().and_then(|expect| expect.min_peak_replicas);
    let demanded = declared(workload, timeline).replicas(timeline.peak());
    fewest.or(demanded.map(|replicas| i32::try_from(replicas).unwrap_or(i32::MAX).max(1)))
}

/// What was out of order with the autoscaler, and what was not seen, why and when.
fn problems(log: &Log, start: Timestamp, end: Timestamp) -> Vec<String> {
    let out_of_order = ["ScalingActive", "AbleToScale"]
        .into_iter()
        .flat_map(|type_| outages(log, type_, start, end))
        .map(|outage| {
            format!(
                "{}={} from {:.0} s to {:.0} s of the run: {}: {}",
                outage.condition.condition,
                outage.condition.status,
                seconds_between(start, outage.from),
                seconds_between(start, outage.to),
                outage.condition.reason,
                outage.condition.message
            )
        });
    let gaps = SOURCES.into_iter().flat_map(|source| unseen(log, source, start, end));
    out_of_order.chain(gaps.map(|gap| gap.explained(start))).collect()
}
