// SPDX-License-Identifier: Apache-2.0
//! Tests that set the replicas of their target: the fewest are found, and what was found is put back whatever ends the run.
//!
//! Serial, because the operator gets more rights for it, and is killed.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Namespace},
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    names::FIELD_MANAGER,
    v1alpha1::{EpochOutcome, Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    install, node,
    operator::{self, Kill},
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// Most replicas of the target's autoscaler; it may have one at least.
const MOST: i32 = 8;

/// Two requests at a time in each pod, of 55 ms each: 36 in a second. Others wait, so that three pods carry 84 in a second with
/// ease, and with two each second leaves twelve more waiting.
fn behaviour() -> Value {
    json!({"latency": {"fixed": "55ms"}, "concurrencyLimit": {"max": 2, "overflow": "queue"}})
}

/// A search from 1 to 4 replicas: 1, 2 and 4, and then 3.
fn search(measure: u32) -> Value {
    let capacity = json!({"find": "MinReplicas", "rate": 84, "from": 1, "to": 4, "repeats": 1, "warmUp": "5s",
        "measure": format!("{measure}s")});
    merged(
        spec(json!({"capacity": capacity, "gracefulStop": "5s"})),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            // Each request goes to any of the pods.
            "http": {"connections": {"maxRequests": 1}},
            "thresholds": [
                {"metric": "http_req_duration", "condition": "p(95) < 700ms"},
                {"metric": "http_req_failed", "condition": "rate < 5%"},
            ],
        }),
    )
}

async fn bounds(context: &Context) -> Result<(Option<i32>, i32)> {
    let spec = context.api::<HorizontalPodAutoscaler>().get("target").await?.spec;
    Ok((spec.min_replicas, spec.max_replicas))
}

/// Waits until the autoscaler is held at some number.
async fn held(context: &Context) -> Result<()> {
    let is_held = |hpa: &HorizontalPodAutoscaler| hpa.spec.min_replicas == Some(hpa.spec.max_replicas);
    wait::until(&context.api(), "target", "is held at a number", seconds(60), is_held).await?;
    Ok(())
}

async fn ensure_restored(context: &Context, when: &str) -> Result<()> {
    let found = bounds(context).await?;
    ensure!(found == (Some(1), MOST), "{when}: the autoscaler has {found:?}");
    let owners = context.api::<HorizontalPodAutoscaler>().get("target").await?.metadata.managed_fields;
    let is_ours = |owner: &ManagedFieldsEntry| owner.manager.as_deref() == Some(FIELD_MANAGER);
    ensure!(
        !owners.iter().flatten().any(is_ours),
        "{when}: the operator still owns fields of it: {owners:?}"
    );
    Ok(())
}

/// The operator is killed in the first probe, and when the second is behind it.
async fn found(context: &Context) -> Result<()> {
    let run = context.start("fewest", search(10)).await?;
    let runs = context.api::<LoadTestRun>();
    for finished in [0, 2] {
        let pod = operator::leader(&context.client).await?;
        let over = |run: &LoadTestRun| {
            let epochs = status(run).epochs;
            let done = epochs.iter().filter(|epoch| epoch.outcome.is_some()).count();
            done >= finished && epochs.iter().any(|epoch| epoch.start_time.is_some())
        };
        wait::until(&runs, &run, "has so many probes behind it", seconds(180), over).await?;
        operator::kill(&context.client, &pod, Kill::Process).await?;
        let now = bounds(context).await?;
        ensure!(now != (Some(1), MOST), "nothing is held: {now:?}");
    }
    let run = context.finished(&run, seconds(300)).await?;
    ensure_verdict(&run, Verdict::Passed, "CapacityFound")?;
    let status = status(&run);
    // One in which nobody watched for a while says nothing, and is done once more.
    let told = || status.epochs.iter().filter(|epoch| epoch.outcome != Some(EpochOutcome::Inconclusive));
    let probes: Vec<(Option<i32>, Option<EpochOutcome>)> =
        told().map(|epoch| (epoch.pinned_replicas, epoch.outcome)).collect();
    let (failed, passed) = (Some(EpochOutcome::Failed), Some(EpochOutcome::Passed));
    ensure!(
        probes == [(Some(1), failed), (Some(2), failed), (Some(4), passed), (Some(3), passed)],
        "{:?}",
        status.epochs
    );
    ensure!(
        told().all(|epoch| epoch.replicas == epoch.pinned_replicas),
        "others served: {:?}",
        status.epochs
    );
    let capacity = status.capacity.clone().context("no capacity")?;
    ensure!((capacity.replicas, capacity.failed_replicas) == (Some(3), Some(2)), "{capacity:?}");
    let pinning = status.pinning.clone().context("nothing is told of what was set")?;
    ensure!(pinning.restored && pinning.left.is_empty(), "{pinning:?}");
    ensure_restored(context, "after the end").await
}

async fn aborted(context: &Context) -> Result<()> {
    let run = context.start("aborted", search(60)).await?;
    context.loaded(&run, seconds(90)).await?;
    held(context).await?;
    let abort = Patch::Merge(json!({"spec": {"abort": true}}));
    context.api::<LoadTestRun>().patch(&run, &PatchParams::default(), &abort).await?;
    ensure_verdict(&context.finished(&run, seconds(90)).await?, Verdict::Aborted, "Aborted")?;
    ensure_restored(context, "after an abort").await
}

/// The run is deleted while nobody leads: the next operator finds it.
async fn deleted(context: &Context) -> Result<()> {
    let run = context.start("deleted", search(60)).await?;
    context.phase(&run, Phase::Running, seconds(90)).await?;
    held(context).await?;
    let pod = operator::leader(&context.client).await?;
    operator::kill(&context.client, &pod, Kill::Process).await?;
    let runs = context.api::<LoadTestRun>();
    runs.delete(&run, &DeleteParams::default()).await?;
    wait::until_gone(&runs, &run, seconds(90)).await?;
    ensure_restored(context, "after the run was deleted").await
}

/// The run goes with its test.
async fn test_deleted(context: &Context) -> Result<()> {
    let run = context.start("without", search(60)).await?;
    context.phase(&run, Phase::Running, seconds(90)).await?;
    held(context).await?;
    context.api::<LoadTest>().delete("without", &DeleteParams::default()).await?;
    wait::until_gone(&context.api::<LoadTestRun>(), &run, seconds(90)).await?;
    ensure_restored(context, "after the test was deleted").await
}

/// All goes with the namespace, the right to put anything back as well. Nothing may keep it.
async fn namespace_deleted(context: &Context) -> Result<()> {
    let run = context.start("with-all", search(60)).await?;
    context.phase(&run, Phase::Running, seconds(90)).await?;
    held(context).await?;
    let namespaces = Api::<Namespace>::all(context.client.clone());
    namespaces.delete(&context.namespace, &DeleteParams::default()).await?;
    // After five minutes a run gives up to put something back, and would go anyway.
    wait::until_gone(&namespaces, &context.namespace, seconds(180)).await
}

async fn played(context: &Context) -> Result<()> {
    let refused = context.run("refused", search(10), seconds(60)).await?;
    ensure_verdict(&refused, Verdict::Error, "PinningForbidden")?;
    let message = status(&refused).message.unwrap_or_default();
    ensure!(message.contains("pinning.namespaces"), "{message}");
    install::with_pinning(&context.client, &context.namespace, async || {
        found(context).await?;
        aborted(context).await?;
        deleted(context).await?;
        test_deleted(context).await?;
        // The last one, as nothing is left after it.
        namespace_deleted(context).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "seven minutes, three kills, and the operator gets more rights; decided in memory too (decide::tests::replicas): make e2e-full"]
async fn the_fewest_replicas_are_found_and_the_target_is_as_before_whatever_ends_the_run() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let target = Target::deploy(&context, behaviour()).await?;
        target.autoscale(MOST).await?;
        played(&context).await
    })
    .await
}
