// SPDX-License-Identifier: Apache-2.0
//! What the reader of a verdict is told of the autoscaler, in sentences with numbers.

use upsurge_crds::v1alpha1::{AutoscalingResult, WorkloadResult};
use upsurge_figures::latency::Part;

use super::workload::name;

/// Which of several workloads was the first to miss something, where the time of scale-ups went, what limited, and what to change;
/// nothing of what isn't known.
pub fn explained(result: &AutoscalingResult) -> Vec<String> {
    let is_several = result.workloads.len() > 1;
    let each = result.workloads.iter().flat_map(|workload| {
        let whose = |said: String| if is_several { format!("{}: {said}", workload.name) } else { said };
        let change = workload.recommendation.as_ref().map(|told| format!("to change: {}", told.text));
        [took_longest(workload).map(whose), limited_besides(workload, result), change.map(whose)]
    });
    result.cause.iter().cloned().chain(each.flatten()).collect()
}

/// What limited, in short; nothing if nothing did.
pub fn limited(workload: &WorkloadResult) -> Option<String> {
    let Limit { limit, seconds, evidence } = limit(workload)?;
    let WorkloadResult { kind, name, .. } = workload;
    Some(format!("{kind}/{name} was limited by {limit} for {seconds:.0} s ({evidence})"))
}

/// The same after what became of expectations: where these name the limit, only for how long it was in force.
fn limited_besides(workload: &WorkloadResult, result: &AutoscalingResult) -> Option<String> {
    let Limit { limit, seconds, evidence } = limit(workload)?;
    let mut messages = result.expectations.iter().filter_map(|expectation| expectation.message.as_ref());
    match !evidence.is_empty() && messages.any(|message| message.contains(evidence)) {
        true if result.workloads.len() > 1 => {
            Some(format!("{limit} of {} was in force for {seconds:.0} s", workload.name))
        }
        true => Some(format!("{limit} was in force for {seconds:.0} s")),
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use upsurge_crds::v1alpha1::{ExpectationResult, LimitResult};

    use super::*;

    #[test]
    fn a_limit_that_an_expectation_has_shown_is_called_by_its_name() {
        let evidence = "4 of at most 4 replicas";
        let time = || Time(Timestamp::UNIX_EPOCH);
        let (limit, limited_by) = ("MaxReplicas".to_owned(), Some("MaxReplicas".to_owned()));
        let (seconds, evidence_of) = (40.0, evidence.to_owned());
        let stretch = LimitResult { limit, from: time(), to: time(), seconds, evidence: evidence_of };
        let workload = WorkloadResult { limited_by, limits: vec![stretch], ..WorkloadResult::default() };
        let missed = ExpectationResult {
            name: "scaleUpWithin".into(),
            expected: "30s".into(),
            observed: "4 of 6 replicas".into(),
            passed: false,
            undecided: false,
            message: Some(format!("peak was 4: {evidence}")),
            basis: None,
        };
        let result = AutoscalingResult {
            expectations: vec![missed],
            workloads: vec![workload],
            ..AutoscalingResult::default()
        };
        assert_eq!(explained(&result), ["MaxReplicas was in force for 40 s"]);
    }
}
