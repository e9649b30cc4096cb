// SPDX-License-Identifier: Apache-2.0
//! An observation that samplers write and the checkpoint reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use upsurge_core::autoscaling::Observation;

use crate::collector::Shared;

/// An observation shared by its writers and readers; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SharedObservation {
    observation: Arc<Mutex<Shared<Observation>>>,
    changed: Arc<Notify>,
}

impl SharedObservation {
    /// Goes on with what was observed before.
    pub fn new(observation: Observation) -> Self {
        Self { observation: Arc::new(Mutex::new(observation.into())), changed: Arc::default() }
    }

    /// What was observed so far.
    pub fn get(&self) -> Shared<Observation> {
        self.lock().clone()
    }

    /// Changes it; tells the readers if it is different after that.
    pub fn update(&self, change: impl FnOnce(&mut Observation)) {
        let different = {
            let mut observation = self.lock();
            let before = observation.clone();
            change(&mut observation);
            *observation != before
        };
        if different {
            self.changed.notify_one();
        }
    }

    /// Waits for the next change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Shared<Observation>> {
        self.observation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
