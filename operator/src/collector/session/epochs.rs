// SPDX-License-Identifier: Apache-2.0
//! Where a session stands in a run of several epochs. A session is of one epoch; that of the next one begins with what its
//! predecessor says here, as an operator begins with what a checkpoint holds, and speaks to nobody before that is durable.
//!
//! What comes next is never written down: it follows from the epochs that are finished.

use serde::{Deserialize, Serialize};
use upsurge_core::{
    epochs::{Epochs, Next},
    protocol::{DeltaBatch, DeltaReply, HelloCommand},
};
use upsurge_crds::v1alpha1::{
    CheckCount, EpochOutcome, EpochResult, GeneratorResult, MetricResult, RequestResult, RunSummary,
    StageResult, ThresholdResult,
};

use super::{Durable, DurableRunner, Refusal, Session};
use crate::collector::prepared::Prepared;

/// Of so many levels figures are kept: those that passed last. It is one of the last that a search finds.
const MOST_FIGURES: usize = 3;

/// What only this operator knows of the epochs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Number of the one under way.
    epoch: u32,
    /// How many finished ones a durable checkpoint holds.
    durable: usize,
}

impl Place {
    pub(super) fn of(epoch: u32, durable: usize) -> Self {
        Self { epoch, durable }
    }

    pub(super) fn saved(&mut self, history: usize) {
        self.durable = self.durable.max(history);
    }
}

/// An epoch that is finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What came out of it.
    pub result: EpochResult,
    /// Its figures.
    pub figures: EpochFigures,
}

/// The figures of an epoch, as a status has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EpochFigures {
    /// Its level.
    pub level: String,
    /// Of what was measured of it, as those of each request and each check.
    pub summary: RunSummary,
    /// Of each stage.
    pub stages: Vec<StageResult>,
    /// Of each request.
    pub requests: Vec<RequestResult>,
    /// Of each check.
    pub expectations: Vec<CheckCount>,
    /// Of each of the test's own metrics.
    pub metrics: Vec<MetricResult>,
    /// Its thresholds.
    pub thresholds: Vec<ThresholdResult>,
    /// How the generator fared.
    pub generator: GeneratorResult,
}

impl Session {
    /// Number of the epoch under way.
    pub fn epoch(&self) -> u32 {
        self.place.epoch
    }

    /// The epochs that are finished, durably.
    pub fn history(&self) -> &[EpochResult] {
        self.state.history.get(..self.place.durable).unwrap_or(&self.state.history)
    }

    /// Whether the last epoch is finished, durably.
    pub fn is_over(&self) -> bool {
        self.history().len() >= self.place.epoch as usize
    }

    /// Whether a finished epoch is not durable yet.
    pub fn awaits_epoch(&self) -> bool {
        self.place.durable < self.state.history.len()
    }

    /// The epoch under way is finished. Gives what the session of the next one begins with, or notes that there is none; said
    /// once more, nothing happens.
    pub fn finish(&mut self, finished: Finished, epochs: &Epochs) -> Option<Durable> {
        let Finished { result, figures } = finished;
        let is_meant = u32::try_from(result.number) == Ok(self.place.epoch);
        if !is_meant || self.state.history.len() >= self.place.epoch as usize || !self.all_done() {
            return None;
        }
        let mut history = self.state.history.clone();
        let kept = kept(&self.state.figures, figures, result.outcome == Some(EpochOutcome::Passed));
        history.push(result);
        if let Next::Done(_) = epochs.decide(&history) {
            (self.state.history, self.state.figures) = (history, kept);
            self.revision += 1;
            return None;
        }
        let runner = |runner: &DurableRunner| DurableRunner {
            pod: runner.pod.clone(),
            received: runner.received,
            outputs: runner.outputs.clone(),
            ..DurableRunner::default()
        };
        Some(Durable {
            session: self.state.session,
            variables: self.state.variables.clone(),
            stop: self.state.stop.clone(),
            problem: self.state.problem.clone(),
            foreign: self.state.foreign.clone(),
            // Done already by a runner that was terminated.
            after: self.state.after.clone(),
            runners: self.state.runners.iter().map(runner).collect(),
            history,
            figures: kept,
            ..Durable::default()
        })
    }

    /// What a runner is told that has done the epoch under way and asks for the next one.
    pub(super) fn beyond(&self) -> HelloCommand {
        match &self.state.stop {
            Some(reason) => HelloCommand::Stop { reason: reason.clone() },
            None if self.is_over() => HelloCommand::Over,
            None => HelloCommand::Wait,
        }
    }

    /// A runner tells of another epoch than the one under way: of an earlier one, all of whose load is known. Only what it did
    /// after that may be new.
    pub(super) fn of_another(
        &mut self,
        index: usize,
        batch: &DeltaBatch,
        deltas: impl Iterator<Item = Result<Prepared, Refusal>>,
    ) -> Result<DeltaReply, Refusal> {
        if batch.epoch > self.place.epoch {
            let (runner, theirs, ours) = (batch.runner, batch.epoch, self.place.epoch);
            return Err(Refusal::OtherEpoch { runner, theirs, ours });
        }
        for prepared in deltas {
            let delta = prepared?.delta;
            let runner = &mut self.state.runners[index];
            if delta.first_number() == runner.received + 1
                && delta.metrics.is_empty()
                && delta.after.is_some()
            {
                runner.received = delta.number;
                self.state.after = delta.after;
                self.revision += 1;
            }
        }
        Ok(self.reply(index))
    }
}

/// The figures that are kept: of one that did not pass none but the last, as long as nothing has passed.
fn kept(known: &[EpochFigures], figures: EpochFigures, passed: bool) -> Vec<EpochFigures> {
    let mut kept: Vec<EpochFigures> = known.to_vec();
    if passed {
        kept.retain(|known| known.level != figures.level);
        kept.push(figures);
        let excess = kept.len().saturating_sub(MOST_FIGURES);
        kept.drain(..excess);
    }
    kept
}
