// SPDX-License-Identifier: Apache-2.0
//! What `kubectl wait`, Flux and Argo CD read from tests and runs.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    v1alpha1::{Phase, Verdict},
};
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    cluster::command,
    fixtures::{constant, merged},
    gitops::{Reading, readings},
    kstatus::{Status, compute},
    target::{Kind, Target},
    versions::{Versions, phase},
    wait::seconds,
    with_temp_namespace,
};

/// Every version up to the end is in progress, and the last ones are what the verdict says.
fn ensure_contract(versions: &[Value], end: Status) -> Result<BTreeSet<Phase>> {
    ensure!(versions.len() > 2, "only {} versions were seen", versions.len());
    let mut phases = BTreeSet::new();
    for version in versions {
        let phase = phase(version);
        phases.extend(phase);
        let status = compute(version);
        let expected = if phase == Some(Phase::Finished) { end } else { Status::InProgress };
        ensure!(status == expected, "{phase:?} is {status:?}, not {expected:?}: {version:#}");
        // The conditions speak of the spec that the object has.
        let observed = version.pointer("/status/observedGeneration").and_then(Value::as_i64);
        ensure!(phase.is_none() || observed == version["metadata"]["generation"].as_i64(), "{version:#}");
    }
    Ok(phases)
}

#[tokio::test(flavor = "multi_thread")]
async fn kstatus_is_as_agreed_in_every_phase_of_a_run_that_passes() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        // With `before`, so that no phase is too short to be seen.
        let test = merged(constant(10, 4), json!({"before": [{"think": {"min": "1500ms"}}]}));
        let tests = Versions::of(context.api::<LoadTest>(), "green").await?;
        let run = context.start("green", test).await?;
        let runs = Versions::of(context.api::<LoadTestRun>(), &run).await?;
        ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Passed, "ThresholdsMet")?;
        tests.newest(Status::Current).await?;
        runs.newest(Status::Current).await?;

        let phases = ensure_contract(&runs.all(), Status::Current)?;
        for phase in [Phase::Preparing, Phase::Starting, Phase::Running, Phase::Finished] {
            ensure!(phases.contains(&phase), "{phase:?} was never seen: {phases:?}");
        }
        ensure_contract(&tests.all(), Status::Current)?;
        // The very first version is of an object that no operator has looked at.
        let first = tests.all().into_iter().next().context("no version")?;
        ensure!(first.pointer("/status/observedGeneration") == Some(&json!(-1)), "{first:#}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn kstatus_is_failed_after_a_failure_and_in_progress_again_with_the_next_run() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let never = json!([{"metric": "http_reqs", "condition": "count > 1000"}]);
        let tests = Versions::of(context.api::<LoadTest>(), "red").await?;
        let run = context.start("red", merged(constant(10, 2), json!({"thresholds": never}))).await?;
        ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Failed, "ThresholdsBreached")?;
        tests.newest(Status::Failed).await?;
        ensure_contract(&tests.all(), Status::Failed)?;
        let before = tests.all().len();

        context.patch("red", json!({"spec": {"thresholds": []}})).await?;
        let next = context.next_run("red", Some(&run)).await?;
        context.finished(&next, seconds(60)).await?;
        tests.newest(Status::Current).await?;
        // From the edit on in progress, and not for an instant what it was before.
        let mut later = tests.all().split_off(before);
        let edited =
            later.iter().position(|version| version["metadata"]["generation"] == 2).context("no edit")?;
        let later = later.split_off(edited);
        let done =
            later.iter().position(|version| compute(version) == Status::Current).context("never current")?;
        let states: Vec<_> = later.iter().take(done).map(compute).collect();
        ensure!(!states.is_empty() && states.iter().all(|state| *state == Status::InProgress), "{states:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_can_wait_for_the_end_and_for_the_outcome() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        context.create("waited", constant(10, 3)).await?;
        let wait = async |condition: &str, timeout: &str| {
            let condition = format!("--for=condition={condition}");
            command("kubectl", &["-n", &context.namespace, "wait", &condition, timeout, "loadtest/waited"])
                .await
        };
        wait("Complete", "--timeout=60s").await?;
        wait("Ready", "--timeout=5s").await?;
        ensure!(wait("Failed", "--timeout=1s").await.is_err(), "a test that has passed is Failed");
        let shown = command("kubectl", &["-n", &context.namespace, "get", "lt", "waited"]).await?;
        for part in ["PHASE", "VERDICT", "P95", "REPLICAS", "Finished", "Passed", "ThresholdsMet", "ms"] {
            ensure!(shown.contains(part), "{part:?} is not in:\n{shown}");
        }

        let never = json!({"spec": {"thresholds": [{"metric": "http_reqs", "condition": "count > 1000"}]}});
        context.patch("waited", never).await?;
        wait("Failed", "--timeout=60s").await?;
        wait("Complete", "--timeout=5s").await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_applied_together_with_its_app_and_autoscaler_waits_for_both_and_passes() -> Result<()>
{
    with_temp_namespace(async |context| {
        // The test comes first, which is the worst order there is.
        let judged = json!({"target": {"workloads": [{"name": "target", "expect": {"minPeakReplicas": 1}}]}});
        let run = context.start("together", merged(constant(5, 5), judged)).await?;
        let target = Target::create(&context, Kind::Deployment, "target", json!({})).await?;
        target.autoscale_by(Target::cpu(), 3).await?;
        let run = context.finished(&run, seconds(120)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        ensure!(target.stats().await?.received >= 25, "not all of the load came");
        Ok(())
    })
    .await
}

/// A test, what becomes of it, and what the tools are to say then.
struct Case {
    name: &'static str,
    spec: Value,
    verdict: Verdict,
    reason: &'static str,
    said: [&'static str; 2],
}

/// One of each verdict. They share their target, so as not to wait for each other.
fn cases() -> Vec<Case> {
    let shared = |spec, more| merged(merged(spec, json!({"target": {"sharing": "Shared"}})), more);
    let never = json!({"thresholds": [{"metric": "http_reqs", "condition": "count > 1000"}]});
    let unanswered = json!({"prometheus": {
        "url": "http://target:9999", "checks": [{"name": "up", "query": "up", "condition": "> 0"}],
    }});
    let nowhere = json!({"target": {"baseURL": "http://nowhere:8080"}, "deadlines": {"start": "10s"}});
    let failed = ["Failed", "Degraded"];
    let case = |name, spec, verdict, reason, said| Case { name, spec, verdict, reason, said };
    vec![
        case(
            "passed",
            shared(constant(5, 4), json!({})),
            Verdict::Passed,
            "ThresholdsMet",
            ["Current", "Healthy"],
        ),
        case("failed", shared(constant(5, 3), never), Verdict::Failed, "ThresholdsBreached", failed),
        case(
            "inconclusive",
            shared(constant(5, 3), unanswered),
            Verdict::Inconclusive,
            "CheckUnanswered",
            failed,
        ),
        case("error", shared(constant(5, 3), nowhere), Verdict::Error, "TargetUnresolved", failed),
        case("aborted", shared(constant(5, 300), json!({})), Verdict::Aborted, "Aborted", failed),
    ]
}

/// Runs it to its end, and holds what the tools say of each version of test and run against what was agreed.
async fn read_through(context: &Context, case: Case) -> Result<()> {
    let tests = Versions::of(context.api::<LoadTest>(), case.name).await?;
    let run = context.start(case.name, case.spec.clone()).await?;
    let api = context.api::<LoadTestRun>();
    let runs = Versions::of(api.clone(), &run).await?;
    if case.verdict == Verdict::Aborted {
        context.loaded(&run, seconds(90)).await?;
        let abort = Patch::Merge(json!({"spec": {"abort": true}}));
        api.patch(&run, &PatchParams::default(), &abort).await?;
    }
    ensure_verdict(&context.finished(&run, seconds(120)).await?, case.verdict, case.reason)?;
    let end = if case.verdict == Verdict::Passed { Status::Current } else { Status::Failed };
    for versions in [&tests, &runs] {
        versions.newest(end).await?;
        let versions = versions.all();
        for (version, reading) in versions.iter().zip(readings(&versions).await?) {
            let ended = phase(version) == Some(Phase::Finished);
            let expected = if ended { case.said } else { ["InProgress", "Progressing"] };
            ensure_said(version, &reading, expected)?;
            if ended {
                ensure_told(version, &reading)?;
            }
        }
        ensure!(versions.len() > 2, "only {} versions were seen", versions.len());
    }
    Ok(())
}

/// What the verdict was is told by both, but for a test that passed, of which Flux has words of its own.
fn ensure_told(version: &Value, reading: &Reading) -> Result<()> {
    let conditions = version["status"]["conditions"].as_array().context("no conditions")?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").context("no Ready")?;
    let told = ready["message"].as_str().unwrap_or_default();
    let flux = ready["status"] == "True" || reading.flux.message == told;
    ensure!(!told.is_empty() && reading.argo_cd.message == told && flux, "{reading:?}: {version:#}");
    Ok(())
}

/// Also that what the other tests compute is what the library says.
fn ensure_said(version: &Value, reading: &Reading, expected: [&str; 2]) -> Result<()> {
    let said = [reading.flux.status.as_str(), reading.argo_cd.status.as_str()];
    ensure!(said == expected, "{said:?} instead of {expected:?}: {version:#}");
    ensure!(said[0] == format!("{:?}", compute(version)), "{said:?} of {version:#}");
    Ok(())
}

/// A test that is not run.
async fn read_unrun(context: &Context, name: &str, more: Value, expected: [&str; 2]) -> Result<()> {
    context.create(name, merged(constant(5, 5), more)).await?;
    let version = serde_json::to_value(context.observed(name).await?)?;
    let readings = readings(std::slice::from_ref(&version)).await?;
    ensure_said(&version, &readings[0], expected).with_context(|| name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the library of Flux and the interpreter of Argo CD, which are compiled for it: make e2e-full"]
async fn flux_and_argo_cd_themselves_read_every_verdict_as_agreed() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let root = json!({"runner": {"securityContext": {"runAsUser": 0}}});
        read_unrun(&context, "refused", root, ["Failed", "Degraded"]).await?;
        read_unrun(&context, "suspended", json!({"suspend": true}), ["InProgress", "Healthy"]).await?;
        let read = cases().into_iter().map(|case| {
            let (context, name) = (context.clone(), case.name);
            async move { read_through(&context, case).await.context(name) }
        });
        futures::future::try_join_all(read).await?;
        Ok(())
    })
    .await
}
