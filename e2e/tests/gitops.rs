// SPDX-License-Identifier: Apache-2.0
//! What `kubectl wait`, Flux and Argo CD read from tests and runs.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt, stream};
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    v1alpha1::{Phase, Verdict},
};
use upsurge_e2e::{
    api::ensure_verdict,
    cluster::command,
    fixtures::{constant, merged},
    kstatus::{Status, compute},
    target::{Kind, Target},
    wait::{self, seconds},
    with_temp_namespace,
};

/// Records each version of an object until it is dropped.
struct Versions {
    seen: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Versions {
    /// Begins to record; whatever comes after that is seen.
    async fn of<K>(api: Api<K>, name: &str) -> Result<Self>
    where
        K: Resource + Clone + std::fmt::Debug + DeserializeOwned + Serialize + Send + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let mut stream = Box::pin(watcher::watch_object(api, name).default_backoff());
        // The first answer tells what there is, or that there is nothing yet.
        let first = timeout(seconds(20), stream.next()).await.context("the watch does not begin")?;
        let task = tokio::spawn(stream::iter(first).chain(stream).for_each(move |version| {
            if let Ok(Some(object)) = version
                && let Ok(value) = serde_json::to_value(object)
            {
                noted.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(value);
            }
            std::future::ready(())
        }));
        Ok(Self { seen, task })
    }

    fn all(&self) -> Vec<Value> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn phase(object: &Value) -> Option<Phase> {
    serde_json::from_value(object.pointer("/status/phase")?.clone()).ok()
}

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
        current(&tests, Status::Current).await?;
        current(&runs, Status::Current).await?;

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

/// Waits until the newest version has that status.
async fn current(versions: &Versions, status: Status) -> Result<()> {
    let newest = || versions.all().last().map(compute);
    wait::eventually(&format!("the newest version is {status:?}"), seconds(15), async || {
        Ok((newest() == Some(status)).then_some(()))
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
        current(&tests, Status::Failed).await?;
        ensure_contract(&tests.all(), Status::Failed)?;
        let before = tests.all().len();

        context.patch("red", json!({"spec": {"thresholds": []}})).await?;
        let next = context.next_run("red", Some(&run)).await?;
        context.finished(&next, seconds(60)).await?;
        current(&tests, Status::Current).await?;
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
