// SPDX-License-Identifier: Apache-2.0
//! What is told in a record and not computed once more. Names it, and computes nothing.

use upsurge_crds::v1alpha1::AutoscalingResult;

use super::Verified;
use crate::model::Record;

/// What else is told. A run computes it as it goes on, from more than its record keeps or in other ways than here; to say nothing of it
/// would look as if it had been checked.
pub(super) fn beyond(record: &Record, verified: &mut Verified) {
    let more_than_replicas = |told: &AutoscalingResult| {
        let replicas = AutoscalingResult {
            start_replicas: told.start_replicas,
            peak_replicas: told.peak_replicas,
            end_replicas: told.end_replicas,
            ..AutoscalingResult::default()
        };
        *told != replicas
    };
    let told = [
        (
            "autoscaling (but for replicas at the start, the peak and the end)",
            record.autoscaling.as_ref().is_some_and(more_than_replicas),
        ),
        ("elasticSpeedups", !record.elastic_speedups.is_empty()),
        ("scalability, and the verdict with it", record.scalability.is_some() && record.history.is_empty()),
        ("stress", record.stress.is_some()),
        ("spikes", !record.spikes.is_empty()),
        ("verification", record.verification.is_some()),
        ("operations", !record.operations.is_empty()),
        ("usage", !record.usage.is_empty()),
        ("usageExpectations", !record.usage_expectations.is_empty()),
        ("soak", record.soak.is_some()),
        ("bottleneck", record.bottleneck.is_some()),
        ("prometheusChecks", !record.prometheus_checks.is_empty()),
    ];
    let names: Vec<&str> = told.into_iter().filter(|(_, is_told)| *is_told).map(|(name, _)| name).collect();
    if !names.is_empty() {
        verified.skip(format!("what is told of {}", names.join("; ")));
    }
}
