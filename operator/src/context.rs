// SPDX-License-Identifier: Apache-2.0
//! What both controllers work with. It knows neither of them: what only one needs is with that one.

use std::sync::Arc;

use kube::Client;

use crate::{
    backoff::Backoff,
    cache::Cache,
    cluster_version::ClusterVersion,
    collector::Sessions,
    events::Events,
    fence::Fence,
    metrics::Metrics,
    policy::Platform,
    rollouts::Rollouts,
    runner_defaults::PodDefaults,
    settings::{Keep, Records, RunnerDefaults},
    tls::Served,
};

/// What both controllers work with; shared by all reconciliations.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What the watches show.
    pub cache: Cache,
    /// Version of the cluster, once it is known.
    pub cluster_version: ClusterVersion,
    /// Which revisions targets have.
    pub rollouts: Rollouts,
    /// Whether this operator may write.
    pub fence: Fence,
    /// The collector's sessions.
    pub sessions: Sessions,
    /// Events.
    pub events: Events,
    /// Metrics.
    pub metrics: Metrics,
    /// Failures in a row.
    pub backoff: Backoff,
    /// What the collector shows to runners.
    pub served: Served,
    /// Image of the runner pods, unless a test names another.
    pub runner_image: String,
    /// When it is pulled.
    pub runner_image_pull_policy: String,
    /// What else the platform team wants of the runner pods, unless a test says otherwise.
    pub runner_pods: Arc<PodDefaults>,
    /// Where runners report to.
    pub collector_url: String,
    /// How long runners are kept once their run is over.
    pub keep: Keep,
    /// Which records of finished runs are kept.
    pub records: Records,
    /// What the platform team allows.
    pub platform: Platform,
    /// Namespaces in which replicas of targets may be set.
    pub pinning_namespaces: Vec<String>,
}

impl Context {
    /// Whether replicas of targets may be set in a namespace.
    pub fn may_set_replicas(&self, namespace: &str) -> bool {
        self.pinning_namespaces.iter().any(|allowed| allowed == namespace)
    }

    /// How runner pods are made now.
    ///
    /// # Errors
    /// As long as runners could not check whom they speak to; then why.
    pub fn runner(&self) -> Result<RunnerDefaults, String> {
        Ok(RunnerDefaults {
            image: self.runner_image.clone(),
            image_pull_policy: self.runner_image_pull_policy.clone(),
            collector_url: self.collector_url.clone(),
            authorities: self.served.authorities()?,
            pods: self.runner_pods.clone(),
        })
    }
}

/// A shared [`Context`].
pub type SharedContext = Arc<Context>;
