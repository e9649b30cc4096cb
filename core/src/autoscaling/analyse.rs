// SPDX-License-Identifier: Apache-2.0
//! From an observation to the result in the status.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingDigest, AutoscalingResult, Workload};

use super::{
    Observation, course,
    demand::declared,
    doubts::after,
    expectations::Course,
    limits::Limit,
    outages::outages,
    replicas::{Replicas, seconds_between},
};
use crate::plan::Timeline;

/// What the autoscaler did between the start of the load and `end`, the end of the observation.
pub fn analyse(
    observation: &Observation,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
    workload: &Workload,
) -> AutoscalingResult {
    let replicas = Replicas::new(&observation.samples, start, end);
    let (rise, fall) = (after(start, course::rise(timeline)), after(start, course::fall(timeline)));
    let needed = needed(workload, timeline, replicas.at_start());
    let known = !observation.samples.is_empty();
    let scale_up = replicas.reaches(needed, rise).filter(|_| known).map(|at| seconds_between(rise, at));
    let scale_down = replicas
        .settles(replicas.at_start(), fall)
        .filter(|_| known && end >= fall)
        .map(|at| seconds_between(fall, at));
    let within = workload.expect.as_ref().and_then(|expect| expect.scale_up_within);
    let in_time = scale_up.is_some_and(|seconds| within.is_none_or(|within| seconds <= within.as_secs_f64()));
    let limit = Limit::find(observation, &replicas, (start, fall.min(end)), needed, in_time);
    let course = Course {
        replicas: &replicas,
        needed,
        rise,
        fall,
        scale_up,
        scale_down,
        limit: limit.map(|limit| limit.explain(observation)),
    };
    let (first, peak) = (replicas.at_start(), replicas.peak());
    let last = replicas.last().map_or(0, |sample| sample.ready);
    AutoscalingResult {
        autoscaler: observation.autoscaler.as_ref().map(|found| format!("{}/{}", found.kind, found.name)),
        replicas: format!("{first}→{peak}→{last}"),
        start_replicas: first,
        peak_replicas: peak,
        end_replicas: last,
        min_replicas: observation.autoscaler.as_ref().map(|found| found.min_replicas),
        max_replicas: observation.autoscaler.as_ref().map(|found| found.max_replicas),
        timeline: replicas.points(),
        scale_up_seconds: scale_up,
        scale_down_seconds: scale_down,
        limited_by: limit.map(|limit| limit.to_string()),
        requests_while_scaling_down: None,
        problems: problems(observation, start, end),
        expectations: workload.expect.as_ref().map(|expect| course.judge(expect)).unwrap_or_default(),
        workloads: Vec::new(),
    }
}

/// Until when the observation must go on for the expectations to be decided; `None` when they are, as
/// far as time can decide them.
pub fn watch_until(
    observation: &Observation,
    timeline: &Timeline,
    start: Timestamp,
    workload: &Workload,
    now: Timestamp,
) -> Option<Timestamp> {
    let expect = workload.expect.as_ref()?;
    let replicas = Replicas::new(&observation.samples, start, now);
    let up = expect.scale_up_within.and_then(|within| {
        let rise = after(start, course::rise(timeline));
        let reached = replicas.reaches(needed(workload, timeline, replicas.at_start()), rise).is_some();
        (!reached).then(|| after(rise, within.0))
    });
    let down = expect.scale_down_within.and_then(|within| {
        let first = replicas.at_start();
        // What the autoscaler still wants will still come: only both together are "back".
        let back = replicas.last().is_some_and(|sample| sample.ready.max(sample.desired) <= first);
        let over = now >= after(start, timeline.duration());
        (!(back && over)).then(|| after(after(start, course::fall(timeline)), within.0))
    });
    let settled = expect.max_settling_time.and_then(|within| {
        // When the load is over it asks for as few as there may be.
        let fewest = observation.autoscaler.as_ref().map_or(1, |found| found.min_replicas.max(1));
        let over = now >= after(start, timeline.duration());
        let there = replicas.last().is_some_and(|sample| sample.ready.abs_diff(fewest) <= 1);
        (!(there && over)).then(|| after(after(start, timeline.duration()), within.0))
    });
    [up, down, settled].into_iter().flatten().max().filter(|until| *until > now)
}

/// The result in short, for the status of the test.
pub fn digest(result: &AutoscalingResult) -> AutoscalingDigest {
    AutoscalingDigest { replicas: result.replicas.clone(), limited_by: result.limited_by.clone() }
}

/// Replicas that the load asked for at its peak.
pub(super) fn needed(workload: &Workload, timeline: &Timeline, at_start: i32) -> i32 {
    own_need(workload, timeline).unwrap_or(at_start.saturating_add(1))
}

/// Whether it is known without the replicas at the start how many the load asked for.
pub(super) fn has_own_need(workload: &Workload, timeline: &Timeline) -> bool {
    own_need(workload, timeline).is_some()
}

fn own_need(workload: &Workload, timeline: &Timeline) -> Option<i32> {
    let fewest = workload.expect.as_ref().and_then(|expect| expect.min_peak_replicas);
    let demanded = declared(workload, timeline).replicas(timeline.peak());
    fewest.or(demanded.map(|replicas| i32::try_from(replicas).unwrap_or(i32::MAX).max(1)))
}

fn problems(observation: &Observation, start: Timestamp, end: Timestamp) -> Vec<String> {
    let out_of_order = ["ScalingActive", "AbleToScale"]
        .into_iter()
        .flat_map(|type_| outages(observation, type_, start, end))
        .map(|outage| {
            format!(
                "{}=False from {:.0} s to {:.0} s of the run: {}: {}",
                outage.type_,
                seconds_between(start, outage.from),
                seconds_between(start, outage.to),
                outage.reason,
                outage.message
            )
        });
    out_of_order.chain(observation.problems.iter().cloned()).collect()
}
