// SPDX-License-Identifier: Apache-2.0
//! The steps of `after`, which one runner does for all.

use std::{cell::Cell, collections::BTreeMap};

use serde_json::{Map, Value};
use tokio::sync::Notify;
use upsurge_engine::run_after;

use super::{config::AgentConfig, prepare::Prepared};

/// What is done once the load of all runners has ended.
pub(super) struct Tidying {
    prepared: Prepared,
    /// Captured by `before`.
    variables: Map<String, Value>,
    secrets: BTreeMap<String, String>,
    /// Told when it is time.
    pub(super) due: Notify,
    /// Whether the outcome is among what is pending, or was told.
    pub(super) is_done: Cell<bool>,
}

impl Tidying {
    /// What this runner has to do; `None` if that is nothing.
    pub(super) fn of(
        config: &AgentConfig,
        prepared: &Prepared,
        variables: &Map<String, Value>,
    ) -> Option<Self> {
        let tidies = config.runner == 0 && !prepared.valid.scenarios.after.is_empty();
        tidies.then(|| Self {
            prepared: prepared.clone(),
            variables: variables.clone(),
            secrets: config.secrets.clone(),
            due: Notify::new(),
            is_done: Cell::new(false),
        })
    }

    /// Does it.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) async fn run(&self) -> Result<(), String> {
        let Prepared { valid, test, files, .. } = &self.prepared;
        run_after(valid, test, &self.secrets, files, &self.variables).await
    }
}
