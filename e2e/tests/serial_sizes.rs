// SPDX-License-Identifier: Apache-2.0
//! A test of sizes of pods, of a target that serves as much whatever its size: what is measured is known, and costs no CPU. The container's
//! requests and limits are as before whatever ends the run.
//!
//! Serial, because the operator gets more rights for it, and is killed.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{
    api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::ResourceRequirements},
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRun,
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
/// Requests per second of the target's pod: it does one at a time, each in 50 ms.
const SERVED: f64 = 20.0;
/// How often each size is measured.
const REPEATS: i32 = 2;

/// Two sizes with so much CPU for the second. The API server writes `0.15` as `150m`.
fn sizes(large: &str, measure: u32) -> Value {
    let sizes = json!({
        "sizes": [
            {"name": "small", "requests": {"cpu": "50m", "memory": "16Mi"}},
            {"name": "large", "requests": {"cpu": large, "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        ],
        "level": 20, "repeats": REPEATS, "warmUp": "4s", "measure": format!("{measure}s"),
    });
    merged(
        spec(json!({"scalability": {"sizes": sizes}, "gracefulStop": "5s"})),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            // The pods of one size are gone when those of the next are loaded.
            "http": {"connections": {"maxRequests": 1}},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 5%"}],
        }),
    )
}

/// What the target's container requests and may use.
fn resources(deployment: &Deployment) -> Option<ResourceRequirements> {
    let pod = deployment.spec.template.spec.as_ref()?;
    pod.containers.first()?.resources.clone()
}

/// What was there before a run.
struct Before(Option<ResourceRequirements>);

impl Before {
    async fn of(context: &Context) -> Result<Self> {
        Ok(Self(resources(&context.api::<Deployment>().get("target").await?)))
    }

    /// Waits until the container has another size.
    async fn changed(&self, context: &Context) -> Result<()> {
        let is_changed = |deployment: &Deployment| resources(deployment) != self.0;
        wait::until(&context.api(), "target", "has another size", seconds(60), is_changed).await?;
        Ok(())
    }

    async fn ensure_restored(&self, context: &Context, when: &str) -> Result<()> {
        let deployment = context.api::<Deployment>().get("target").await?;
        let found = resources(&deployment);
        ensure!(found == self.0, "{when}: the container has {found:?}, and had {:?}", self.0);
        let is_ours = |owner: &ManagedFieldsEntry| owner.manager.as_deref() == Some(FIELD_MANAGER);
        let owners = deployment.metadata.managed_fields;
        ensure!(!owners.iter().flatten().any(is_ours), "{when}: the operator still owns fields: {owners:?}");
        let bounds = context.api::<HorizontalPodAutoscaler>().get("target").await?.spec;
        let bounds = (bounds.min_replicas, bounds.max_replicas);
        ensure!(bounds == (Some(1), MOST), "{when}: the autoscaler has {bounds:?}");
        Ok(())
    }
}

/// The operator is killed after the first measurement.
async fn measured(context: &Context, before: &Before) -> Result<()> {
    let run = context.start("sizes", sizes("0.15", 8)).await?;
    let runs = context.api::<LoadTestRun>();
    let over = |run: &LoadTestRun| status(run).epochs.iter().any(|epoch| epoch.outcome.is_some());
    wait::until(&runs, &run, "has a measurement behind it", seconds(180), over).await?;
    let pod = operator::leader(&context.client).await?;
    operator::kill(&context.client, &pod, Kill::Process).await?;
    let run = context.finished(&run, seconds(400)).await?;
    ensure_verdict(&run, Verdict::Passed, "ScalabilityMeasured")?;
    let status = status(&run);
    // One in which nobody watched for a while says nothing, and is done once more.
    let told = status.epochs.iter().filter(|epoch| epoch.outcome != Some(EpochOutcome::Inconclusive));
    let told: Vec<(Option<&str>, Option<i32>)> =
        told.map(|epoch| (epoch.size.as_deref(), epoch.replicas)).collect();
    let (small, large) = ((Some("small"), Some(1)), (Some("large"), Some(1)));
    ensure!(told == [small, large, large, small], "{:?}", status.epochs);
    let found = *status.scalability.context("nothing was found")?;
    let number = |figure: Option<&String>| -> Result<f64> { Ok(figure.context("no figure")?.parse()?) };
    for (size, cores) in found.sizes.iter().zip([0.05, 0.15]) {
        ensure!(size.passed == REPEATS, "{size:?}");
        let (throughput, per_core) = (number(size.throughput.as_ref())?, number(size.per_core.as_ref())?);
        ensure!((throughput / SERVED - 1.0).abs() < 0.15, "{throughput}/s of {SERVED}/s: {found:?}");
        ensure!((per_core * cores / throughput - 1.0).abs() < 0.01, "{size:?}");
    }
    // Three times the CPU, and no more served.
    let efficiency = number(found.sizes.get(1).context("no second size")?.efficiency.as_ref())?;
    ensure!((0.28..0.39).contains(&efficiency), "{found:?}");
    let pinning = status.pinning.context("nothing is told of what was set")?;
    ensure!(pinning.restored && pinning.left.is_empty() && pinning.changed.is_empty(), "{pinning:?}");
    before.ensure_restored(context, "after the end").await
}

/// The operator is killed in the middle of a rollout, and the next one hears of an abort.
async fn aborted(context: &Context, before: &Before) -> Result<()> {
    let run = context.start("aborted", sizes("150m", 60)).await?;
    before.changed(context).await?;
    let pod = operator::leader(&context.client).await?;
    operator::kill(&context.client, &pod, Kill::Process).await?;
    let abort = Patch::Merge(json!({"spec": {"abort": true}}));
    context.api::<LoadTestRun>().patch(&run, &PatchParams::default(), &abort).await?;
    ensure_verdict(&context.finished(&run, seconds(120)).await?, Verdict::Aborted, "Aborted")?;
    before.ensure_restored(context, "after an abort").await
}

async fn deleted(context: &Context, before: &Before) -> Result<()> {
    let run = context.start("deleted", sizes("150m", 60)).await?;
    context.phase(&run, Phase::Running, seconds(120)).await?;
    before.changed(context).await?;
    let runs = context.api::<LoadTestRun>();
    runs.delete(&run, &DeleteParams::default()).await?;
    wait::until_gone(&runs, &run, seconds(90)).await?;
    before.ensure_restored(context, "after the run was deleted").await
}

/// No node has so much CPU.
async fn too_large(context: &Context, before: &Before) -> Result<()> {
    let test = merged(sizes("4000", 4), json!({"deadlines": {"prepare": "40s"}}));
    let run = context.run("huge", test, seconds(240)).await?;
    ensure_verdict(&run, Verdict::Inconclusive, "TargetNotReady")?;
    let message = status(&run).message.unwrap_or_default();
    ensure!(message.contains("of size large") && message.contains("Insufficient cpu"), "{message}");
    before.ensure_restored(context, "after a size for which there is no room").await
}

async fn played(context: &Context) -> Result<()> {
    node::calm(&context.client).await?;
    let before = Before::of(context).await?;
    let refused = context.run("refused", sizes("150m", 8), seconds(60)).await?;
    ensure_verdict(&refused, Verdict::Error, "PinningForbidden")?;
    before.ensure_restored(context, "where it may not be set").await?;
    install::with_pinning(&context.client, &context.namespace, async || {
        measured(context, &before).await?;
        aborted(context, &before).await?;
        deleted(context, &before).await?;
        too_large(context, &before).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "six minutes, two kills, and the operator gets more rights; decided in memory too (decide::tests::replicas::sized): make e2e-full"]
async fn each_size_is_measured_and_the_container_is_as_before_whatever_ends_the_run() -> Result<()> {
    with_temp_namespace(async |context| {
        let behaviour =
            json!({"latency": {"fixed": "50ms"}, "concurrencyLimit": {"max": 1, "overflow": "queue"}});
        let target = Target::deploy(&context, behaviour).await?;
        target.autoscale(MOST).await?;
        played(&context).await
    })
    .await
}
