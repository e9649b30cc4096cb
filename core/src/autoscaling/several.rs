// SPDX-License-Identifier: Apache-2.0
//! Several workloads of one test: each is judged by itself, and what came of all is put together.
//!
//! The first that missed what is expected of it is named as the cause. Others may have waited for it only if they changed after
//! that: one that grew before did not wait. Whether they call each other nobody knows here.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{
    AutoscalingResult, ExpectationResult, RequestsWhileScalingDown, WorkloadResult,
};

use super::{Doubt, Observed, replicas::seconds_between};

/// A workload of a test, with what was lost while its pods were ending.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What is known of it.
    pub observed: Observed<'a>,
    /// Failed requests while its pods were ending.
    pub lost: Option<RequestsWhileScalingDown>,
    /// How many of them while those of each scale-down were, by when it was decided.
    pub lost_each: BTreeMap<Timestamp, i64>,
}

/// What came of a workload by itself.
struct Seen {
    name: String,
    /// Its kind and name.
    who: String,
    start: Timestamp,
    result: AutoscalingResult,
    doubts: Vec<Doubt>,
    /// When the first of its expectations was missed.
    missed: Option<Timestamp>,
    /// When it was scaled up for the first time under the load.
    changed: Option<Timestamp>,
}

/// What came of all workloads of a test, in their order, and the doubts about them. `None` without any.
pub fn together(parts: Vec<Part<'_>>) -> Option<(AutoscalingResult, Vec<Doubt>)> {
    let is_alone = parts.len() == 1;
    let mut seen = Vec::new();
    for Part { observed, lost, lost_each } in parts {
        let report = observed.report()?;
        let doubts = observed.doubts(&report);
        let (mut result, missed) = observed.judged(&report, lost);
        let downs = result.workloads.iter_mut().flat_map(|workload| &mut workload.scale_downs);
        downs.for_each(|down| down.lost_requests = lost_each.get(&down.at.0).copied());
        if is_alone {
            return Some((result, doubts));
        }
        let (kind, name) = (&observed.workload.kind, &observed.workload.name);
        seen.push(Seen {
            name: name.clone(),
            who: format!("{kind}/{name}"),
            start: observed.start,
            result,
            doubts,
            missed,
            changed: report.scale_ups.iter().map(|up| up.scale_up.decided).min(),
        });
    }
    (!seen.is_empty()).then(|| joined(seen))
}

/// Failed requests while pods were ending, of each workload of which something is known; with its name, where there are several.
pub fn lost(result: &AutoscalingResult) -> impl Iterator<Item = (Option<&str>, &RequestsWhileScalingDown)> {
    let alone = result.requests_while_scaling_down.iter().map(|lost| (None, lost));
    let each = result.workloads.iter().filter_map(|workload| {
        let lost = workload.requests_while_scaling_down.as_ref()?;
        Some((Some(workload.name.as_str()), lost))
    });
    alone.chain(each)
}

fn joined(seen: Vec<Seen>) -> (AutoscalingResult, Vec<Doubt>) {
    let first = first(&seen);
    let replicas: Vec<String> =
        seen.iter().map(|one| format!("{} {}", one.name, one.result.replicas)).collect();
    let mut all = AutoscalingResult {
        replicas: replicas.join(", "),
        limited_by: limited(&seen, first),
        cause: first.and_then(|first| cause(&seen, first)),
        ..AutoscalingResult::default()
    };
    let mut doubts = Vec::new();
    for Seen { name, who, result, doubts: own, .. } in seen {
        let told = own
            .into_iter()
            .map(|doubt| Doubt { message: format!("{who}: {}", doubt.message), reason: doubt.reason });
        doubts.extend(told);
        all.problems.extend(result.problems.into_iter().map(|problem| format!("{name}: {problem}")));
        let expectations = result
            .expectations
            .into_iter()
            .map(|one| ExpectationResult { name: format!("{name}: {}", one.name), ..one });
        all.expectations.extend(expectations);
        let figures = result.workloads.into_iter().next().unwrap_or_default();
        all.workloads.push(WorkloadResult {
            autoscaler: result.autoscaler,
            replicas: Some(result.replicas),
            start_replicas: result.start_replicas,
            peak_replicas: result.peak_replicas,
            end_replicas: result.end_replicas,
            min_replicas: result.min_replicas,
            max_replicas: result.max_replicas,
            timeline: result.timeline,
            scale_up_seconds: result.scale_up_seconds,
            scale_down_seconds: result.scale_down_seconds,
            requests_while_scaling_down: result.requests_while_scaling_down,
            ..figures
        });
    }
    (all, doubts)
}

/// Which was the first to miss something. Of several at the same instant, the one that changed first: what waits changes later.
fn first(seen: &[Seen]) -> Option<usize> {
    let missed = seen.iter().enumerate().filter_map(|(index, one)| {
        let changed = one.changed.unwrap_or(Timestamp::MAX);
        Some((one.missed?, changed, index))
    });
    missed.min().map(|(.., index)| index)
}

/// Which was first, if others missed something too, and which of these changed only after that.
fn cause(seen: &[Seen], first: usize) -> Option<String> {
    let named = seen.get(first)?;
    let at = named.missed?;
    let others: Vec<&Seen> = seen
        .iter()
        .enumerate()
        .filter(|(index, one)| *index != first && one.missed.is_some())
        .map(|(_, one)| one)
        .collect();
    if others.is_empty() {
        return None;
    }
    let seconds = seconds_between(named.start, at);
    let said =
        format!("{} was the first to miss what is expected of it, at {seconds:.0} s of the load", named.who);
    let later = others.into_iter().filter(|one| one.changed.is_some_and(|changed| changed > at));
    let later: Vec<&str> = later.map(|one| one.who.as_str()).collect();
    Some(match later.as_slice() {
        [] => said,
        [one] => format!("{said}; {one} was scaled up only after that, and may have waited for it"),
        many => {
            format!(
                "{said}; {} were scaled up only after that, and may have waited for it",
                many.join(" and ")
            )
        }
    })
}

/// What limited the first that missed something, else what limited one for the longest time, with the workload's name.
fn limited(seen: &[Seen], first: Option<usize>) -> Option<String> {
    let limited = |one: &&Seen| one.result.limited_by.is_some();
    let named = first.and_then(|first| seen.get(first)).filter(limited);
    let longest = || {
        let all = seen.iter().filter(limited);
        all.max_by(|one, other| lasted(one).total_cmp(&lasted(other)))
    };
    let one = named.or_else(longest)?;
    Some(format!("{}: {}", one.name, one.result.limited_by.as_ref()?))
}

/// How long a workload's limit was in force.
fn lasted(one: &Seen) -> f64 {
    let stretches = one.result.workloads.iter().flat_map(|workload| &workload.limits);
    let own = stretches.filter(|stretch| one.result.limited_by.as_ref() == Some(&stretch.limit));
    own.map(|stretch| stretch.seconds).sum()
}
