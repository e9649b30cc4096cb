// SPDX-License-Identifier: Apache-2.0
//! What a checkpoint holds, and what is known once it is durable: only then are deltas acknowledged, and runners told when to
//! start.

use super::Session;

/// What a checkpoint was taken of.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    revision: u64,
    start: Option<i64>,
    received: Vec<u64>,
    ended: Vec<bool>,
    after: bool,
    checks: bool,
    epochs: usize,
    turn: bool,
}

impl Session {
    /// A checkpoint is taken now and may become durable, whoever gets to know it: what ends with it is not to be merged with
    /// what comes after.
    pub fn begin(&mut self) -> Mark {
        for (presence, runner) in self.presence.iter_mut().zip(&self.state.runners) {
            presence.cut = runner.received;
        }
        self.mark()
    }

    /// What a checkpoint taken now holds.
    pub fn mark(&self) -> Mark {
        Mark {
            revision: self.revision,
            start: self.state.start,
            received: self.state.runners.iter().map(|runner| runner.received).collect(),
            ended: self.state.runners.iter().map(|runner| runner.end.is_some()).collect(),
            after: self.state.after.is_some(),
            checks: self.state.checks.is_some(),
            epochs: self.state.history.len(),
            turn: self.state.turn.is_some(),
        }
    }

    /// A checkpoint has become durable.
    pub fn saved(&mut self, mark: &Mark, now: i64) {
        self.durable = self.durable.max(mark.revision);
        let marked = mark.received.iter().zip(&mark.ended);
        for (presence, (received, ended)) in self.presence.iter_mut().zip(marked) {
            presence.acknowledged = presence.acknowledged.max(*received);
            // Whatever a runner sends after its end: what comes of `after` and `checks` has marks of its own.
            presence.end_durable |= *ended;
        }
        self.after.durable |= mark.after;
        self.questions.durable |= mark.checks;
        self.place.saved(mark.epochs);
        self.turning.is_durable |= mark.turn;
        let settled = self.start.saved(mark.start, now);
        if settled.chosen() != self.start.chosen() {
            self.revision += 1;
        }
        self.set_start(settled);
    }
}
