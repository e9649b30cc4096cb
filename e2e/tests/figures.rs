// SPDX-License-Identifier: Apache-2.0
//! Figures of a workload, held against what its pods say themselves.

use anyhow::{Context as _, Result, ensure};

use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::api::ListParams;
use serde_json::json;
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    kept,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// When the container of a pod was started, and when the pod was ready, as Kubernetes has it.
fn started_and_ready(pod: &Pod) -> Option<(Timestamp, Timestamp)> {
    let status = pod.status.as_ref()?;
    let container = status.container_statuses.as_ref()?.first()?;
    let started = container.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0;
    let ready = status.conditions.as_ref()?.iter().find(|condition| condition.type_ == "Ready")?;
    Some((started, ready.last_transition_time.as_ref()?.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_scale_up_are_those_that_its_pod_tells() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let test = merged(
            constant(10, 20),
            json!({
                "target": {"workloads": [{"name": "target", "capacityPerReplica": 5}]},
            }),
        );
        let run = context.start("split", test).await?;
        context.loaded(&run, seconds(60)).await?;
        target.scale(2).await?;
        let run = context.finished(&run, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;

        let autoscaling = status(&run).autoscaling.context("nothing about the target")?;
        let workload = autoscaling.workloads.first().context("no figures of the target")?;
        let [up] = &workload.scale_ups[..] else { anyhow::bail!("not one scale-up: {workload:?}") };
        ensure!((up.from, up.to) == (1, 2) && up.largest.is_some() && up.missing_pods.is_none(), "{up:?}");
        let elasticity = workload.elasticity.as_ref().context("no elasticity")?;
        ensure!(
            elasticity.peak_demand == Some(2) && elasticity.demand_source == "Declared",
            "{elasticity:?}"
        );
        let under = elasticity.unclamped.as_ref().and_then(|figures| figures.under_provisioned.as_deref());
        ensure!(under.is_some_and(|under| under != "0%"), "{elasticity:?}");

        // The newest pod is the one that came.
        let pods = context.api::<Pod>().list(&ListParams::default().labels("app=target")).await?.items;
        let newest = pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|at| at.0));
        let (started, ready) = newest.and_then(started_and_ready).context("the new pod is not ready")?;
        let truth = ready.duration_since(started).as_secs_f64();
        let split = up
            .split
            .ready
            .as_deref()
            .and_then(|text| text.strip_suffix('s'))
            .context("no time to be ready")?;
        let told: f64 = split.parse()?;
        ensure!((told - truth).abs() <= 1.0, "{told} s told, {truth} s from {started} to {ready}");
        kept::ensure_adds_up(&context, &run).await
    })
    .await
}
