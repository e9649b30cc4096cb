//! Deltas that the collector has not acknowledged.
//!
//! They are kept until they are, in order. When the collector stays away, the number of them is
//! bounded by adding to the last one: a delta that was never sent may still grow, one that was sent may not.

use std::collections::VecDeque;

use upsurge_core::protocol::{Delta, DeltaReply, RunnerEnd};

/// Most deltas that are kept apart.
const MOST_PENDING: usize = 60;
/// Most deltas in one message.
const LARGEST_BATCH: usize = 20;

/// Deltas on their way.
#[derive(Debug, Default)]
pub(super) struct Pending {
    deltas: VecDeque<Delta>,
    numbered: u64,
    /// Number of the last delta that was ever put into a message.
    attempted: u64,
    /// Number of the last delta that the collector says it has.
    received: u64,
    acknowledged: u64,
}

impl Pending {
    /// Adds what was recorded; its number is given here.
    pub(super) fn push(&mut self, mut delta: Delta) {
        if self.deltas.len() >= MOST_PENDING
            && let Some(last) = self.deltas.back_mut()
            && last.number > self.attempted
        {
            last.to_ms = delta.to_ms;
            last.metrics.merge(&delta.metrics);
            last.generator.merge(&delta.generator);
            last.done = delta.done.or(last.done.take());
            last.after = delta.after.or(last.after.take());
            return;
        }
        self.numbered += 1;
        delta.number = self.numbered;
        self.deltas.push_back(delta);
    }

    /// What is to be sent next; empty when the collector has everything.
    pub(super) fn batch(&mut self) -> Vec<Delta> {
        let missing = self.deltas.iter().filter(|delta| delta.number > self.received);
        let batch: Vec<Delta> = missing.take(LARGEST_BATCH).cloned().collect();
        self.attempted = batch.last().map_or(self.attempted, |last| self.attempted.max(last.number));
        batch
    }

    /// Takes notice of an answer.
    pub(super) fn settle(&mut self, reply: &DeltaReply) {
        // Less than before after an operator restart: what it has not made durable is sent again.
        self.received = reply.received;
        self.acknowledged = self.acknowledged.max(reply.acknowledged);
        while self.deltas.front().is_some_and(|first| first.number <= self.acknowledged) {
            self.deltas.pop_front();
        }
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
    use upsurge_core::{
        metrics::{SeriesKey, Sink, Tags},
        protocol::DeltaCommand,
    };

    use super::*;

    fn delta(second: u64) -> Delta {
        let mut delta = Delta { from_ms: second * 1000, to_ms: (second + 1) * 1000, ..Delta::default() };
        let key = SeriesKey { metric: "http_reqs".into(), tags: Tags::default() };
        delta.metrics.add(key, &Sink::Counter(1.0));
        delta
    }

    fn reply(acknowledged: u64, received: u64) -> DeltaReply {
        DeltaReply { acknowledged, received, command: DeltaCommand::Continue }
    }

    fn numbers(deltas: &[Delta]) -> Vec<u64> {
        deltas.iter().map(|delta| delta.number).collect()
    }

    #[test]
    fn deltas_are_kept_until_they_are_acknowledged_and_sent_again_after_a_restart() {
        let mut pending = Pending::default();
        (0..3).for_each(|second| pending.push(delta(second)));
        assert_eq!(numbers(&pending.batch()), [1, 2, 3]);
        pending.settle(&reply(1, 3));
        assert!(!pending.has_more());
        assert!(pending.batch().is_empty());
        // The operator comes back with what was durable.
        pending.settle(&reply(1, 1));
        assert_eq!(numbers(&pending.batch()), [2, 3]);
        pending.settle(&reply(3, 3));
        assert!(pending.is_done(&Some(RunnerEnd::Completed)));
        assert!(!pending.is_done(&None));
    }

    #[test]
    fn a_collector_that_stays_away_costs_bounded_memory_and_no_figures() {
        let mut pending = Pending::default();
        pending.push(delta(0));
        assert_eq!(numbers(&pending.batch()), [1]);
        (1..500).for_each(|second| pending.push(delta(second)));
        assert_eq!(pending.deltas.len(), MOST_PENDING);
        let (mut requests, mut end) = (0.0, 0);
        while pending.has_more() {
            let batch = pending.batch();
            for delta in &batch {
                assert_eq!(delta.from_ms, end);
                end = delta.to_ms;
                requests += delta.metrics.count("http_reqs", &Default::default());
            }
            let last = batch.last().map_or(0, |delta| delta.number);
            pending.settle(&reply(last, last));
        }
        assert_eq!((requests, end), (500.0, 500_000));
    }

    #[test]
    fn a_delta_that_was_sent_does_not_grow() {
        let mut pending = Pending::default();
        (0..MOST_PENDING as u64).for_each(|second| pending.push(delta(second)));
        while pending.has_more() {
            let last = pending.batch().last().map_or(0, |delta| delta.number);
            pending.settle(&reply(0, last));
        }
        pending.push(delta(99));
        assert_eq!(numbers(&pending.batch()), [MOST_PENDING as u64 + 1]);
    }
}
