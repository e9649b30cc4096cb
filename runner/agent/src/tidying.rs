// SPDX-License-Identifier: Apache-2.0
//! The steps of `verify` and `after`, which one runner does for all.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use serde_json::{Map, Value};
use tokio::sync::Notify;
use upsurge_core::protocol::AfterOutcome;
use upsurge_engine::{run_after, run_verify};

use super::{config::AgentConfig, prepare::Prepared};

/// What is done once the load of all runners has ended.
pub(super) struct Tidying {
    prepared: Prepared,
    /// Captured by `before`.
    variables: Map<String, Value>,
    secrets: BTreeMap<String, String>,
    /// The counters of the run, once they are told.
    counters: RefCell<Option<Map<String, Value>>>,
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
        let steps = &prepared.valid.scenarios;
        let tidies = config.runner == 0 && !(steps.verify.is_empty() && steps.after.is_empty());
        tidies.then(|| Self {
            prepared: prepared.clone(),
            variables: variables.clone(),
            secrets: config.secrets.clone(),
            counters: RefCell::default(),
            due: Notify::new(),
            is_done: Cell::new(false),
        })
    }

    /// It is time, and the run has these counters.
    pub(super) fn begin(&self, counters: Option<Map<String, Value>>) {
        if counters.is_some() {
            self.counters.replace(counters);
        }
        self.due.notify_one();
    }

    /// Does it. Without the counters of the run nothing can be verified.
    pub(super) async fn run(&self) -> AfterOutcome {
        let Prepared { valid, test, files, .. } = &self.prepared;
        let (secrets, variables) = (&self.secrets, &self.variables);
        let counters = self.counters.take().filter(|_| !valid.scenarios.verify.is_empty());
        let verified = match counters {
            Some(counters) => Some(run_verify(valid, test, secrets, files, variables, counters).await),
            None => None,
        };
        AfterOutcome { result: run_after(valid, test, secrets, files, variables).await, verified }
    }
}
