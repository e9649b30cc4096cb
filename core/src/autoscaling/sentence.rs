// SPDX-License-Identifier: Apache-2.0
//! What the reader of a verdict is told of the autoscaler, in sentences with numbers.

use upsurge_crds::v1alpha1::{AutoscalingResult, WorkloadResult};
use upsurge_figures::latency::Part;

use super::workload::name;

/// Where the time of scale-ups went, what limited, and what to change; nothing of what isn't known.
pub fn explained(result: &AutoscalingResult) -> Vec<String> {
    result
        .workloads
        .iter()
        .flat_map(|workload| {
            let change = workload.recommendation.as_ref().map(|told| format!("to change: {}", told.text));
            [took_longest(workload), limited_besides(workload, result), change]
        })
        .flatten()
        .collect()
}

/// What limited, in short; nothing if nothing did.
pub fn limited(workload: &WorkloadResult) -> Option<String> {
    let Limit { limit, seconds, evidence } = limit(workload)?;
    let WorkloadResult { kind, name, .. } = workload;
    Some(format!("{kind}/{name} was limited by {limit} for {seconds:.0} s ({evidence})"))
}

/// The same after what became of expectations: where these name the limit, only for how long it was in force.
fn limited_besides(workload: &WorkloadResult, result: &AutoscalingResult) -> Option<String> {
    let Limit { seconds, evidence, .. } = limit(workload)?;
    let mut messages = result.expectations.iter().filter_map(|expectation| expectation.message.as_ref());
    match !evidence.is_empty() && messages.any(|message| message.contains(evidence)) {
        true => Some(format!("that limit was in force for {seconds:.0} s")),
        false => limited(workload),
    }
}

/// The limit of a workload.
struct Limit<'a> {
    limit: &'a str,
    /// How long it was in force in all.
    seconds: f64,
    /// What it was seen by for the longest time.
    evidence: &'a str,
}

fn limit(workload: &WorkloadResult) -> Option<Limit<'_>> {
    let limit = workload.limited_by.as_deref().filter(|limit| *limit != "None")?;
    let own = || workload.limits.iter().filter(|stretch| stretch.limit == limit);
    let seconds = own().map(|stretch| stretch.seconds).sum();
    let longest = own().max_by(|one, other| one.seconds.total_cmp(&other.seconds))?;
    Some(Limit { limit, seconds, evidence: &longest.evidence })
}

fn took_longest(workload: &WorkloadResult) -> Option<String> {
    let largest = workload.largest_part.as_deref()?;
    let words = Part::ALL.into_iter().find(|part| name(*part) == largest)?.in_words();
    let summary = workload.latency.iter().find(|part| part.part == largest)?;
    Some(format!("of scale-ups, most time went to {words} (p50 {}, longest {})", summary.p50, summary.max))
}
