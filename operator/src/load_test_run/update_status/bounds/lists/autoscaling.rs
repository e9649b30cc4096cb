// SPDX-License-Identifier: Apache-2.0
//! The lists of the target's replicas and of what moved them.

use upsurge_crds::v1alpha1::{
    AutoscalingResult, LatencyPart, LimitResult, LoadTestRunStatus, RequestsWhileScalingDown,
    ScaleDownResult, ScaleUpResult, WorkloadResult,
};

use super::{super::keep, List, measure, number, of};

/// Replicas over time.
pub(super) const TIMELINE: List = List {
    name: "autoscaling.timeline",
    most: 100,
    decides: false,
    measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.timeline),
    keep: |status, most| within(status, |result| keep::course(&mut result.timeline, most)),
};

/// One for each workload.
pub(super) const WORKLOADS: List = List {
    name: "autoscaling.workloads",
    most: 16,
    // What stands in their own lists goes before they do.
    decides: true,
    measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.workloads),
    keep: |status, most| {
        within(status, |result| {
            // Those that something limited.
            let limited = |workload: &WorkloadResult| workload.limited_by.is_some();
            keep::worst(&mut result.workloads, most, limited, &[])
        })
    },
};

/// Replicas of each of several over time.
pub(super) const TIMELINES: List = List {
    name: "autoscaling.workloads[].timeline",
    most: 100,
    decides: false,
    measure: |status| of_workloads(status, |workload| measure(&workload.timeline)),
    keep: |status, most| each_workload(status, |workload| keep::course(&mut workload.timeline, most)),
};

/// Times at which a workload grew.
pub(super) const SCALE_UPS: List = List {
    name: "autoscaling.workloads[].scaleUps",
    most: 50,
    decides: false,
    measure: |status| of_workloads(status, |workload| measure(&workload.scale_ups)),
    keep: |status, most| {
        each_workload(status, |workload| {
            let size: keep::Aspect<ScaleUpResult> = |event| f64::from(event.to.abs_diff(event.from));
            // The largest steps, then the last and the first.
            let aspects: [keep::Aspect<ScaleUpResult>; 3] =
                [size, |event| event.seconds, |event| -event.seconds];
            keep::worst(&mut workload.scale_ups, most, |up| up.limited_by.is_some(), &aspects)
        })
    },
};

/// Times at which it shrank.
pub(super) const SCALE_DOWNS: List = List {
    name: "autoscaling.workloads[].scaleDowns",
    most: 50,
    decides: false,
    measure: |status| of_workloads(status, |workload| measure(&workload.scale_downs)),
    keep: |status, most| {
        each_workload(status, |workload| {
            let size: keep::Aspect<ScaleDownResult> = |event| f64::from(event.to.abs_diff(event.from));
            let aspects: [keep::Aspect<ScaleDownResult>; 3] =
                [size, |event| event.seconds, |event| -event.seconds];
            keep::worst(&mut workload.scale_downs, most, |_| false, &aspects)
        })
    },
};

/// How long the parts of scale-ups took.
pub(super) const LATENCY: List = List {
    name: "autoscaling.workloads[].latency",
    most: 7,
    decides: false,
    measure: |status| of_workloads(status, |workload| measure(&workload.latency)),
    // Those that took longest.
    keep: |status, most| {
        each_workload(status, |workload| {
            keep::worst(&mut workload.latency, most, |_| false, &[|part: &LatencyPart| number(&part.max)])
        })
    },
};

/// What kept a workload from growing.
pub(super) const LIMITS: List = List {
    name: "autoscaling.workloads[].limits",
    most: 20,
    decides: false,
    measure: |status| of_workloads(status, |workload| measure(&workload.limits)),
    // Those that were in force longest.
    keep: |status, most| {
        each_workload(status, |workload| {
            keep::worst(&mut workload.limits, most, |_| false, &[|limit: &LimitResult| limit.seconds])
        })
    },
};

/// When a workload was not seen.
pub(super) const GAPS: List = List {
    name: "autoscaling.workloads[].gaps",
    most: 10,
    decides: false,
    measure: |status| of_workloads(status, |workload| measure(&workload.gaps)),
    keep: |status, most| {
        each_workload(status, |workload| keep::worst(&mut workload.gaps, most, |_| false, &[]))
    },
};

/// What puts the figures in doubt.
pub(super) const PROBLEMS: List = List {
    name: "autoscaling.problems",
    most: 20,
    decides: true,
    measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.problems),
    keep: |status, most| within(status, |result| keep::worst(&mut result.problems, most, |_| false, &[])),
};

/// When it was not seen which pods were ending.
pub(super) const GAPS_WHILE_SCALING_DOWN: List = List {
    name: "autoscaling.requestsWhileScalingDown.gaps",
    most: 10,
    decides: true,
    measure: |status| {
        let result = status.autoscaling.as_deref();
        let found = result.and_then(|result| result.requests_while_scaling_down.as_ref());
        of(found, |found: &RequestsWhileScalingDown| &found.gaps)
    },
    keep: |status, most| {
        within(status, |result| {
            let gaps = result.requests_while_scaling_down.as_mut().map(|found| &mut found.gaps);
            gaps.map_or(0, |gaps| keep::worst(gaps, most, |_| false, &[]))
        })
    },
};

/// The same of each of several workloads.
pub(super) const GAPS_WHILE_EACH_SCALES_DOWN: List = List {
    name: "autoscaling.workloads[].requestsWhileScalingDown.gaps",
    most: 10,
    decides: true,
    measure: |status| {
        of_workloads(status, |workload| {
            let found = workload.requests_while_scaling_down.as_ref();
            of(found, |found: &RequestsWhileScalingDown| &found.gaps)
        })
    },
    keep: |status, most| {
        each_workload(status, |workload| {
            let gaps = workload.requests_while_scaling_down.as_mut().map(|found| &mut found.gaps);
            gaps.map_or(0, |gaps| keep::worst(gaps, most, |_| false, &[]))
        })
    },
};

/// What the test asks of the autoscalers.
pub(super) const EXPECTATIONS: List = List {
    name: "autoscaling.expectations",
    most: 50,
    decides: true,
    measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.expectations),
    keep: |status, most| {
        within(status, |result| {
            keep::worst(&mut result.expectations, most, |expectation| !expectation.passed, &[])
        })
    },
};

fn within(status: &mut LoadTestRunStatus, shorten: impl FnOnce(&mut AutoscalingResult) -> usize) -> usize {
    status.autoscaling.as_deref_mut().map_or(0, shorten)
}

/// Measures a list of each workload: entries of the longest, and bytes of all.
fn of_workloads(
    status: &LoadTestRunStatus,
    list: impl Fn(&WorkloadResult) -> (usize, usize),
) -> (usize, usize) {
    let workloads = status.autoscaling.iter().flat_map(|result| &result.workloads);
    workloads.map(list).fold((0, 0), |(most, sum), (entries, bytes)| (most.max(entries), sum + bytes))
}

/// Shortens a list of each workload.
fn each_workload(status: &mut LoadTestRunStatus, shorten: impl Fn(&mut WorkloadResult) -> usize) -> usize {
    let workloads = status.autoscaling.iter_mut().flat_map(|result| &mut result.workloads);
    workloads.map(shorten).sum()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use upsurge_crds::v1alpha1::{LatencySplit, RecommendationResult};

    use super::{super::super::bounded, *};

    #[test]
    fn no_workload_vanishes_as_long_as_the_lists_of_all_have_many_entries() {
        let (time, text) = (|| Time(Timestamp::UNIX_EPOCH), || "x".repeat(600));
        let limit =
            LimitResult { limit: "Nodes".into(), from: time(), to: time(), seconds: 9.0, evidence: text() };
        let up = ScaleUpResult {
            at: time(),
            seconds: 9.0,
            from: 1,
            to: 2,
            split: LatencySplit::default(),
            largest: None,
            limited_by: None,
            missing_pods: None,
        };
        let lost = RequestsWhileScalingDown { gaps: vec![text(); 10], ..RequestsWhileScalingDown::default() };
        let workload = WorkloadResult {
            scale_ups: vec![up; 50],
            limits: vec![limit; 20],
            gaps: vec![text(); 10],
            recommendation: Some(RecommendationResult { text: text(), reason: text(), patch: None }),
            requests_while_scaling_down: Some(lost),
            ..WorkloadResult::default()
        };
        let named = |place: usize| WorkloadResult { name: format!("workload-{place}"), ..workload.clone() };
        let autoscaling =
            AutoscalingResult { workloads: (0..8).map(named).collect(), ..AutoscalingResult::default() };
        let autoscaling = Some(Box::new(autoscaling));
        let status = bounded(LoadTestRunStatus { autoscaling, ..LoadTestRunStatus::default() });
        let workloads = status.autoscaling.unwrap().workloads;
        assert_eq!(workloads.len(), 8);
        assert!(workloads.iter().all(|one| one.limits.len() > 1 && one.scale_ups.len() > 1));
    }
}
