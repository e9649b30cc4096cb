// SPDX-License-Identifier: Apache-2.0
//! What holds of a run whatever became of the operator: one Job, each runner once, and figures that are the target's own.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use tokio::task::JoinSet;
use upsurge_crds::{LoadTestRun, names::labels, v1alpha1::Verdict};

use crate::{
    Context,
    api::{ensure_verdict, status},
    target::Target,
};

/// Every Job and runner pod that is ever made in a namespace, by UID.
pub struct Made {
    jobs: Arc<Mutex<BTreeSet<String>>>,
    pods: Arc<Mutex<BTreeSet<String>>>,
    _tasks: JoinSet<()>,
}

impl Made {
    /// Watches until it is dropped.
    pub fn watch(context: &Context) -> Self {
        let mut tasks = JoinSet::new();
        let jobs = record(&mut tasks, context.api::<Job>());
        let pods = record(&mut tasks, context.api::<Pod>());
        Self { jobs, pods, _tasks: tasks }
    }

    /// Checks that exactly one Job was made, and each of its runners once.
    ///
    /// # Errors
    /// With what was made instead.
    pub fn ensure_once(&self, runners: usize) -> Result<()> {
        let count = |seen: &Mutex<BTreeSet<String>>| seen.lock().map(|seen| seen.len()).unwrap_or(0);
        let (jobs, pods) = (count(&self.jobs), count(&self.pods));
        ensure!(jobs == 1 && pods == runners, "{jobs} Jobs and {pods} pods were made, for {runners} runners");
        Ok(())
    }
}

fn record<K>(tasks: &mut JoinSet<()>, api: Api<K>) -> Arc<Mutex<BTreeSet<String>>>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
    K::DynamicType: Default + Eq + std::hash::Hash + Clone,
{
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let of_runs = watcher::Config::default().labels(labels::RUN);
    let changes = watcher::watcher(api, of_runs).default_backoff().applied_objects();
    tasks.spawn(changes.for_each(move |object| {
        if let (Ok(object), Ok(mut seen)) = (object, noted.lock()) {
            seen.extend(object.uid());
        }
        std::future::ready(())
    }));
    seen
}

/// Checks that the run has passed, and that its figures are those of the target itself.
///
/// # Errors
/// With what differs.
pub async fn ensure_whole(run: &LoadTestRun, target: &Target, planned: i64) -> Result<()> {
    ensure_verdict(run, Verdict::Passed, "ThresholdsMet")?;
    let status = status(run);
    let summary = status.summary.clone().context("no summary")?;
    let received = target.stats().await?.received as i64;
    ensure!(
        summary.requests == planned && received == planned && summary.iterations == Some(planned),
        "planned {planned}, the target has seen {received}, reported {} requests and {} iterations",
        summary.requests,
        summary.iterations.unwrap_or_default()
    );
    let stages: i64 = status.stages.iter().map(|stage| stage.summary.requests).sum();
    ensure!(stages == planned, "the stages have {stages} requests");
    ensure!(status.runners.iter().all(|runner| runner.state == "Completed"), "{:?}", status.runners);
    Ok(())
}
