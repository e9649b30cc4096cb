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
use upsurge_figures::{elasticity::Demand, observation::Event, workload::Workload};
use upsurge_observer::{Observer, Setup, SharedSetup, Target};

use super::{Kept, Recorded, recorded};
use crate::shared::Shared;

/// A record shared by its writer and its readers; clones are the same. It is of the workload that a test names first, and has
/// those of the others beside it.
#[derive(Clone, Debug, Default)]
pub struct SharedRecord {
    record: Arc<Mutex<Recorded>>,
    changed: Arc<Notify>,
    /// What it takes, as counted after the last change: to count it takes a while, and it is asked for with each word of a runner.
    bytes: Arc<AtomicUsize>,
    /// How the workload and its autoscaler are set up. In no checkpoint: the next operator takes it as it finds it.
    setup: SharedSetup,
    /// Those of the other workloads, which tell the same readers.
    further: Arc<Vec<Self>>,
}

impl SharedRecord {
    /// Goes on with what was recorded before.
    pub fn new(record: Recorded) -> Self {
        Self::telling(record, Arc::default())
    }

    /// Goes on with what was kept, of workloads of which the load demands replicas like this, in the order of the spec. Without any
    /// it stays empty.
    pub fn of(kept: Option<Kept>, demands: Vec<Demand>) -> Self {
        let changed = Arc::<Notify>::default();
        let mut kept = kept.map(Kept::each).unwrap_or_default().into_iter();
        let mut all: Vec<Self> = demands
            .into_iter()
            .map(|demand| Self::telling(recorded(kept.next(), demand), Arc::clone(&changed)))
            .collect();
        if all.is_empty() {
            return Self::default();
        }
        let first = all.remove(0);
        Self { further: Arc::new(all), ..first }
    }

    fn telling(record: Recorded, changed: Arc<Notify>) -> Self {
        let bytes = AtomicUsize::new(record.workload().bytes());
        let (record, bytes) = (Arc::new(Mutex::new(record)), Arc::new(bytes));
        Self { record, changed, bytes, setup: SharedSetup::default(), further: Arc::default() }
    }

    /// The record of each workload, in the order of the spec.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.further.iter())
    }

    /// Whether everything about the target was looked at, or it is known why it can't be.
    pub fn has_looked(&self) -> bool {
        self.each().all(|one| one.lock().has_looked())
    }

    /// The workload that is named first, as it was recorded so far.
    pub fn workload(&self) -> Shared<Workload> {
        self.lock().workload().clone()
    }

    /// The other workloads.
    pub fn further(&self) -> Vec<Shared<Workload>> {
        self.further.iter().map(Self::workload).collect()
    }

    /// How each workload was set up when the load started, or is now if it has not; in the order of the spec.
    pub fn setups(&self) -> Vec<Arc<Setup>> {
        self.each().map(|one| one.setup.get()).collect()
    }

    /// A load starts: how each workload is set up stays as it is now. Only the first time counts.
    pub fn fix_setups(&self) {
        self.each().for_each(|one| one.setup.fix());
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.each().map(|one| one.bytes.load(Ordering::Relaxed) + one.setup.bytes()).sum()
    }

    /// What a checkpoint of this moment is to hold of it; nothing if nothing was recorded of any workload.
    pub fn kept(&self) -> Option<Kept> {
        let now = Timestamp::now();
        let mut all: Vec<Kept> = self.each().map(|one| one.lock().as_kept(now)).collect();
        if all.iter().all(Kept::is_empty) {
            return None;
        }
        let first = all.remove(0);
        Some(first.with(all))
    }

    /// An observer that goes on where the record ends.
    pub fn observer(&self, target: Target) -> Observer {
        self.change(|record| record.observer(target)).with_setup(self.setup.clone())
    }

    /// Records events, and tells the readers.
    pub fn note(&self, events: Vec<Event>) {
        self.change(|record| record.note(events));
        self.changed.notify_one();
    }

    /// The load starts at an instant and goes as planned: figures of the recorded workload count from then on. Only the first time
    /// counts.
    pub fn begin(&self, timeline: &Timeline, start: Timestamp) {
        for one in self.each() {
            if one.lock().workload().has_begun() {
                continue;
            }
            one.change(|record| record.begin(timeline, start));
            one.changed.notify_one();
        }
    }

    /// The load turns back after a time, and goes like this then. Only the first time counts.
    pub fn turn(&self, turned: &Timeline, start: Timestamp, at: Duration) {
        for one in self.each() {
            let mut record = one.lock();
            if !record.workload().has_turned() {
                record.turn(turned, start, at);
            }
        }
    }

    /// The load of all runners has ended.
    pub fn end_load(&self, at: Timestamp) {
        self.each().for_each(|one| one.lock().end_load(at));
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

#[cfg(test)]
mod tests {
    use upsurge_crds::internal::checkpoint::{FURTHER, FURTHER_EVENTS};
    use upsurge_figures::observation::What;

    use super::*;

    fn asked(second: i64, replicas: u32) -> Vec<Event> {
        let at = Timestamp::from_second(1_900_000_000 + second).unwrap();
        vec![Event::live(at, What::Asked { replicas })]
    }

    fn demands() -> Vec<Demand> {
        vec![Demand::None, Demand::None]
    }

    #[test]
    fn what_was_recorded_of_each_workload_goes_on_with_the_next_operator() {
        let first = SharedRecord::of(None, demands());
        assert_eq!(first.kept(), None, "nothing was recorded");
        // Nothing of the first workload has been seen yet.
        first.each().nth(1).unwrap().note(asked(1, 3));
        let kept = serde_json::to_value(first.kept().unwrap()).unwrap();
        let events = serde_json::json!({"record": kept}).pointer(FURTHER).unwrap()[0].clone();
        assert_eq!(events.pointer(FURTHER_EVENTS).unwrap().as_array().unwrap().len(), 1);
        let second = SharedRecord::of(serde_json::from_value(kept).unwrap(), demands());
        assert!(second.workload().log().events().is_empty());
        assert_eq!(second.further()[0].log().events(), asked(1, 3));
        assert_eq!(second.bytes(), second.workload().bytes() + second.further()[0].bytes());
    }

    #[tokio::test]
    async fn all_workloads_begin_with_the_load_and_wake_the_same_readers() {
        let record = SharedRecord::of(None, demands());
        record.each().nth(1).unwrap().note(asked(1, 3));
        record.changed().await;
        let load =
            serde_json::from_value(serde_json::json!({"constant": {"level": 1, "duration": "1m"}})).unwrap();
        let timeline = upsurge_core::plan::Plan::compile(&load, &["a"]).unwrap().timeline;
        record.begin(&timeline, Timestamp::from_second(1_900_000_000).unwrap());
        assert!(record.workload().has_begun() && record.further()[0].has_begun());
        assert!(!record.has_looked(), "nobody has looked at either");
    }
}
