//! Prometheus checks: range queries over the load, judged by `upsurge_core::checks`.

use jiff::Timestamp;
use upsurge_core::{checks, plan::Timeline};
use upsurge_crds::v1alpha1::{PrometheusCheckResult, PrometheusSpec};

/// Asks the server for each check, over its stage or the whole load, which lasted from `start` to `end`.
pub async fn run_checks(
    spec: &PrometheusSpec,
    _timeline: &Timeline,
    _start: Timestamp,
    _end: Timestamp,
) -> Vec<PrometheusCheckResult> {
    spec.checks.iter().map(|check| checks::judge(check, Err("not asked".into()))).collect()
}
