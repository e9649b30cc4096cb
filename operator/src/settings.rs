//! What the operator was told at its start and the steps of a run need. Plain data; who reads arguments is `args`.

use std::sync::Arc;

/// How runner pods are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerDefaults {
    /// Image, unless a test names another.
    pub image: String,
    /// When it is pulled.
    pub image_pull_policy: String,
    /// Where runners report to.
    pub collector_url: String,
    /// By which authorities they check it, as PEM.
    pub authorities: Arc<str>,
}
