//! What both controllers work with.

use std::sync::Arc;

use kube::Client;

use crate::{
    backoff::Backoff, collector::Sessions, events::Events, load_test_run::Prepared, metrics::Metrics,
};

/// How runner pods are made, as the operator was told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerDefaults {
    /// Image, unless a test names another.
    pub image: String,
    /// When it is pulled.
    pub image_pull_policy: String,
    /// Where runners report to.
    pub collector_url: String,
}

/// What both controllers work with; shared by all reconciliations.
pub struct Context {
    /// The API server.
    pub client: Client,
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
    /// Plans of the runs under way, read and compiled once.
    pub prepared: Prepared,
}

/// A shared [`Context`].
pub type SharedContext = Arc<Context>;
