// SPDX-License-Identifier: Apache-2.0
//! Scale-ups that take too long, because new pods take long to be ready: where the time went is told, to the second.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{LoadTestRunStatus, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    node,
    stamps::{Stamps, part_seconds},
    target::Target,
    wait::seconds,
    watcher::{ReplicaWatcher, Steps},
    with_temp_namespace,
};

/// Seconds that pods take to be ready. The autoscaler decides in less, so this is the largest part; and it is above the 30 s from which
/// on that counts as a limit.
const DELAY: u32 = 40;
/// Seconds before the spike.
const WARM_UP: u32 = 5;

/// A spike that the autoscaler answers with a second pod, by a twentieth of a core, and what came of it.
async fn too_slow(context: &Context, behaviour: Value, container: Value) -> Result<()> {
    node::calm(&context.client).await?;
    let behaviour = merged(json!({"cpuPerRequest": "2ms"}), behaviour);
    let target = Target::deploy_shaped(context, "target", behaviour, container, json!({})).await?;
    target.autoscale_at(20, 2).await?;
    let watcher = ReplicaWatcher::start(context, "target");
    let spike = json!({"baseline": 1, "peak": 25, "warmUp": format!("{WARM_UP}s"), "hold": "75s"});
    let expect = json!({"scaleUpWithin": "30s"});
    let test = merged(
        spec(json!({"unit": "IterationsPerSecond", "spike": spike})),
        json!({"target": {"workloads": [{"name": "target", "capacityPerReplica": 15, "expect": expect}]}}),
    );
    let run = context.start("slow", test).await?;
    context.loaded(&run, seconds(90)).await?;
    // Before the autoscaler takes the pod away again.
    let stamps = Stamps::newest(&target.ready(2, seconds(120)).await?)?;
    let run = context.finished(&run, seconds(120)).await?;
    ensure_verdict(&run, Verdict::Failed, "AutoscalingExpectationMissed")?;
    ensure_told(&status(&run), &stamps, &watcher.record().asked)
}

/// Checks what is told of the one scale-up.
fn ensure_told(status: &LoadTestRunStatus, stamps: &Stamps, asked: &Steps) -> Result<()> {
    let message = status.message.as_deref().unwrap_or_default();
    ensure!(message.contains("the wait until pods were ready"), "{message}");
    let autoscaling = status.autoscaling.as_ref().context("nothing about the target")?;
    let workload = autoscaling.workloads.first().context("no figures of the target")?;
    let up = workload.scale_ups.first().context("no scale-up")?;
    ensure!((up.from, up.to) == (1, 2), "{up:?}");
    let largest = (up.largest.as_deref(), workload.largest_part.as_deref());
    ensure!(largest == (Some("ready"), Some("ready")), "{largest:?}: {up:?}");

    let (asked, _) = asked.iter().find(|(_, replicas)| *replicas == 2).context("nobody asked for two")?;
    stamps.ensure_told(&up.split, *asked)?;
    let told = part_seconds(up.split.decided.as_deref().context("no decision")?)?;
    let truth = asked.duration_since(risen(status)?).as_secs_f64();
    ensure!((told - truth).abs() <= 1.0, "the decision took {truth} s, told are {told} s");

    let late = workload.limits.iter().find(|limit| limit.limit == "Readiness");
    let late = late.with_context(|| format!("nothing of pods that are late: {:?}", workload.limits))?;
    let evidence = format!("pod {} was not ready 30 s after it had started", stamps.pod);
    ensure!(late.evidence == evidence, "{late:?}");
    Ok(())
}

/// When the load rose.
fn risen(status: &LoadTestRunStatus) -> Result<Timestamp> {
    let starts = status.runners.iter().filter_map(|runner| runner.start_time.as_ref().map(|time| time.0));
    let start = starts.min().context("no runner has started")?;
    Ok(start + Duration::from_secs(WARM_UP.into()))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over two minutes, as pods that are late take them; in memory too (figures::latency::tests): make e2e-full"]
async fn a_long_initial_delay_of_the_probe_is_the_largest_part() -> Result<()> {
    with_temp_namespace(async |context| {
        let probe = json!({"readinessProbe": {"initialDelaySeconds": DELAY}});
        too_slow(&context, json!({}), probe).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over two minutes, as pods that are late take them; in memory too (figures::latency::tests): make e2e-full"]
async fn a_service_that_is_slow_to_be_ready_is_the_largest_part() -> Result<()> {
    with_temp_namespace(async |context| {
        // Asked by a path that is scripted, it answers nothing at first.
        let behaviour = json!({"freezes": [{"at": "0s", "for": format!("{DELAY}s")}]});
        let probe = json!({"readinessProbe": {"httpGet": {"path": "/ready"}}});
        too_slow(&context, behaviour, probe).await
    })
    .await
}
