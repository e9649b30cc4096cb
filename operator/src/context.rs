//! What both controllers work with. It knows neither of them: what only one needs is with that one.

use std::sync::Arc;

use kube::Client;

use crate::{
    backoff::Backoff, cache::Cache, collector::Sessions, events::Events, fence::Fence, metrics::Metrics,
    policy::Platform, settings::RunnerDefaults,
};

/// What both controllers work with; shared by all reconciliations.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What the watches show.
    pub cache: Cache,
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
    /// How runner pods are made.
    pub runner: RunnerDefaults,
    /// What the platform team allows.
    pub platform: Platform,
}

/// A shared [`Context`].
pub type SharedContext = Arc<Context>;
