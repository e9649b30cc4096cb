// SPDX-License-Identifier: Apache-2.0
//! Tests and runs as their users handle them.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{
    api::{batch::v1::Job, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTest, LoadTestRun, conditions,
    names::{annotations, labels},
    v1alpha1::{LoadTestRunStatus, Phase, Verdict},
};

use crate::{Context, wait};

impl Context {
    /// Creates a test.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn create(&self, name: &str, spec: Value) -> Result<LoadTest> {
        let test: LoadTest = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": name}, "spec": spec,
        }))?;
        self.api().create(&PostParams::default(), &test).await.context("the test was refused")
    }

    /// Creates a test and waits for its run; gives the name of the run.
    ///
    /// # Errors
    /// When there is no run in time.
    pub async fn start(&self, name: &str, spec: Value) -> Result<String> {
        self.create(name, spec).await?;
        self.next_run(name, None).await
    }

    /// Creates a test and waits until its run is finished.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn run(&self, name: &str, spec: Value, limit: Duration) -> Result<LoadTestRun> {
        let run = self.start(name, spec).await?;
        self.finished(&run, limit).await
    }

    /// Waits for a run of the test other than the one known; gives its name.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn next_run(&self, test: &str, known: Option<&str>) -> Result<String> {
        let last = |test: &LoadTest| test.status.as_ref().and_then(|status| status.last_run.clone());
        let new = |test: &LoadTest| last(test).is_some_and(|run| Some(run.as_str()) != known);
        let test =
            wait::until(&self.api::<LoadTest>(), test, "has a new run", wait::seconds(20), new).await?;
        last(&test).context("the run is gone")
    }

    /// Waits until a run is in a phase, or past it.
    ///
    /// # Errors
    /// When it is not in time, or finished before.
    pub async fn phase(&self, run: &str, phase: Phase, limit: Duration) -> Result<LoadTestRun> {
        let reached = |run: &LoadTestRun| status(run).phase.is_some_and(|now| now >= phase);
        let what = format!("is {phase:?}");
        let run = wait::until(&self.api::<LoadTestRun>(), run, &what, limit, reached).await?;
        ensure!(
            status(&run).phase == Some(phase) || phase == Phase::Finished,
            "the run went past {phase:?}: {:?}, {:?}",
            status(&run).phase,
            status(&run).message
        );
        Ok(run)
    }

    /// Waits until a run is finished.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn finished(&self, run: &str, limit: Duration) -> Result<LoadTestRun> {
        self.phase(run, Phase::Finished, limit).await
    }

    /// Waits until the load of a run has started and requests have come in.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn loaded(&self, run: &str, limit: Duration) -> Result<LoadTestRun> {
        let some = |run: &LoadTestRun| {
            status(run).phase == Some(Phase::Running)
                && status(run).summary.as_ref().is_some_and(|summary| summary.requests > 0)
        };
        wait::until(&self.api::<LoadTestRun>(), run, "is Running with requests", limit, some).await
    }

    /// Merges a patch into a test.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn patch(&self, test: &str, patch: Value) -> Result<LoadTest> {
        Ok(self.api().patch(test, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Asks for one more run by the annotation.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn rerun(&self, test: &str, value: &str) -> Result<LoadTest> {
        self.patch(test, json!({"metadata": {"annotations": {annotations::RERUN: value}}})).await
    }

    /// Names of all runs of a test.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn runs(&self, test: &str) -> Result<BTreeSet<String>> {
        let runs = self.api::<LoadTestRun>().list(&ListParams::default()).await?.items;
        let of_test = runs.iter().filter(|run| run.spec.load_test_ref.name == test);
        Ok(of_test.map(ResourceExt::name_any).collect())
    }

    /// Waits until the operator has looked at the newest generation of a test.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn observed(&self, test: &str) -> Result<LoadTest> {
        let seen = |test: &LoadTest| {
            test.status.as_ref().and_then(|status| status.observed_generation) == test.metadata.generation
        };
        wait::until(&self.api::<LoadTest>(), test, "is observed", wait::seconds(20), seen).await
    }

    /// Waits for an event of a test with that reason.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn told(&self, test: &str, reason: &str) -> Result<()> {
        self.told_about("LoadTest", test, reason).await
    }

    /// The same of an object of another kind.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn told_about(&self, kind: &str, name: &str, reason: &str) -> Result<()> {
        let events: Api<Event> = self.api();
        wait::eventually(&format!("{name} has the event {reason}"), wait::seconds(10), async || {
            let found = events.list(&ListParams::default()).await?.items;
            let about = |event: &Event| {
                let object = event.regarding.as_ref();
                object.is_some_and(|object| {
                    object.kind.as_deref() == Some(kind) && object.name.as_deref() == Some(name)
                })
            };
            Ok(found
                .iter()
                .any(|event| about(event) && event.reason.as_deref() == Some(reason))
                .then_some(()))
        })
        .await
    }

    /// The Jobs of a run.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn jobs(&self, run: &str) -> Result<Vec<Job>> {
        let jobs: Api<Job> = self.api();
        Ok(jobs.list(&ListParams::default().labels(&format!("{}={run}", labels::RUN))).await?.items)
    }
}

/// The status of a run, empty before the operator has looked.
pub fn status(run: &LoadTestRun) -> LoadTestRunStatus {
    run.status.clone().unwrap_or_default()
}

/// Checks verdict and reason of a run, and that the conditions say the same.
///
/// # Errors
/// With what was found instead.
pub fn ensure_verdict(run: &LoadTestRun, verdict: Verdict, reason: &str) -> Result<()> {
    let status = status(run);
    let found = (status.verdict, status.reason.as_deref().unwrap_or_default());
    let message = status.message.clone().unwrap_or_default();
    ensure!(found == (Some(verdict), reason), "expected {verdict:?} {reason}, found {found:?}: {message}");
    ensure_conditions(&status.conditions, verdict, reason)?;
    ensure!(!message.is_empty(), "a verdict without a message");
    Ok(())
}

/// Checks that conditions are those of a verdict.
///
/// # Errors
/// With the conditions.
pub fn ensure_conditions(found: &[Condition], verdict: Verdict, reason: &str) -> Result<()> {
    let passed = verdict == Verdict::Passed;
    let shown: Vec<_> =
        found.iter().map(|condition| (&condition.type_, &condition.status, &condition.reason)).collect();
    for (type_, expected) in [
        ("Ready", passed),
        ("Stalled", !passed),
        ("Complete", true),
        ("Failed", !passed),
        ("Reconciling", false),
    ] {
        ensure!(conditions::is_true(found, type_) == expected, "{type_} is not {expected}: {shown:?}");
    }
    // Abnormal-true: absent instead of False.
    for type_ in ["Reconciling", "Stalled"] {
        ensure!(
            conditions::find(found, type_).is_none_or(|condition| condition.status == "True"),
            "{shown:?}"
        );
    }
    let ready = conditions::find(found, "Ready");
    ensure!(ready.is_some_and(|ready| ready.reason == reason), "Ready does not say {reason}: {shown:?}");
    Ok(())
}

/// Milliseconds of a time in a status, as `182.4ms`.
///
/// # Errors
/// When it is not of that form.
pub fn milliseconds(text: &str) -> Result<f64> {
    text.strip_suffix("ms")
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("{text:?} is no time in ms"))
}
