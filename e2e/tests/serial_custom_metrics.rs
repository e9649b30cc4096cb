// SPDX-License-Identifier: Apache-2.0
//! Autoscalers that go by custom metrics of pods and by external metrics, which a server of the tests serves for the whole cluster. (One
//! that goes by what nobody serves is in `inconclusive`.)

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{LoadTestRunStatus, ScaleUpResult, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged, spec},
    metrics_api::{MetricsApi, external, of_pods},
    node,
    stamps::Stamps,
    target::Target,
    wait::seconds,
    watcher::ReplicaWatcher,
    with_temp_namespace,
};

/// What all of these ask for.
fn workload() -> Value {
    let expect = json!({"scaleUpWithin": "40s", "minPeakReplicas": 3, "maxPeakReplicas": 3});
    json!({"target": {"workloads": [{"name": "target", "capacityPerReplica": 12, "expect": expect}]}})
}

/// The scale-ups of a run in which its autoscaler had nothing to complain of.
fn scale_ups(status: LoadTestRunStatus) -> Result<Vec<ScaleUpResult>> {
    let mut autoscaling = status.autoscaling.context("nothing about the target")?;
    ensure!(autoscaling.autoscaler.as_deref() == Some("HorizontalPodAutoscaler/target"), "{autoscaling:?}");
    ensure!(autoscaling.problems.is_empty(), "{:?}", autoscaling.problems);
    ensure!(autoscaling.expectations.len() == 3, "{:?}", autoscaling.expectations);
    ensure!(
        (autoscaling.start_replicas, autoscaling.peak_replicas) == (Some(1), Some(3)),
        "{}",
        autoscaling.replicas
    );
    ensure!(!autoscaling.workloads.is_empty(), "no figures of the target");
    let ups = autoscaling.workloads.remove(0).scale_ups;
    ensure!(ups.last().is_some_and(|up| up.to == 3), "{ups:?}");
    Ok(ups)
}

async fn by_requests(context: &Context, target: &Target) -> Result<()> {
    target.autoscale_by(of_pods(12), 4).await?;
    target.autoscaler("ScalingActive", "True").await?;
    let watcher = ReplicaWatcher::start(context, "target");
    let spike = json!({"baseline": 3, "peak": 30, "warmUp": "5s", "hold": "35s"});
    let test = merged(spec(json!({"unit": "IterationsPerSecond", "spike": spike})), workload());
    let run = context.start("requests", test).await?;
    context.loaded(&run, seconds(90)).await?;
    let stamps = Stamps::newest(&target.ready(3, seconds(90)).await?)?;
    let run = context.finished(&run, seconds(120)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    let ups = scale_ups(status(&run))?;
    let asked = watcher.record().asked;
    let (at, _) = asked.iter().find(|(_, replicas)| *replicas == 3).context("nobody asked for three")?;
    let last = ups.last().context("no scale-up")?;
    // Two that came at once may have come in either order: then only that there is a split is known.
    if last.from == 2 {
        stamps.ensure_told(&last.split, *at)?;
    }
    ensure!(last.split.decided.is_some() && last.largest.is_some(), "{last:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves an API for the whole cluster: make e2e-full"]
async fn an_autoscaler_by_a_metric_of_pods_is_judged() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let target = Target::deploy(&context, json!({})).await?;
        let api = MetricsApi::start(&context, &target).await?;
        let outcome = by_requests(&context, &target).await;
        api.remove(outcome).await
    })
    .await
}

async fn by_orders(context: &Context, target: &Target, api: &MetricsApi) -> Result<()> {
    api.set("orders_waiting", 5);
    target.autoscale_by(external("orders_waiting", 10), 4).await?;
    target.autoscaler("ScalingActive", "True").await?;
    let run = context.start("orders", merged(constant(30, 40), workload())).await?;
    context.loaded(&run, seconds(90)).await?;
    // Work for three at once: one decision.
    api.set("orders_waiting", 28);
    target.ready(3, seconds(60)).await?;
    let run = context.finished(&run, seconds(90)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    let ups = scale_ups(status(&run))?;
    let [up] = &ups[..] else { anyhow::bail!("not one scale-up: {ups:?}") };
    ensure!((up.from, up.to) == (1, 3) && up.missing_pods.is_none(), "{up:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves an API for the whole cluster: make e2e-full"]
async fn an_autoscaler_by_an_external_metric_is_judged() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let target = Target::deploy(&context, json!({})).await?;
        let api = MetricsApi::start(&context, &target).await?;
        let outcome = by_orders(&context, &target, &api).await;
        api.remove(outcome).await
    })
    .await
}
