// SPDX-License-Identifier: Apache-2.0
//! An observation that samplers write and the checkpoint reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;
use upsurge_core::{autoscaling::Observation, plan::Timeline};
use upsurge_figures::{observation::Event, workload::Workload};
use upsurge_observer::{Observer, Target};

use super::{Kept, Recorded};
use crate::collector::Shared;

/// An observation shared by its writers and readers, with the record of its events; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SharedObservation {
    observation: Arc<Mutex<Shared<Observation>>>,
    record: Arc<Mutex<Recorded>>,
    changed: Arc<Notify>,
}

impl SharedObservation {
    /// Goes on with what was observed before.
    pub fn new(observation: Observation, record: Recorded) -> Self {
        let (observation, record) = (Mutex::new(observation.into()), Mutex::new(record));
        Self { observation: Arc::new(observation), record: Arc::new(record), changed: Arc::default() }
    }

    /// What was observed so far.
    pub fn get(&self) -> Shared<Observation> {
        lock(&self.observation).clone()
    }

    /// Whether everything about the target was looked at, or it is known why it can't be.
    pub fn has_looked(&self) -> bool {
        let observation = self.get();
        let sampled = !observation.samples.is_empty() || !observation.problems.is_empty();
        sampled && lock(&self.record).has_looked()
    }

    /// The workload as it was recorded so far.
    pub fn workload(&self) -> Shared<Workload> {
        lock(&self.record).workload().clone()
    }

    /// What a checkpoint of this moment is to hold of the record.
    pub fn kept(&self) -> Option<Kept> {
        lock(&self.record).kept(Timestamp::now())
    }

    /// An observer that goes on where the record ends.
    pub fn observer(&self, target: Target) -> Observer {
        lock(&self.record).observer(target)
    }

    /// Records events, and tells the readers.
    pub fn note(&self, events: Vec<Event>) {
        lock(&self.record).note(events);
        self.changed.notify_one();
    }

    /// The load starts at an instant and goes as planned: figures of the recorded workload count from then on. Only the first time
    /// counts.
    pub fn begin(&self, timeline: &Timeline, start: Timestamp) {
        let mut record = lock(&self.record);
        if !record.workload().has_begun() {
            record.begin(timeline, start);
            drop(record);
            self.changed.notify_one();
        }
    }

    /// The load of all runners has ended.
    pub fn end_load(&self, at: Timestamp) {
        lock(&self.record).end_load(at);
    }

    /// Changes it; tells the readers if it is different after that.
    pub fn update(&self, change: impl FnOnce(&mut Observation)) {
        let different = {
            let mut observation = lock(&self.observation);
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
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
