// SPDX-License-Identifier: Apache-2.0
//! A record that the observer writes and the checkpoint reads.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;
use upsurge_core::plan::Timeline;
use upsurge_figures::{observation::Event, workload::Workload};
use upsurge_observer::{Observer, Target};

use super::{Kept, Recorded};
use crate::collector::Shared;

/// A record shared by its writer and its readers; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SharedRecord {
    record: Arc<Mutex<Recorded>>,
    changed: Arc<Notify>,
    /// What it takes, as counted after the last change: to count it takes a while, and it is asked for with each word of a runner.
    bytes: Arc<AtomicUsize>,
}

impl SharedRecord {
    /// Goes on with what was recorded before.
    pub fn new(record: Recorded) -> Self {
        let bytes = AtomicUsize::new(record.workload().bytes());
        Self { record: Arc::new(Mutex::new(record)), changed: Arc::default(), bytes: Arc::new(bytes) }
    }

    /// Whether everything about the target was looked at, or it is known why it can't be.
    pub fn has_looked(&self) -> bool {
        self.lock().has_looked()
    }

    /// The workload as it was recorded so far.
    pub fn workload(&self) -> Shared<Workload> {
        self.lock().workload().clone()
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What a checkpoint of this moment is to hold of it.
    pub fn kept(&self) -> Option<Kept> {
        self.lock().kept(Timestamp::now())
    }

    /// An observer that goes on where the record ends.
    pub fn observer(&self, target: Target) -> Observer {
        self.change(|record| record.observer(target))
    }

    /// Records events, and tells the readers.
    pub fn note(&self, events: Vec<Event>) {
        self.change(|record| record.note(events));
        self.changed.notify_one();
    }

    /// The load starts at an instant and goes as planned: figures of the recorded workload count from then on. Only the first time
    /// counts.
    pub fn begin(&self, timeline: &Timeline, start: Timestamp) {
        if self.lock().workload().has_begun() {
            return;
        }
        self.change(|record| record.begin(timeline, start));
        self.changed.notify_one();
    }

    /// The load turns back after a time, and goes like this then. Only the first time counts.
    pub fn turn(&self, turned: &Timeline, start: Timestamp, at: Duration) {
        let mut record = self.lock();
        if !record.workload().has_turned() {
            record.turn(turned, start, at);
        }
    }

    /// The load of all runners has ended.
    pub fn end_load(&self, at: Timestamp) {
        self.lock().end_load(at);
    }

    /// Waits for the next change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut Recorded) -> T) -> T {
        let mut record = self.lock();
        let answer = change(&mut record);
        self.bytes.store(record.workload().bytes(), Ordering::Relaxed);
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
