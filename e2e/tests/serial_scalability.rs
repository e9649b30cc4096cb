// SPDX-License-Identifier: Apache-2.0
//! A test of scalability of a target of which each pod serves as much as any other, however many there are.
//!
//! Serial, because the operator gets more rights for it, and is killed.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{EpochOutcome, Verdict},
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
/// Requests per second of one pod: it does one at a time, each in 50 ms.
const OF_ONE: f64 = 20.0;
/// How often each count is measured.
const REPEATS: i32 = 2;

/// Twenty users for each pod: hardly ever is none of them at one of the pods, although each request goes to any.
fn test() -> Value {
    let replicas = json!({"counts": [1, 2, 3, 4], "levelPerReplica": 20, "repeats": REPEATS, "warmUp": "4s",
        "measure": "8s"});
    merged(
        spec(json!({"scalability": {"replicas": replicas}, "gracefulStop": "5s"})),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            "http": {"connections": {"maxRequests": 1}},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 5%"}],
        }),
    )
}

/// The operator is killed after the third measurement.
async fn measured(context: &Context) -> Result<()> {
    let run = context.start("scales", test()).await?;
    let runs = context.api::<LoadTestRun>();
    let over =
        |run: &LoadTestRun| status(run).epochs.iter().filter(|epoch| epoch.outcome.is_some()).count() >= 3;
    wait::until(&runs, &run, "has three measurements behind it", seconds(240), over).await?;
    let pod = operator::leader(&context.client).await?;
    operator::kill(&context.client, &pod, Kill::Process).await?;
    let run = context.finished(&run, seconds(400)).await?;
    ensure_verdict(&run, Verdict::Passed, "ScalabilityMeasured")?;
    let status = status(&run);
    // One in which nobody watched for a while says nothing, and is done once more.
    let mut told = status.epochs.iter().filter(|epoch| epoch.outcome != Some(EpochOutcome::Inconclusive));
    ensure!(told.clone().count() == 4 * usize::try_from(REPEATS)?, "{:?}", status.epochs);
    ensure!(told.all(|epoch| epoch.replicas == epoch.pinned_replicas), "{:?}", status.epochs);
    let found = *status.scalability.context("nothing was found")?;
    let number = |figure: Option<&String>| -> Result<f64> { Ok(figure.context("no figure")?.parse()?) };
    for (count, replicas) in found.counts.iter().zip(1..) {
        ensure!((count.replicas, count.passed) == (replicas, REPEATS), "{count:?}");
        let truth = OF_ONE * f64::from(replicas);
        let throughput = number(count.throughput.as_ref())?;
        ensure!((throughput / truth - 1.0).abs() < 0.15, "{throughput}/s of {truth}/s: {found:?}");
        let efficiency = number(count.efficiency.as_ref())?;
        ensure!((0.85..1.1).contains(&efficiency), "{found:?}");
    }
    ensure!(found.counts.len() == 4 && found.usl.is_some() && found.unfitted.is_none(), "{found:?}");
    let serial = found.amdahl.context("no fit of Amdahl's law")?.serial;
    ensure!(number(Some(&serial.low))? < 0.05, "{serial:?}");
    ensure!(found.doubts.iter().any(|doubt| doubt == "FewPoints"), "{:?}", found.doubts);
    let pinning = status.pinning.context("nothing is told of what was set")?;
    ensure!(pinning.restored && pinning.left.is_empty(), "{pinning:?}");
    let bounds = context.api::<HorizontalPodAutoscaler>().get("target").await?.spec;
    let bounds = (bounds.min_replicas, bounds.max_replicas);
    ensure!(bounds == (Some(1), MOST), "the autoscaler has {bounds:?}");
    Ok(())
}

async fn played(context: &Context) -> Result<()> {
    node::calm(&context.client).await?;
    install::with_pinning(&context.client, &context.namespace, async || measured(context).await).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "four minutes, a kill, and the operator gets more rights; decided in memory too (decide::tests::replicas): make e2e-full"]
async fn each_count_of_replicas_serves_its_share_and_the_target_is_as_before() -> Result<()> {
    with_temp_namespace(async |context| {
        let behaviour =
            json!({"latency": {"fixed": "50ms"}, "concurrencyLimit": {"max": 1, "overflow": "queue"}});
        let target = Target::deploy(&context, behaviour).await?;
        target.autoscale(MOST).await?;
        played(&context).await
    })
    .await
}
