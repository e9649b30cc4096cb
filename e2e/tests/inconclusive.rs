// SPDX-License-Identifier: Apache-2.0
//! Runs whose data can't carry a verdict.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{Phase, Verdict};
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// A metric that no API of the cluster serves.
fn unserved() -> Value {
    json!({"type": "External", "external": {
        "metric": {"name": "queue_length"}, "target": {"type": "Value", "value": "1"},
    }})
}

fn judged() -> Value {
    json!({
        "target": {"workloads": [{"name": "target", "expect": {"scaleUpWithin": "5s", "minPeakReplicas": 2}}]},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_without_metrics_can_not_be_judged_and_is_reported_where_nothing_is_expected_of_it()
-> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        target.autoscale_by(unserved(), 3).await?;
        target.autoscaler("ScalingActive", "False").await?;
        let test = merged(merged(constant(5, 10), judged()), json!({"deadlines": {"prepare": "10s"}}));
        let run = context.start("blind", test).await?;
        let run = context.phase(&run, Phase::Finished, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "MetricsUnavailable")?;
        let status = status(&run);
        let message = status.message.unwrap_or_default();
        ensure!(message.starts_with("spec.deadlines.prepare of 10s has passed"), "{message}");
        ensure!(
            message.contains("HorizontalPodAutoscaler/target can't scale: FailedGetExternalMetric: "),
            "{message}"
        );
        ensure!(status.summary.is_none() && target.stats().await?.received == 0, "there was load");

        let test = merged(constant(5, 8), json!({"target": {"workloads": [{"name": "target"}]}}));
        let run = context.run("reported", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let autoscaling = self::status(&run).autoscaling.context("nothing about the autoscaler")?;
        ensure!(
            autoscaling.problems.iter().any(|problem| problem.contains("ScalingActive")),
            "{autoscaling:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "decided in memory too (validate::tests): make e2e-full"]
async fn an_autoscaler_of_containers_that_request_nothing_is_told_with_container_and_field() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        // By a strategic merge, which finds the container by its name.
        let container = json!({"name": "target", "resources": null});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let deployments = context.api::<Deployment>();
        deployments.patch("target", &PatchParams::default(), &Patch::Strategic(patch)).await?;
        target.autoscale_by(Target::cpu(), 3).await?;
        let run = context.start("without", merged(constant(5, 10), judged())).await?;
        let run = context.phase(&run, Phase::Finished, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "MetricsUnavailable")?;
        let message = status(&run).message.unwrap_or_default();
        ensure!(message.contains("container target of Deployment/target"), "{message}");
        ensure!(message.contains("containers[target].resources.requests.cpu"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_of_the_target_during_the_run_makes_it_inconclusive() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        target.autoscale(3).await?;
        let run = context.start("rolled", merged(constant(5, 20), judged())).await?;
        context.loaded(&run, seconds(60)).await?;
        target.patch(json!({"spec": {"template": {"metadata": {"annotations": {"release": "2"}}}}})).await?;
        let run = context.finished(&run, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "RolloutDuringRun")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_without_an_autoscaler_can_not_be_judged() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let test = merged(merged(constant(5, 5), judged()), json!({"deadlines": {"prepare": "5s"}}));
        let run = context.start("unscaled", test).await?;
        let run = context.phase(&run, Phase::Finished, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "AutoscalerNotFound")
    })
    .await
}
