// SPDX-License-Identifier: Apache-2.0
//! What the policy of the platform team refuses, holds back, stops and lets pass.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use upsurge_crds::{LoadTestRun, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    install, operator, prometheus,
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// Where the rules of the test's namespace stand in the policy.
const RULES: &str = "policy.namespaces[0].rules";

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_held_to_its_policy() -> Result<()> {
    with_temp_namespace(async |context| {
        let restored = context.clone();
        let outcome = held(context).await;
        install::upgrade(&[]).await?;
        operator::leader(&restored.client).await?;
        outcome
    })
    .await
}

async fn held(context: Context) -> Result<()> {
    enforce(&context, "30s").await?;
    operator::leader(&context.client).await?;
    let away = json!({"routes": [
        {"path": "/away", "status": 302, "headers": {"location": "http://forbidden:8080/"}},
        {"path": "/mapped", "status": 302, "headers": {"location": "http://[::ffff:169.254.169.254]/"}},
    ]});
    let (target, forbidden, ()) = tokio::try_join!(
        Target::deploy(&context, away),
        Target::deploy_as(&context, "forbidden", json!({})),
        prometheus::deploy(&context),
    )?;
    refused(&context).await?;
    redirected(&context, &forbidden).await?;
    queued(&context).await?;
    stopped(&context, &target).await?;
    reloaded(&context).await
}

/// Installs the policy for the test's namespace.
async fn enforce(context: &Context, longest: &str) -> Result<()> {
    let policy = json!({
        "contact": "the platform team",
        "prometheusServers": {"main": {"url": prometheus::url(context)}},
        "namespaces": [{"names": [context.namespace], "rules": {
            "targetHosts": ["target"],
            "blockedNetworks": ["169.254.0.0/16"],
            "prometheusServers": ["main"],
            "runnerImages": ["registry.example.com/*"],
            "secretNames": ["loadtest-*"],
            "maxRunners": 2,
            "maxRuns": 1,
            "maxRequestsPerSecond": 50,
            "maxDuration": longest,
        }}],
    });
    install::upgrade(&["--set-json", &format!("policy={policy}")]).await
}

/// What can be told from the spec is refused before anything runs.
async fn refused(context: &Context) -> Result<()> {
    let secret = json!([{"name": "token", "secretKeyRef": {"name": "database", "key": "password"}}]);
    let cases = [
        ("host", json!({"target": {"baseURL": "http://forbidden:8080"}}), "targetHosts"),
        ("literal", json!({"target": {"baseURL": "http://2130706433:8080"}}), "targetHosts"),
        ("image", json!({"runner": {"image": "registry.example.com.evil/runner"}}), "runnerImages"),
        ("secret", json!({"secrets": secret}), "secretNames"),
        (
            "volume",
            json!({"runner": {"volumes": [{"name": "a", "secret": {"secretName": "database"}}]}}),
            "secretNames",
        ),
        ("account", json!({"runner": {"serviceAccountName": "default"}}), "secretNames"),
        (
            "before",
            json!({"runner": {"initContainers": [{"name": "a", "image": "registry.example.com/a"}]}}),
            "runnerImages",
        ),
        (
            "alias",
            json!({"runner": {"hostAliases": [{"ip": "192.0.2.7", "hostnames": ["target"]}]}}),
            "targetHosts",
        ),
        ("runners", json!({"runner": {"parallelism": 3}}), "maxRunners"),
        ("long", json!({"load": {"constant": {"duration": "31s"}}}), "maxDuration"),
        ("server", json!({"prometheus": {"server": "other", "checks": [up()]}}), "prometheusServers"),
    ];
    let mut started = Vec::new();
    for (name, patch, rule) in cases {
        started.push((name, rule, context.start(name, merged(constant(5, 5), patch)).await?));
    }
    for (name, rule, run) in started {
        let run = context.finished(&run, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Error, "PolicyViolation").context(name)?;
        let message = status(&run).message.unwrap_or_default();
        ensure!(message.contains(&format!("{RULES}.{rule}")), "{name} does not name its rule: {message}");
        ensure!(message.contains("ask the platform team"), "{name} does not say whom to ask: {message}");
        ensure!(context.jobs(&run.metadata.name.unwrap_or_default()).await?.is_empty(), "{name} got a Job");
        context.told(name, "Refused").await?;
    }
    Ok(())
}

/// What only shows while the load runs is refused where the connection is made.
async fn redirected(context: &Context, forbidden: &Target) -> Result<()> {
    let names = ["away", "mapped"];
    let requests = names.map(|name| json!({"request": {"name": name, "url": format!("/{name}")}}));
    let thresholds = names.map(
        |name| json!({"metric": "http_req_failed", "selector": {"request": name}, "condition": "rate < 1%"}),
    );
    let test = merged(
        constant(5, 4),
        json!({"scenarios": [{"name": "get", "steps": requests}], "thresholds": thresholds}),
    );
    let run = context.run("redirected", test, seconds(60)).await?;
    ensure_verdict(&run, Verdict::Failed, "ThresholdsBreached")?;
    let status = status(&run);
    ensure!(status.thresholds.iter().all(|threshold| !threshold.passed), "{:?}", status.thresholds);
    // Each hop is a request.
    let made: Vec<(&str, i64)> =
        status.requests.iter().map(|request| (request.name.as_str(), request.summary.requests)).collect();
    ensure!(made == [("away", 40), ("mapped", 40)], "{made:?}");
    ensure!(forbidden.stats().await?.received == 0, "a redirect led to a host that the policy forbids");
    Ok(())
}

/// The second run waits for the first, and says so. Then it has the Prometheus server of the policy asked, by its name.
async fn queued(context: &Context) -> Result<()> {
    // It is not the target that they wait for.
    let shared = |test| merged(test, json!({"target": {"sharing": "Shared"}}));
    let first = context.start("first", shared(constant(5, 20))).await?;
    context.loaded(&first, seconds(60)).await?;
    // Its deadline is shorter than it will have to wait.
    let patient = merged(
        shared(constant(5, 3)),
        json!({"deadlines": {"prepare": "15s"}, "prometheus": {
            "server": "main", "checks": [up()], "series": [{"name": "up", "query": "up"}],
        }}),
    );
    let second = context.start("second", patient).await?;
    let waits = |run: &LoadTestRun| {
        let status = status(run);
        status.reason.as_deref() == Some("Queued")
            && status.message.is_some_and(|message| message.contains(&format!("{RULES}.maxRuns")))
    };
    wait::until(&context.api::<LoadTestRun>(), &second, "is queued and says why", seconds(10), waits).await?;
    for (run, answers) in [(&first, 0), (&second, 1)] {
        let run = context.finished(run, seconds(90)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let checks = status(&run).checks;
        ensure!(checks.iter().filter(|check| check.passed).count() == answers, "{checks:?}");
        let series = status(&run).series;
        ensure!(series.iter().filter(|one| one.max.as_deref() == Some("1")).count() == answers, "{series:?}");
    }
    Ok(())
}

/// A run that makes more requests than allowed is stopped, by what is measured and not by what it says.
async fn stopped(context: &Context, target: &Target) -> Result<()> {
    let before = target.stats().await?.received;
    let run = context.run("fast", constant(100, 25), seconds(60)).await?;
    ensure_verdict(&run, Verdict::Error, "RateExceeded")?;
    let message = status(&run).message.unwrap_or_default();
    ensure!(
        message.contains("maxRequestsPerSecond") && message.contains("ask the platform team"),
        "{message}"
    );
    let made = target.quiet(seconds(8)).await?.received - before;
    ensure!(made < 1500, "it was stopped only after {made} requests");
    Ok(())
}

fn up() -> Value {
    json!({"name": "up", "query": "up", "condition": "== 1"})
}

/// A changed policy is taken up by the operator that runs.
async fn reloaded(context: &Context) -> Result<()> {
    let before = operator::leader(&context.client).await?;
    enforce(context, "4s").await?;
    // The kubelet brings a changed ConfigMap with its next look at a pod, which a change of the pod makes at once.
    let pods = operator::pods(&context.client);
    let touch = Patch::Merge(json!({"metadata": {"annotations": {"upsurge.dev/e2e-look": "again"}}}));
    for pod in pods.list(&ListParams::default()).await?.items {
        pods.patch(&pod.metadata.name.unwrap_or_default(), &PatchParams::default(), &touch).await?;
    }
    let attempts = AtomicU32::new(0);
    wait::eventually("the new policy holds", seconds(60), async || {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        let run = context.run(&format!("short-{attempt}"), constant(5, 5), seconds(60)).await?;
        Ok((status(&run).reason.as_deref() == Some("PolicyViolation")).then_some(()))
    })
    .await?;
    let after: Pod = operator::leader(&context.client).await?;
    ensure!(before.metadata.uid == after.metadata.uid, "the operator was replaced");
    Ok(())
}
