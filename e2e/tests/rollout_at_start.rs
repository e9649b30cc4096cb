// SPDX-License-Identifier: Apache-2.0
//! Rollouts that are under way when a load would start. (One that begins during the load is in `inconclusive`.)

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{api::apps::v1::Deployment, jiff::Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// Has new pods asked at a port whether they are ready: at another one than they listen at, a rollout never ends.
async fn roll_out(context: &Context, port: u16) -> Result<()> {
    let probe = json!({"httpGet": {"path": "/healthz", "port": port}});
    // By a strategic merge, which finds the container by its name.
    let containers = json!([{"name": "target", "readinessProbe": probe}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let deployments = context.api::<Deployment>();
    deployments.patch("target", &PatchParams::default(), &Patch::Strategic(patch)).await?;
    Ok(())
}

/// A load that expects of the autoscaler what it can't miss.
fn judged(deadline: &str) -> Value {
    merged(
        constant(5, 10),
        json!({
            "target": {"workloads": [{"name": "target", "expect": {"maxPeakReplicas": 3}}]},
            "deadlines": {"prepare": deadline},
        }),
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "decided in memory too (validate::tests): make e2e-full"]
async fn a_rollout_is_waited_for_and_one_that_never_ends_leaves_nothing_to_judge() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        target.autoscale(3).await?;
        roll_out(&context, 9).await?;
        let run = context.start("never", judged("10s")).await?;
        let run = context.finished(&run, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Inconclusive, "RolloutDuringRun")?;
        let without = status(&run);
        let message = without.message.unwrap_or_default();
        ensure!(message.starts_with("spec.deadlines.prepare of 10s has passed"), "{message}");
        ensure!(message.contains("a rollout of Deployment/target is under way"), "{message}");
        ensure!(without.summary.is_none() && without.start_time.is_none(), "there was load");

        let run = context.start("patient", judged("2m")).await?;
        let waits = |run: &LoadTestRun| {
            let status = status(run);
            status.phase == Some(Phase::Pending)
                && status.message.is_some_and(|message| message.contains("a rollout of Deployment/target"))
        };
        wait::until(&context.api::<LoadTestRun>(), &run, "waits for the rollout", seconds(20), waits).await?;
        roll_out(&context, 8080).await?;
        let run = context.finished(&run, seconds(150)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        ensure!(status(&run).summary.is_some_and(|summary| summary.requests == 50), "{:?}", status(&run));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "decided in memory too (autoscaling::judged::tests): make e2e-full"]
async fn one_that_began_while_runners_got_ready_makes_the_run_inconclusive() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        target.autoscale(3).await?;
        let run = context.start("rolling", judged("1m")).await?;
        context.phase(&run, Phase::Preparing, seconds(60)).await?;
        roll_out(&context, 9).await?;
        let begun = Timestamp::now();
        let run = context.finished(&run, seconds(90)).await?;
        let over = status(&run);
        let starts = over.runners.iter().filter_map(|runner| runner.start_time.as_ref().map(|time| time.0));
        let start = starts.min().context("no runner has started")?;
        ensure!(
            begun < start,
            "the rollout began at {begun}, after the load, so that this test shows nothing"
        );
        ensure!(over.summary.is_some_and(|summary| summary.requests == 50), "there was no load");
        ensure_verdict(&run, Verdict::Inconclusive, "RolloutDuringRun")
    })
    .await
}
