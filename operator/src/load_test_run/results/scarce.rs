// SPDX-License-Identifier: Apache-2.0
//! What was scarce, put into the status of a run.

use jiff::Timestamp;
use upsurge_core::{
    scarce::{Looked, Scarce, name_in},
    soak::Latency,
    verdict::Outcome,
};
use upsurge_crds::v1alpha1::{BottleneckResult, LoadTestRunStatus};
use upsurge_figures::workload::Workload;

use super::Plan;
use crate::collector::SessionSnapshot;

/// What was recorded of each workload of the test.
pub(super) fn watched<'a>(plan: &Plan, snapshot: &'a SessionSnapshot) -> Vec<&'a Workload> {
    plan.test().target.workloads.iter().zip(snapshot.workloads()).map(|(_, recorded)| recorded).collect()
}

/// What is looked at of a load that started and ended then.
pub(super) fn looked<'a>(
    plan: &'a Plan,
    snapshot: &'a SessionSnapshot,
    recorded: &'a [&'a Workload],
    latencies: &'a [Latency],
    [start, end]: [Timestamp; 2],
) -> Looked<'a> {
    Looked {
        test: plan.test(),
        timeline: plan.timeline(),
        recorded,
        latencies,
        start,
        end,
        elapsed: snapshot.elapsed,
    }
}

/// Puts it into the status, with what was scarce, which a verdict on the target tells as well. Of a load that was cut short
/// nothing is judged.
pub(super) fn tell(
    scarce: Scarce,
    status: &mut LoadTestRunStatus,
    outcome: &mut Outcome,
    found: BottleneckResult,
    was_cut: bool,
) {
    name_in(outcome, &found);
    let more = i32::try_from(scarce.omitted).unwrap_or(i32::MAX);
    if more > 0 && !scarce.usage.is_empty() {
        status.omitted.insert("usage".into(), more);
    }
    status.usage_expectations = scarce.usage_expectations(was_cut);
    status.soak = scarce.soak(was_cut).map(Box::new);
    status.usage = scarce.usage;
    status.bottleneck = Some(found);
}
