// SPDX-License-Identifier: Apache-2.0
//! A workload that rests at zero replicas and is woken by the load: what is played here is the part of an activator, which asks for the
//! first replica; the others are the autoscaler's.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use upsurge_crds::v1alpha1::{ReplicaPoint, Verdict};
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    node,
    stamps::Stamps,
    target::Target,
    wait::seconds,
    watcher::ReplicaWatcher,
    with_temp_namespace,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over a minute, as an autoscaler sees a new pod late; in memory too (recording::tests::misread): make e2e-full"]
async fn from_zero_to_one_to_two_is_two_scale_ups_and_no_rollout() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        let (_front, worker) = tokio::try_join!(
            Target::deploy_as(&context, "front", json!({})),
            Target::deploy_as(&context, "worker", json!({"cpuPerRequest": "2ms"})),
        )?;
        worker.autoscale_by(Target::cpu_at(20), 2).await?;
        worker.scale(0).await?;
        worker.autoscaler("ScalingActive", "False").await?;
        let watcher = ReplicaWatcher::start(&context, "worker");
        // Nobody answers at first, and that is no matter here.
        let both = json!([
            {"request": {"name": "front", "url": "/"}},
            {"request": {"name": "worker", "url": "http://worker:8080/"}},
        ]);
        let test = merged(
            constant(25, 75),
            json!({
                "target": {
                    "baseURL": "http://front:8080",
                    "workloads": [{"name": "worker", "capacityPerReplica": 15}],
                },
                "scenarios": [{"name": "both", "steps": both}],
                "thresholds": [{"metric": "http_req_failed", "condition": "rate < 90%"}],
            }),
        );
        let run = context.start("woken", test).await?;
        context.loaded(&run, seconds(60)).await?;
        worker.patch(json!({"spec": {"replicas": 1}})).await?;
        let first = Stamps::newest(&worker.ready(1, seconds(60)).await?)?;
        let second = Stamps::newest(&worker.ready(2, seconds(90)).await?)?;
        ensure!(first.pod != second.pod, "{first:?}");
        let run = context.finished(&run, seconds(150)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;

        let seen = status(&run).autoscaling.context("nothing about the target")?;
        ensure!((seen.start_replicas, seen.peak_replicas) == (Some(0), Some(2)), "{}", seen.replicas);
        let nobody = |point: &ReplicaPoint| (point.current, point.ready) == (0, 0);
        ensure!(seen.timeline.first().is_some_and(nobody), "{:?}", seen.timeline);
        let workload = seen.workloads.first().context("no figures of the target")?;
        let ups: Vec<(i32, i32)> = workload.scale_ups.iter().map(|up| (up.from, up.to)).collect();
        ensure!(ups.starts_with(&[(0, 1), (1, 2)]), "{ups:?}");
        let asked = watcher.record().asked;
        for (up, stamps) in workload.scale_ups.iter().zip([&first, &second]) {
            let at = asked.iter().find(|(_, replicas)| *replicas == up.to);
            let (at, _) = at.with_context(|| format!("nobody saw {} asked for: {asked:?}", up.to))?;
            stamps.ensure_told(&up.split, *at)?;
        }
        let elasticity = workload.elasticity.as_ref().context("no elasticity")?;
        ensure!(elasticity.peak_demand == Some(2), "{elasticity:?}");
        Ok(())
    })
    .await
}
