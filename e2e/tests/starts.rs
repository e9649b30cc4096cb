// SPDX-License-Identifier: Apache-2.0
//! Runs that nobody asked for at that moment: by a schedule, and by rollouts of the target.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{api::apps::v1::Deployment, jiff::Timestamp};
use kube::ResourceExt;
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    names::annotations,
    v1alpha1::{LoadTestStatus, Verdict},
};
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    fixtures::{constant, merged},
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

fn shown(test: &LoadTest) -> LoadTestStatus {
    test.status.clone().unwrap_or_default()
}

/// An annotation of a run.
async fn annotation(context: &Context, run: &str, name: &str) -> Result<String> {
    let run = context.api::<LoadTestRun>().get(run).await?;
    run.annotations().get(name).cloned().with_context(|| format!("{name} is not there"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_time_makes_one_run_and_a_suspended_test_has_none() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let each_minute = json!({"schedule": {"cron": "* * * * *", "timeZone": "Europe/Berlin"}});
        let first = context.run("nightly", merged(constant(5, 3), each_minute), seconds(60)).await?;
        ensure_verdict(&first, Verdict::Passed, "ThresholdsMet")?;
        let tests = context.api::<LoadTest>();
        let answered = |test: &LoadTest| shown(test).last_schedule_time.is_some();
        let test = wait::until(&tests, "nightly", "has answered a time", seconds(75), answered).await?;
        context.patch("nightly", json!({"spec": {"suspend": true}})).await?;
        let (time, run) = (shown(&test).last_schedule_time, shown(&test).last_run);
        let (time, run) = (time.context("no time")?.0, run.context("no run")?);
        ensure!(run == format!("nightly-s{}", time.as_second() / 60), "{run} for {time}");
        ensure!(annotation(&context, &run, annotations::TRIGGER).await? == "Schedule");
        ensure!(annotation(&context, &run, annotations::SCHEDULED_TIME).await? == time.to_string());
        ensure!(shown(&test).last_trigger.as_deref() == Some("Schedule"));
        let held = |test: &LoadTest| shown(test).next_schedule_time.is_none();
        wait::until(&tests, "nightly", "has no next time", seconds(20), held).await?;
        ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Passed, "ThresholdsMet")
    })
    .await
}

fn with_version(version: Value) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"version": version}}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_starts_a_run_and_so_does_its_rollback() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let trigger = json!({
            "target": {"workloads": [{"name": "target"}]}, "triggers": [{"type": "Rollout", "settle": "1s"}],
        });
        let mut run = context.start("rollout", merged(constant(5, 3), trigger)).await?;
        context.finished(&run, seconds(60)).await?;
        let known = |test: &LoadTest| shown(test).last_revision.is_some();
        let tests = context.api::<LoadTest>();
        wait::until(&tests, "rollout", "knows its target's revision", seconds(20), known).await?;
        for (version, revision) in [(json!("2"), "2-"), (Value::Null, "3-")] {
            target.patch(with_version(version)).await?;
            run = context.next_run("rollout", Some(&run)).await?;
            ensure!(annotation(&context, &run, annotations::TRIGGER).await? == "Rollout");
            let of = annotation(&context, &run, annotations::REVISION).await?;
            ensure!(of.starts_with(revision), "revision {of}");
            let finished = context.finished(&run, seconds(60)).await?;
            ensure_verdict(&finished, Verdict::Passed, "ThresholdsMet")?;
        }
        ensure!(context.runs("rollout").await?.len() == 3);
        Ok(())
    })
    .await
}

/// Waits until the newest revision of the target is out, and nothing of an older one is left.
async fn rolled_out(context: &Context, revision: &str) -> Result<()> {
    let is_out = |deployment: &Deployment| {
        let status = deployment.status.clone().unwrap_or_default();
        let is_new = deployment.annotations().get("deployment.kubernetes.io/revision");
        is_new.is_some_and(|found| found == revision)
            && status.observed_generation == deployment.metadata.generation
            && (status.updated_replicas, status.available_replicas) == (status.replicas, status.replicas)
    };
    let deployments = context.api::<Deployment>();
    wait::until(&deployments, "target", &format!("is in revision {revision}"), seconds(60), is_out).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits for rollouts to settle: make e2e-full"]
async fn a_rollout_that_is_overtaken_before_it_settles_starts_no_run() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let trigger = json!({
            "target": {"workloads": [{"name": "target"}]}, "triggers": [{"type": "Rollout", "settle": "15s"}],
        });
        let first = context.start("overtaken", merged(constant(5, 3), trigger)).await?;
        context.finished(&first, seconds(60)).await?;
        let known = |test: &LoadTest| shown(test).last_revision.is_some();
        wait::until(&context.api::<LoadTest>(), "overtaken", "knows the revision", seconds(20), known)
            .await?;
        for (version, revision) in [("2", "2"), ("3", "3")] {
            target.patch(with_version(json!(version))).await?;
            rolled_out(&context, revision).await?;
        }
        let out = Timestamp::now();
        let run = context.next_run("overtaken", Some(&first)).await?;
        let of = annotation(&context, &run, annotations::REVISION).await?;
        ensure!(of.starts_with("3-"), "a run of revision {of}");
        let created = context.api::<LoadTestRun>().get(&run).await?.creation_timestamp();
        let waited = created.context("no time of creation")?.0.duration_since(out).as_secs();
        // Times of creation have whole seconds.
        ensure!(waited >= 13, "it was begun {waited} s after the rollout");
        ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Passed, "ThresholdsMet")?;
        ensure!(context.runs("overtaken").await?.len() == 2, "each revision has a run");
        Ok(())
    })
    .await
}
