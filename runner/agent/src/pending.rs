// SPDX-License-Identifier: Apache-2.0
//! What the collector has not acknowledged: a few deltas, however long it takes.
//!
//! What was recorded is kept until a checkpoint holds it. What no checkpoint can end between is merged into one delta:
//! what was never sent to this session, what it has received since its newest checkpoint was begun, and what lies
//! before that. A delta that was sent and not answered stays as it is, as the collector may have taken it.

use std::collections::VecDeque;

use upsurge_core::{
    protocol::{Delta, DeltaReply, RunnerEnd},
    slices::Slicing,
};

/// Most deltas in one message.
const LARGEST_BATCH: usize = 20;

/// An answer of a session that is over: another one has answered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("session {old} of the run answers, although session {new} has done so already")]
pub(super) struct Outdated {
    old: u64,
    new: u64,
}

/// Deltas on their way.
#[derive(Debug)]
pub(super) struct Pending {
    slicing: Slicing,
    deltas: VecDeque<Delta>,
    numbered: u64,
    /// The session that was heard last.
    session: Option<u64>,
    /// Number of the last delta that was ever put into a message for that session.
    attempted: u64,
    /// Number of the last delta that the collector says it has.
    received: u64,
    acknowledged: u64,
}

impl Pending {
    /// Nothing yet, for a session that was heard already. So many deltas were sent and acknowledged before, of other epochs: numbers
    /// count on.
    pub(super) fn new(slicing: Slicing, session: Option<u64>, before: u64) -> Self {
        let deltas = VecDeque::new();
        let [numbered, attempted, received, acknowledged] = [before; 4];
        Self { slicing, deltas, numbered, session, attempted, received, acknowledged }
    }

    /// Number of the last delta.
    pub(super) fn numbered(&self) -> u64 {
        self.numbered
    }

    /// The session for which a message is meant.
    pub(super) fn session(&self) -> Option<u64> {
        self.session
    }

    /// Adds what was recorded; its number is given here. A delta that was never sent grows, and keeps its number.
    pub(super) fn push(&mut self, mut delta: Delta) {
        match self.deltas.back_mut().filter(|last| last.number > self.attempted) {
            Some(last) => {
                let numbers = (last.first, last.number);
                self.slicing.merge(last, delta);
                (last.first, last.number) = numbers;
            }
            None => {
                self.numbered += 1;
                delta.number = self.numbered;
                self.deltas.push_back(delta);
            }
        }
    }

    /// What is to be sent next; empty when the collector has everything. What was sent and not answered is sent again by
    /// itself: else each try would leave one more delta that may not be merged.
    pub(super) fn batch(&mut self) -> Vec<Delta> {
        let (received, attempted) = (self.received, self.attempted);
        let missing = || self.deltas.iter().filter(move |delta| delta.number > received);
        let is_answered = !missing().any(|delta| delta.number <= attempted);
        let next = missing().filter(|delta| is_answered || delta.number <= attempted);
        let batch: Vec<Delta> = next.take(LARGEST_BATCH).cloned().collect();
        self.attempted = batch.last().map_or(self.attempted, |last| self.attempted.max(last.number));
        batch
    }

    /// Takes notice of an answer.
    pub(super) fn settle(&mut self, reply: &DeltaReply) -> Result<(), Outdated> {
        match (self.session, reply.session) {
            (Some(new), Some(old)) if old < new => return Err(Outdated { old, new }),
            (known, Some(session)) if known != Some(session) => {
                // It takes nothing that was meant for another one: to it, nothing was sent yet.
                self.session = Some(session);
                self.attempted = reply.received;
            }
            _ => {}
        }
        // Less than before after an operator restart: what it has not made durable is sent again.
        self.received = reply.received;
        self.acknowledged = self.acknowledged.max(reply.acknowledged);
        while self.deltas.front().is_some_and(|first| first.number <= self.acknowledged) {
            self.deltas.pop_front();
        }
        if reply.session.is_some() {
            self.merge(reply.cut);
        }
        Ok(())
    }

    /// Merges what no checkpoint can end between.
    fn merge(&mut self, cut: u64) {
        let (received, attempted) = (self.received, self.attempted);
        // Equal for two that may become one; none for what was sent and not answered.
        let part = |number: u64| match number {
            _ if number <= cut.min(received) => Some(0),
            _ if number <= received => Some(1),
            _ if number > attempted => Some(2),
            _ => None,
        };
        let mut merged: VecDeque<Delta> = VecDeque::with_capacity(4);
        for delta in self.deltas.drain(..) {
            match merged
                .back_mut()
                .filter(|last| part(delta.number).is_some() && part(last.number) == part(delta.number))
            {
                Some(last) => self.slicing.merge(last, delta),
                None => merged.push_back(delta),
            }
        }
        self.deltas = merged;
    }

    /// Whether there is something that the collector does not have.
    pub(super) fn has_more(&self) -> bool {
        self.deltas.back().is_some_and(|last| last.number > self.received)
    }

    /// Whether the last delta of all was added and acknowledged.
    pub(super) fn is_done(&self, ended: &Option<RunnerEnd>) -> bool {
        ended.is_some() && self.deltas.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_core::{
        metrics::{SeriesKey, Sink, Tags},
        protocol::DeltaCommand,
    };

    use super::*;

    fn pending() -> Pending {
        let test = json!({
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "home", "url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}},
        });
        Pending::new(Slicing::of(&serde_json::from_value(test).unwrap()), Some(1), 0)
    }

    fn delta(second: u64) -> Delta {
        let mut delta = Delta { from_ms: second * 1000, to_ms: (second + 1) * 1000, ..Delta::default() };
        let key = SeriesKey { metric: "http_reqs".into(), tags: Tags::default() };
        delta.metrics.add(key, &Sink::Counter(1.0));
        delta
    }

    fn reply(session: u64, acknowledged: u64, cut: u64, received: u64) -> DeltaReply {
        let (session, command) = (Some(session), DeltaCommand::Continue);
        DeltaReply {
            acknowledged,
            received,
            command,
            session,
            cut,
            counters: None,
            interval_ms: None,
            turn: None,
        }
    }

    /// First and last number of each delta.
    fn numbers<'a>(deltas: impl IntoIterator<Item = &'a Delta>) -> Vec<(u64, u64)> {
        deltas.into_iter().map(|delta| (delta.first_number(), delta.number)).collect()
    }

    /// Records and sends so many, each of which is received; nothing is durable beyond `cut`.
    fn sent(pending: &mut Pending, numbers: std::ops::RangeInclusive<u64>, cut: u64) {
        for number in numbers {
            pending.push(delta(number - 1));
            assert_eq!(pending.batch().last().map(|last| last.number), Some(number));
            pending.settle(&reply(1, 0, cut, number)).unwrap();
        }
    }

    #[test]
    fn what_is_received_and_not_durable_is_one_delta_and_is_sent_as_one_to_the_next_operator() {
        let mut pending = pending();
        sent(&mut pending, 1..=50, 0);
        assert_eq!(numbers(&pending.deltas), [(1, 50)]);
        assert!(!pending.has_more() && pending.batch().is_empty());
        pending.push(delta(50));
        // The operator comes back with what was durable: nothing.
        pending.settle(&reply(2, 0, 0, 0)).unwrap();
        let batch = pending.batch();
        assert_eq!((numbers(&batch), pending.session()), (vec![(1, 51)], Some(2)));
        assert_eq!((batch[0].from_ms, batch[0].to_ms, batch[0].slices.len()), (0, 51_000, 51));
        assert_eq!(batch[0].metrics.count("http_reqs", &Default::default()), 51.0);
        pending.settle(&reply(2, 51, 51, 51)).unwrap();
        assert!(pending.is_done(&Some(RunnerEnd::Completed)) && !pending.is_done(&None));
    }

    #[test]
    fn nothing_is_merged_over_the_end_of_a_checkpoint_that_was_begun() {
        let mut pending = pending();
        sent(&mut pending, 1..=5, 0);
        sent(&mut pending, 6..=6, 5);
        sent(&mut pending, 7..=9, 5);
        assert_eq!(numbers(&pending.deltas), [(1, 5), (6, 9)]);
        // It became durable, although nobody said so before the operator died.
        pending.settle(&reply(2, 5, 5, 5)).unwrap();
        assert_eq!(numbers(&pending.batch()), [(6, 9)]);
    }

    #[test]
    fn what_was_sent_and_not_answered_stays_as_it_is() {
        let mut pending = pending();
        pending.push(delta(0));
        assert_eq!(numbers(&pending.batch()), [(1, 1)]);
        (1..500).for_each(|second| pending.push(delta(second)));
        assert_eq!(numbers(&pending.batch()), [(1, 1)]);
        pending.settle(&reply(1, 0, 0, 0)).unwrap();
        assert_eq!((numbers(&pending.batch()), pending.deltas.len()), (vec![(1, 1)], 2));
        pending.settle(&reply(1, 0, 0, 1)).unwrap();
        let batch = pending.batch();
        assert_eq!((numbers(&batch), batch[0].from_ms, batch[0].to_ms), (vec![(2, 2)], 1_000, 500_000));
        assert_eq!(batch[0].metrics.count("http_reqs", &Default::default()), 499.0);
        pending.push(delta(500));
        pending.settle(&reply(1, 0, 0, 2)).unwrap();
        assert_eq!(numbers(&pending.deltas), [(1, 2), (3, 3)]);
    }

    #[test]
    fn a_session_that_is_over_is_not_believed() {
        let mut pending = pending();
        sent(&mut pending, 1..=2, 0);
        pending.settle(&reply(3, 0, 0, 0)).unwrap();
        assert_eq!(pending.settle(&reply(1, 2, 2, 2)), Err(Outdated { old: 1, new: 3 }));
        assert_eq!(numbers(&pending.batch()), [(1, 2)]);
    }

    #[test]
    fn an_operator_without_sessions_gets_what_was_sent_as_it_was_sent() {
        let mut pending = Pending { session: None, ..pending() };
        let old = |received| DeltaReply { session: None, ..reply(0, 0, 0, received) };
        for number in 1..=3 {
            pending.push(delta(number));
            pending.batch();
            pending.settle(&old(number)).unwrap();
        }
        pending.settle(&old(1)).unwrap();
        assert_eq!(numbers(&pending.batch()), [(2, 2), (3, 3)]);
    }
}
