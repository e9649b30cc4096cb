// SPDX-License-Identifier: Apache-2.0
//! What the played runners have handed over to be sent, run by run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::content::{Content, VARIANTS};

/// Namespace and name of a run.
type Key = (String, String);

/// What was handed over, by run.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<HashMap<Key, Entry>>>);

/// Of one run.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The seconds that its runners report.
    pub content: Option<Arc<Content>>,
    /// How often each of them was handed over.
    pub counts: [u64; VARIANTS],
    /// Deltas that were made.
    pub deltas: u64,
    /// Time that they cover, of all runners together.
    pub time: Duration,
}

impl Entry {
    /// Seconds between two deltas of a runner.
    pub fn interval(&self) -> f64 {
        self.time.as_secs_f64() / self.deltas.max(1) as f64
    }
}

impl Ledger {
    /// Notes what a runner hands over.
    pub fn note(
        &self,
        namespace: &str,
        run: &str,
        content: &Arc<Content>,
        counts: &[u64; VARIANTS],
        time: Duration,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry((namespace.to_owned(), run.to_owned())).or_default();
        entry.content.get_or_insert_with(|| content.clone());
        entry.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        entry.deltas += 1;
        entry.time += time;
    }

    /// What was handed over for a run.
    pub fn of(&self, namespace: &str, run: &str) -> Entry {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(namespace.to_owned(), run.to_owned())).cloned().unwrap_or_default()
    }
}
