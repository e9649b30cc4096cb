// SPDX-License-Identifier: Apache-2.0
//! Runs whose data can't carry a verdict.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{Phase, Verdict};
use upsurge_e2e::{
    Context,
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
async fn an_autoscaler_without_metrics_makes_its_judgement_inconclusive() -> Result<()> {
    with_temp_namespace(async |context| {
        blind_target(&context).await?;
        let run = context.run("blind", merged(constant(5, 10), judged()), seconds(90)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "MetricsUnavailable")?;
        let status = status(&run);
        let message = status.message.unwrap_or_default();
        ensure!(message.contains("FailedGetExternalMetric") || message.contains("queue_length"), "{message}");
        let autoscaling = status.autoscaling.context("nothing about the autoscaler")?;
        ensure!(!autoscaling.problems.is_empty(), "no problem is listed");
        // What was measured is there all the same.
        ensure!(status.summary.is_some_and(|summary| summary.requests == 50));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_without_metrics_is_only_reported_when_nothing_is_expected_of_it() -> Result<()> {
    with_temp_namespace(async |context| {
        blind_target(&context).await?;
        let test = merged(constant(5, 8), json!({"target": {"workloads": [{"name": "target"}]}}));
        let run = context.run("reported", test, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let autoscaling = status(&run).autoscaling.context("nothing about the autoscaler")?;
        ensure!(
            autoscaling.problems.iter().any(|problem| problem.contains("ScalingActive")),
            "{autoscaling:?}"
        );
        Ok(())
    })
    .await
}

async fn blind_target(context: &Context) -> Result<()> {
    let target = Target::deploy(context, json!({})).await?;
    target.autoscale_by(unserved(), 3).await?;
    target.autoscaler("ScalingActive", "False").await
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
        let run = context.start("unscaled", merged(constant(5, 5), judged())).await?;
        let run = context.phase(&run, Phase::Finished, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "AutoscalerNotFound")
    })
    .await
}
