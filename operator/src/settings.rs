// SPDX-License-Identifier: Apache-2.0
//! What the operator was told at its start and the steps of a run need. Plain data; who reads arguments is `args`.

use std::{sync::Arc, time::Duration};

use crate::runner_defaults::PodDefaults;

/// How runner pods are made.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerDefaults {
    /// Image, unless a test names another.
    pub image: String,
    /// When it is pulled.
    pub image_pull_policy: String,
    /// Where runners report to.
    pub collector_url: String,
    /// By which authorities they check it, as PEM.
    pub authorities: Arc<str>,
    /// What else the platform team wants of them.
    pub pods: Arc<PodDefaults>,
}

/// Which records of finished runs are kept in their namespaces. Sizes are in bytes, before base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Most of a record; with 0 none are kept.
    pub per_run: u64,
    /// Most of all records of a namespace.
    pub per_namespace: u64,
    /// Most of all records.
    pub in_all: u64,
    /// The namespaces that are watched; none means all of them.
    pub namespaces: Vec<String>,
}

impl Default for Records {
    fn default() -> Self {
        Self { per_run: 64 << 10, per_namespace: 16 << 20, in_all: 256 << 20, namespaces: Vec::new() }
    }
}

/// How long the Job, the pods and the service account of a run that is over are kept, so that logs can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Of a run that passed.
    pub passed: Duration,
    /// Of any other.
    pub not_passed: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { passed: Duration::from_secs(60), not_passed: Duration::from_secs(600) }
    }
}
