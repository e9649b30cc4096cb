// SPDX-License-Identifier: Apache-2.0
//! Runs that end because something around them broke: in time, and with the reason in the conditions.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest,
    names::labels,
    v1alpha1::{Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::{ensure_conditions, ensure_verdict, status},
    fixtures::{constant, merged, spec},
    target::{Target, apply},
    wait::{self, seconds},
    with_temp_namespace,
};

/// Runs a test that must end with an error, within a time; gives the message.
async fn error(context: &Context, test: Value, reason: &str, within: Duration) -> Result<String> {
    let begin = Instant::now();
    let run = context.run("broken", test, within).await?;
    ensure!(begin.elapsed() <= within, "took {:?}", begin.elapsed());
    ensure_verdict(&run, Verdict::Error, reason)?;
    // The test says the same as its run.
    let tests = context.api::<LoadTest>();
    let done = |test: &LoadTest| test.status.as_ref().is_some_and(|status| status.verdict.is_some());
    let test = wait::until(&tests, "broken", "has the verdict", seconds(10), done).await?;
    let found = test.status.context("no status")?;
    ensure!(found.verdict == Some(Verdict::Error) && found.reason.as_deref() == Some(reason), "{found:?}");
    ensure_conditions(&found.conditions, Verdict::Error, reason)?;
    Ok(status(&run).message.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_whose_name_does_not_resolve() -> Result<()> {
    with_temp_namespace(async |context| {
        let url =
            json!({"target": {"baseURL": "http://nowhere.shop.svc:8080"}, "deadlines": {"start": "20s"}});
        let message = error(&context, merged(constant(5, 5), url), "TargetUnresolved", seconds(40)).await?;
        ensure!(message.contains("nowhere.shop.svc"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_nobody_serves() -> Result<()> {
    with_temp_namespace(async |context| {
        // The address resolves, but the port is closed.
        Target::deploy(&context, json!({})).await?;
        apply::<k8s_openapi::api::core::v1::Service>(
            &context,
            "closed",
            json!({"spec": {"clusterIP": "None", "selector": {"app": "target"}, "ports": [{"port": 8081}]}}),
        )
        .await?;
        let url = json!({"target": {"baseURL": "http://closed:8081"}, "deadlines": {"start": "20s"}});
        let message = error(&context, merged(constant(5, 5), url), "TargetUnreachable", seconds(40)).await?;
        ensure!(message.contains("closed") && message.contains("8081"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_can_not_be_pulled() -> Result<()> {
    with_temp_namespace(async |context| {
        let image = json!({"runner": {"image": "upsurge/runner:absent"}, "deadlines": {"prepare": "40s"}});
        let message = error(&context, merged(constant(5, 5), image), "ImagePullFailed", seconds(60)).await?;
        ensure!(message.contains("upsurge/runner:absent"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_forbids_the_pods() -> Result<()> {
    with_temp_namespace(async |context| {
        apply::<ResourceQuota>(&context, "none", json!({"spec": {"hard": {"pods": "0"}}})).await?;
        let quotas = context.api::<ResourceQuota>();
        let enforced =
            |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.hard.is_some());
        wait::until(&quotas, "none", "is enforced", seconds(20), enforced).await?;
        let deadline = json!({"deadlines": {"prepare": "40s"}});
        let message = error(&context, merged(constant(5, 5), deadline), "PodsForbidden", seconds(60)).await?;
        ensure!(message.contains("quota"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_admission_refuses_ends_its_run_at_once_and_frees_the_target() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let hard = json!({"spec": {"hard": {"count/jobs.batch": "0"}}});
        apply::<ResourceQuota>(&context, "no-jobs", hard).await?;
        let quotas = context.api::<ResourceQuota>();
        let enforced =
            |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.hard.is_some());
        wait::until(&quotas, "no-jobs", "is enforced", seconds(20), enforced).await?;
        let message = error(&context, constant(5, 5), "PodsForbidden", seconds(30)).await?;
        ensure!(message.contains("no-jobs"), "{message}");
        ensure!(!message.contains("Status {") && !message.contains("ApiError"), "{message}");
        quotas.delete("no-jobs", &DeleteParams::default()).await?;
        let run = context.run("mended", constant(5, 5), seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_does_not_exist() -> Result<()> {
    with_temp_namespace(async |context| {
        let secret = json!({
            "secrets": [{"name": "password", "secretKeyRef": {"name": "absent", "key": "password"}}],
            "deadlines": {"prepare": "40s"},
        });
        let message =
            error(&context, merged(constant(5, 5), secret), "ContainerConfigError", seconds(60)).await?;
        ensure!(message.contains("absent"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_selector_that_no_node_has() -> Result<()> {
    with_temp_namespace(async |context| {
        let nowhere =
            json!({"runner": {"nodeSelector": {"upsurge.dev/e2e": "nowhere"}}, "deadlines": {"prepare": "15s"}});
        error(&context, merged(constant(5, 5), nowhere), "Unschedulable", seconds(40)).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_does_not_exist() -> Result<()> {
    with_temp_namespace(async |context| {
        let absent = json!({"target": {"workloads": [{"name": "absent"}]}, "deadlines": {"prepare": "5s"}});
        let message = error(&context, merged(constant(5, 5), absent), "TargetNotFound", seconds(40)).await?;
        ensure!(message.contains("absent"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_does_not_exist_holds_up_no_other_test_on_its_address() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let absent = json!({"target": {"workloads": [{"name": "absent"}]}, "deadlines": {"prepare": "2m"}});
        let waiting = context.start("absent", merged(constant(5, 5), absent)).await?;
        context.phase(&waiting, Phase::Pending, seconds(20)).await?;
        let run = context.run("other", constant(5, 5), seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_of_before() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({"routes": [{"path": "/setup", "status": 500, "json": {}}]})).await?;
        let before = json!({"before": [{"request": {"name": "set up", "url": "/setup", "expect": [{"status": [200]}]}}]});
        let message = error(&context, merged(constant(5, 5), before), "BeforeFailed", seconds(60)).await?;
        ensure!(message.contains("set up") && message.contains("500"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_killed() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let test = merged(constant(10, 120), json!({"runner": {"parallelism": 2}}));
        let run = context.start("broken", test).await?;
        context.loaded(&run, seconds(60)).await?;
        let pods = context.api::<Pod>();
        let selected = ListParams::default().labels(&format!("{}={run}", labels::RUN));
        let runners = pods.list(&selected).await?.items;
        ensure!(runners.len() == 2, "{} runners", runners.len());
        let victim = runners.first().context("no runner")?.name_any();
        let begin = Instant::now();
        pods.delete(&victim, &DeleteParams::default().grace_period(0)).await?;
        let finished = context.finished(&run, seconds(60)).await?;
        let status = status(&finished);
        let reason = status.reason.clone().unwrap_or_default();
        ensure!(["RunnerLost", "RunnerFailed"].contains(&reason.as_str()), "{reason}");
        ensure_verdict(&finished, Verdict::Error, &reason)?;
        ensure!(
            status.message.as_ref().is_some_and(|message| message.contains(&victim)),
            "{:?}",
            status.message
        );
        // The other one is stopped, and load is never made a second time.
        target.quiet(seconds(15)).await?;
        let made: Vec<_> = pods.list(&selected).await?.items.iter().map(ResourceExt::name_any).collect();
        ensure!(
            made.iter().all(|name| runners.iter().any(|runner| runner.name_any() == *name)),
            "pods were made again: {made:?}"
        );
        ensure!(begin.elapsed() < seconds(75), "took {:?}", begin.elapsed());
        // What was measured before is kept.
        ensure!(status.summary.is_some_and(|summary| summary.requests > 0));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_runs_out_of_memory() -> Result<()> {
    with_temp_namespace(async |context| {
        // Each of 200 users keeps half a mebibyte that it has captured.
        let body = "x".repeat(512 << 10);
        Target::deploy(&context, json!({"routes": [{"path": "/", "body": body}]})).await?;
        let test = merged(
            spec(json!({"unit": "Users", "constant": {"level": 200, "duration": "60s"}})),
            json!({
                "scenarios": [{"name": "keep", "steps": [
                    {"request": {"url": "/", "capture": [{"name": "body", "regex": "^(x+)$"}]}},
                    {"think": {"min": "50s"}},
                    {"request": {"url": "/{{ body }}"}},
                ]}],
                "runner": {"resources": {"limits": {"memory": "40Mi"}}},
            }),
        );
        let message = error(&context, test, "RunnerOOMKilled", seconds(90)).await?;
        ensure!(message.contains("memory"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_of_the_load() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, json!({})).await?;
        let test = merged(constant(5, 120), json!({"deadlines": {"run": "8s"}}));
        let run = context.start("late", test).await?;
        context.phase(&run, Phase::Running, seconds(60)).await?;
        let run = context.finished(&run, seconds(40)).await?;
        ensure_verdict(&run, Verdict::Error, "DeadlineExceeded")?;
        target.quiet(seconds(10)).await?;
        Ok(())
    })
    .await
}
