// SPDX-License-Identifier: Apache-2.0
//! Thresholds that a load implies: whoever asks for it asks for them.

use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold, ThresholdSelector};

use crate::{
    metrics::names,
    plan::{Plan, is_step},
    single,
};

/// The spec with the thresholds that its load stands for: of `stopAt`, one for each step, which aborts; of a benchmark, one for each
/// limit; of a smoke test, that nothing fails.
/// A spec whose load is wrong stays as it is.
pub fn with_thresholds(mut spec: LoadTestSpec) -> LoadTestSpec {
    let own = single::thresholds(&spec);
    spec.thresholds.extend(own);
    let Some(stop) = spec.load.stress.as_ref().and_then(|stress| stress.stop_at.clone()) else { return spec };
    let Ok(plan) = Plan::compile(&spec.load, &[]) else { return spec };
    let steps =
        plan.timeline.stages.into_iter().filter(|stage| is_step(&stage.name)).map(|stage| Threshold {
            metric: names::HTTP_REQ_FAILED.to_owned(),
            selector: Some(ThresholdSelector { stage: Some(stage.name), ..ThresholdSelector::default() }),
            condition: format!("rate < {}", stop.error_rate),
            abort_on_fail: true,
            ..Threshold::default()
        });
    spec.thresholds.extend(steps);
    spec
}
