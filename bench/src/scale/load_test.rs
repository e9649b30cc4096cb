// SPDX-License-Identifier: Apache-2.0
//! The tests that are measured, and what became of their runs.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, PostParams},
    runtime::wait as kube_wait,
};
use serde_json::json;
use tokio::net::TcpListener;
use upsurge_core::{
    results::{Figures, figures},
    validate::validate,
};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    v1alpha1::{Phase, RunSummary, Verdict},
};

use super::{
    content::{SCENARIO, request_name, requests_for},
    ledger::Ledger,
};

/// What a test asks for.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Name.
    pub name: String,
    /// Runners.
    pub runners: usize,
    /// Series of each runner, about.
    pub series: usize,
    /// Length of the load.
    pub seconds: u64,
}

/// A test whose target is an address of its own, which accepts connections for as long as this lives.
pub struct Test {
    /// The manifest.
    pub manifest: LoadTest,
    target: tokio::task::JoinHandle<()>,
}

impl Drop for Test {
    fn drop(&mut self) {
        self.target.abort();
    }
}

impl Test {
    /// Makes the target and the manifest.
    pub async fn new(shape: &Shape) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        // A runner only looks whether the target is there.
        let target = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let steps: Vec<_> = (0..requests_for(shape.series))
            .map(|index| {
                json!({"request": {
                    "name": request_name(index), "url": format!("/{index}"),
                    "expect": [{"name": "status is 200", "status": [200]}],
                }})
            })
            .collect();
        let manifest = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": shape.name},
            "spec": {
                "target": {"baseURL": format!("http://127.0.0.1:{port}")},
                "scenarios": [{"name": SCENARIO, "steps": steps}],
                "load": {"constant": {"level": shape.runners, "duration": format!("{}s", shape.seconds)}},
                "thresholds": [
                    {"metric": "http_req_duration", "condition": "p(95) < 1s"},
                    {"metric": "http_req_failed", "condition": "rate < 50%"},
                ],
                "runner": {
                    "parallelism": shape.runners,
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                },
                "deadlines": {"prepare": "15m", "start": "5m"},
                "history": {"passed": {"count": 10}, "notPassed": {"count": 10}},
            },
        }))?;
        Ok(Self { manifest, target })
    }

    /// The same, observing a Deployment of its namespace.
    pub fn observing(mut self, deployment: &str) -> Result<Self> {
        self.manifest.spec.target.workloads = serde_json::from_value(json!([{"name": deployment}]))?;
        Ok(self)
    }

    /// Applies it.
    pub async fn create(&self, client: &Client, namespace: &str) -> Result<()> {
        Api::<LoadTest>::namespaced(client.clone(), namespace)
            .create(&PostParams::default(), &self.manifest)
            .await
            .with_context(|| format!("test {} can't be created", self.name()))?;
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.manifest.name_any()
    }

    /// Name of the run that it makes.
    pub fn run(&self) -> String {
        format!("{}-g1", self.name())
    }

    /// Waits until its run has reached a phase, or one behind it.
    pub async fn reached(
        &self,
        client: &Client,
        namespace: &str,
        phase: Phase,
        patience: Duration,
    ) -> Result<LoadTestRun> {
        let runs = Api::<LoadTestRun>::namespaced(client.clone(), namespace);
        let there = move |run: Option<&LoadTestRun>| {
            run.and_then(|run| run.status.as_ref()?.phase).is_some_and(|now| now >= phase)
        };
        let name = self.run();
        tokio::time::timeout(patience, kube_wait::await_condition(runs, &name, there))
            .await
            .with_context(|| format!("run {name} did not reach {phase:?} within {} s", patience.as_secs()))??
            .with_context(|| format!("run {name} is gone"))
    }

    /// How the figures of a finished run differ from what its runners handed over; nothing if they don't.
    pub fn differences(&self, run: &LoadTestRun, ledger: &Ledger) -> Result<Vec<String>> {
        let namespace = run.namespace().unwrap_or_default();
        let entry = ledger.of(&namespace, &run.name_any());
        let valid = validate(&self.manifest.spec)
            .map_err(|errors| anyhow::anyhow!("the test is not valid: {errors:?}"))?;
        let content = entry.content.context("no runner of the run reported anything")?;
        let sent = figures(&content.sum(&entry.counts), &valid.timeline, valid.timeline.duration());
        Ok(differences(run, &sent))
    }

    /// Removes it with its runs.
    pub async fn delete(&self, client: &Client, namespace: &str) -> Result<()> {
        let tests = Api::<LoadTest>::namespaced(client.clone(), namespace);
        tests.delete(&self.name(), &DeleteParams::background()).await?;
        Ok(())
    }
}

fn differences(run: &LoadTestRun, sent: &Figures) -> Vec<String> {
    let (name, status) = (run.name_any(), run.status.clone().unwrap_or_default());
    let mut found = Vec::new();
    if status.verdict == Some(Verdict::Error) || status.verdict.is_none() {
        let (reason, message) = (status.reason.unwrap_or_default(), status.message.unwrap_or_default());
        found.push(format!("run {name} ended as {:?}: {reason}: {message}", status.verdict));
    }
    compare(&format!("run {name}"), status.summary.as_deref(), &sent.summary, &mut found);
    let stages: BTreeMap<_, _> = status.stages.iter().map(|one| (&one.name, &one.summary)).collect();
    for stage in &sent.stages {
        let what = format!("run {name}, stage {}", stage.name);
        compare(&what, stages.get(&stage.name).copied(), &stage.summary, &mut found);
    }
    let requests: BTreeMap<_, _> = status.requests.iter().map(|one| (&one.name, &one.summary)).collect();
    for request in &sent.requests {
        // A status has no room for all of them.
        if let Some(arrived) = requests.get(&request.name) {
            let what = format!("run {name}, request {}", request.name);
            compare(&what, Some(arrived), &request.summary, &mut found);
        }
    }
    found
}

fn compare(what: &str, arrived: Option<&RunSummary>, sent: &RunSummary, found: &mut Vec<String>) {
    let arrived = arrived.cloned().unwrap_or_default();
    // Of requests no iterations are told.
    let iterations = |summary: &RunSummary| summary.iterations.unwrap_or_default();
    let [there, here] = [&arrived, sent].map(|summary| (summary.requests, iterations(summary)));
    if there != here {
        found.push(format!(
            "{what}: {} requests in {} iterations have arrived, {} in {} were sent",
            there.0, there.1, here.0, here.1
        ));
    } else if (&arrived.error_rate, &arrived.latency, &arrived.response_time)
        != (&sent.error_rate, &sent.latency, &sent.response_time)
    {
        found.push(format!("{what}: the figures differ: {arrived:?} have arrived, {sent:?} were sent"));
    }
}

#[cfg(test)]
mod tests {
    use upsurge_crds::v1alpha1::LatencySummary;

    use super::*;

    #[test]
    fn whatever_is_missing_is_found() {
        let sent = RunSummary { requests: 10, iterations: Some(2), ..RunSummary::default() };
        let mut found = Vec::new();
        compare("run a", Some(&sent), &sent, &mut found);
        assert_eq!(found, Vec::<String>::new());
        compare("run a", None, &sent, &mut found);
        compare("run b", Some(&RunSummary { requests: 9, ..sent.clone() }), &sent, &mut found);
        let latency = LatencySummary { max: "2ms".into(), ..LatencySummary::default() };
        compare("run c", Some(&RunSummary { latency, ..sent.clone() }), &sent, &mut found);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("run a: 0 requests in 0 iterations have arrived, 10 in 2 were sent"));
    }
}
