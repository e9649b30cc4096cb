// SPDX-License-Identifier: Apache-2.0
//! The record of a run's workload: its events, with the folds that figures come from. It survives the operator in the checkpoint.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upsurge_core::{autoscaling, plan::Timeline};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, Source, What},
    workload::Workload,
};
use upsurge_observer::{Observer, Target};

use crate::shared::Shared;

/// Why nothing was seen between two operators.
const AWAY: &str = "the operator was restarted, or another one took over";

/// A record as a checkpoint holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    workload: Shared<Workload>,
    /// It tells all up to here.
    until: Timestamp,
    /// Those of the other workloads of the test, in the order of its spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    further: Vec<Kept>,
}

impl Kept {
    /// One with those of the other workloads of the test.
    pub(super) fn with(self, further: Vec<Self>) -> Self {
        Self { further, ..self }
    }

    /// Each of them by itself, in the order of the spec.
    pub(super) fn each(mut self) -> Vec<Self> {
        let mut each = std::mem::take(&mut self.further);
        each.insert(0, self);
        each
    }

    /// Whether nothing was recorded of its workload.
    pub(super) fn is_empty(&self) -> bool {
        self.workload.log().events().is_empty()
    }
}

/// A record that is written on.
#[derive(Clone, Debug)]
pub struct Recorded {
    workload: Shared<Workload>,
    /// Up to when an operator before this one recorded.
    before: Option<Timestamp>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self { workload: Workload::new(Demand::None).into(), before: None }
    }
}

/// Goes on with what was kept, or begins a record of a workload of which a load demands replicas.
pub fn recorded(kept: Option<Kept>, demand: Demand) -> Recorded {
    let Some(Kept { workload, until, .. }) = kept else {
        return Recorded { workload: Workload::new(demand).into(), before: None };
    };
    Recorded { workload, before: Some(until) }
}

impl Recorded {
    /// What was recorded so far.
    pub fn workload(&self) -> &Shared<Workload> {
        &self.workload
    }

    /// Whether each source of the target was looked at, or it is known why it can't be.
    pub fn has_looked(&self) -> bool {
        let told = |source: Source| {
            let events = self.workload.log().events().iter();
            events.map(|event| &event.what).any(|what| match what {
                What::Listed { source: told } | What::Lost { source: told, .. } => *told == source,
                _ => false,
            })
        };
        [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints].into_iter().all(told)
    }

    /// What a checkpoint is to hold; nothing if nothing was recorded.
    pub fn kept(&self, now: Timestamp) -> Option<Kept> {
        Some(self.as_kept(now)).filter(|kept| !kept.is_empty())
    }

    /// The same, also if that is nothing.
    pub(super) fn as_kept(&self, now: Timestamp) -> Kept {
        Kept { workload: self.workload.clone(), until: now, further: Vec::new() }
    }

    /// Takes events.
    pub fn note(&mut self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.workload.note(event));
    }

    /// The load starts at an instant and goes as planned.
    pub fn begin(&mut self, timeline: &Timeline, start: Timestamp) {
        autoscaling::begin(&mut self.workload, timeline, start);
    }

    /// The load turns back after a time, and goes like this then.
    pub fn turn(&mut self, turned: &Timeline, start: Timestamp, at: Duration) {
        autoscaling::turn(&mut self.workload, turned, start, at);
    }

    /// The load has ended.
    pub fn end_load(&mut self, at: Timestamp) {
        self.workload.end_load(at);
    }

    /// An observer that goes on where the record ends. The time since then is noted as a gap.
    pub fn observer(&mut self, target: Target) -> Observer {
        let Some(until) = self.before.take() else { return Observer::new(target) };
        let (log, known) = (self.workload.log().events(), self.workload.known());
        let (observer, gap) = Observer::resume(target, log, &known, until, AWAY);
        self.note(gap);
        observer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    fn target() -> Target {
        Target {
            namespace: "shop".into(),
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "checkout".into(),
        }
    }

    fn lost(record: &Recorded) -> Vec<(Timestamp, Source)> {
        let lost = |event: &Event| match &event.what {
            What::Lost { source, .. } => Some((event.seen, *source)),
            _ => None,
        };
        record.workload().log().events().iter().filter_map(lost).collect()
    }

    #[test]
    fn the_time_between_two_operators_is_a_gap_from_the_last_checkpoint_on() {
        let mut first = recorded(None, Demand::None);
        assert_eq!(first.kept(at(0)), None, "nothing was recorded");
        first.observer(target());
        first.note(vec![
            Event::found(at(0), What::Asked { replicas: 2 }),
            Event::live(at(0), What::Listed { source: Source::Workload }),
        ]);
        let kept = serde_json::to_value(first.kept(at(20)).unwrap()).unwrap();
        // Was seen, and is in no checkpoint.
        first.note(vec![Event::live(at(22), What::Asked { replicas: 3 })]);
        let mut second = recorded(serde_json::from_value(kept).unwrap(), Demand::None);
        second.observer(target());
        assert_eq!(lost(&second), [(at(20), Source::Workload)]);
        second.observer(target());
        assert_eq!(lost(&second).len(), 1);
    }

    #[test]
    fn all_was_looked_at_once_each_source_was_told_of() {
        let mut record = recorded(None, Demand::None);
        let listed = |source| Event::live(at(0), What::Listed { source });
        record.note([Source::Autoscaler, Source::Workload, Source::Endpoints].map(listed).to_vec());
        assert!(!record.has_looked());
        // That it can't be seen is known as well: the load does not wait for what nobody will see.
        let why = "the scale has no selector".to_owned();
        record.note(vec![Event::live(at(1), What::Lost { source: Source::Pods, message: why })]);
        assert!(record.has_looked());
    }

    #[test]
    fn the_first_observer_of_a_run_has_missed_nothing() {
        let mut first = recorded(None, Demand::None);
        first.observer(target());
        assert!(first.workload().log().events().is_empty());
    }
}
