// SPDX-License-Identifier: Apache-2.0
//! What holds scaling back outside of the autoscaler: a CPU limit, a full node, a quota. Each is named in message, status and
//! advice. (A bound that is too low is in `failed`.)

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Node, ResourceQuota};
use kube::{Api, Client, ResourceExt, api::ListParams};
use serde_json::{Value, json};
use upsurge_crds::{LoadTestRun, v1alpha1::Verdict};
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{constant, merged, spec},
    node,
    target::{Target, apply},
    wait::{self, seconds},
    with_temp_namespace,
};

/// Two replicas are expected, which never come.
fn expecting_two() -> Value {
    json!({"target": {"workloads": [{"name": "target", "expect": {"minPeakReplicas": 2}}]}})
}

/// Work for two pods at an autoscaler's 20 %, by a twentieth of a core.
fn work() -> Value {
    json!({"cpuPerRequest": "2ms"})
}

/// The load of that work: long enough for the autoscaler to see it, and for its pods not to come.
fn load() -> Value {
    merged(constant(25, 45), expecting_two())
}

/// Checks that a run failed by a limit, and that it is named everywhere, with what it was seen by.
fn ensure_limited(run: &LoadTestRun, limit: &str, evidence: &str) -> Result<()> {
    ensure_verdict(run, Verdict::Failed, "AutoscalingExpectationMissed")?;
    let status = status(run);
    let message = status.message.unwrap_or_default();
    ensure!(message.contains(&format!("limited by {limit}: ")) && message.contains(evidence), "{message}");
    let autoscaling = status.autoscaling.context("nothing about the target")?;
    ensure!(autoscaling.peak_replicas == Some(1), "{}", autoscaling.replicas);
    let workload = autoscaling.workloads.first().context("no figures of the target")?;
    let named = (autoscaling.limited_by.as_deref(), workload.limited_by.as_deref());
    ensure!(named == (Some(limit), Some(limit)), "{named:?}: {:?}", workload.limits);
    let seen = workload.limits.iter().find(|one| one.limit == limit).context("the limit has no time")?;
    ensure!(seen.evidence.contains(evidence) && seen.seconds > 5.0, "{seen:?}");
    ensure!(workload.recommendation.is_some(), "nothing is advised");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over a minute, as the limit has to outlast the autoscaler's own time; in memory too (figures::limits::tests): make e2e-full"]
async fn a_cpu_limit_that_caps_what_the_autoscaler_reads_is_named() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        // At its limit a pod uses all that it asks for and no more: within the tolerance of 98 %, so nothing is ever scaled.
        let limit = json!({"resources": {"limits": {"cpu": "100m"}}});
        let behaviour = json!({"cpuPerRequest": "10ms"});
        let target = Target::deploy_shaped(&context, "target", behaviour, limit, json!({})).await?;
        target.autoscale_at(98, 3).await?;
        // Users wait for their answers, so that nothing is dropped however slow they are.
        let users = spec(json!({"unit": "Users", "constant": {"level": 4, "duration": "80s"}}));
        let mut test = merged(users, expecting_two());
        test["target"]["workloads"][0]["capacityPerReplica"] = json!(2);
        let run = context.run("capped", test, seconds(180)).await?;
        ensure_limited(&run, "CPULimit", "that the limit allows")
    })
    .await
}

/// A name of a node and, of its memory, what two pods can't both have.
async fn more_than_half(client: &Client) -> Result<(String, String)> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let free = |node: &Node| {
        let spec = node.spec.as_ref();
        spec.is_none_or(|spec| {
            spec.unschedulable != Some(true) && spec.taints.as_ref().is_none_or(Vec::is_empty)
        })
    };
    let node = nodes.into_iter().find(free).context("no node takes pods")?;
    let name = node.labels().get("kubernetes.io/hostname").cloned().context("the node has no name")?;
    let memory = node.status.and_then(|status| status.allocatable?.remove("memory")).context("no memory")?;
    let kibibytes: u64 =
        memory.0.strip_suffix("Ki").with_context(|| format!("{} of memory", memory.0))?.parse()?;
    Ok((name, format!("{}Ki", kibibytes * 55 / 100)))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a pod that asks for half of the node; in memory too (figures::limits::tests): make e2e-full"]
async fn a_node_without_room_is_named() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let (node, memory) = more_than_half(&context.client).await?;
        let container = json!({"resources": {"requests": {"memory": memory}}});
        let pod = json!({"nodeSelector": {"kubernetes.io/hostname": node}});
        let target = Target::deploy_shaped(&context, "target", work(), container, pod).await?;
        target.autoscale_at(20, 3).await?;
        let run = context.run("full", load(), seconds(150)).await?;
        ensure_limited(&run, "Nodes", "Insufficient memory")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "decided in memory too (figures::limits::tests): make e2e-full"]
async fn a_quota_that_forbids_the_pods_of_the_target_is_named() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        // One pod of the target and one runner.
        apply::<ResourceQuota>(&context, "pods", json!({"spec": {"hard": {"pods": "2"}}})).await?;
        let enforced =
            |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.hard.is_some());
        wait::until(&context.api::<ResourceQuota>(), "pods", "is enforced", seconds(20), enforced).await?;
        let target = Target::deploy(&context, work()).await?;
        target.autoscale_at(20, 3).await?;
        let run = context.run("refused", load(), seconds(150)).await?;
        ensure_limited(&run, "Quota", "exceeded quota: pods")
    })
    .await
}
