// SPDX-License-Identifier: Apache-2.0
//! Why a run ends before its load has: it is told to stop, a threshold is breached, or a runner says what no runner
//! says. And what is remembered of names that the test does not have.

use serde::{Deserialize, Serialize};
use upsurge_core::protocol::{DeltaCommand, DeltaReply, RunnerEnd};
use upsurge_crds::{names::reasons, v1alpha1::ThresholdResult};

use super::{Pod, Refusal, Session};

/// Why a run can't go on, as the collector knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: String,
    /// What, and what to do.
    pub message: String,
}

impl Session {
    /// The run can't go on; the first reason stays, and outlives the operator.
    pub fn break_off(&mut self, reason: &'static str, message: &str) {
        if self.state.problem.is_none() {
            self.state.problem = Some(Problem { reason: reason.into(), message: message.into() });
            self.revision += 1;
        }
        self.stop(message);
    }

    /// Why the run can't go on, if it can't.
    pub fn problem(&self) -> Option<&Problem> {
        self.state.problem.as_ref()
    }

    /// Tells the runners to stop; the first reason stays.
    pub fn stop(&mut self, reason: &str) {
        if self.state.stop.is_none() {
            self.state.stop = Some(reason.into());
            self.revision += 1;
        }
    }

    /// A threshold with `abortOnFail` is breached: stops the run; the first one stays.
    pub fn breach(&mut self, threshold: ThresholdResult) {
        self.stop(&format!(
            "threshold {} {} is breached: observed {}",
            threshold.metric, threshold.condition, threshold.observed
        ));
        self.state.abort_breach.get_or_insert(threshold);
    }

    /// A runner speaks a version of the protocol that is not served: it has no part in the load, and the run breaks off.
    ///
    /// # Errors
    /// When it can't be one of this run's runners.
    pub fn not_understood(
        &mut self,
        runner: u32,
        pod: &Pod,
        message: &str,
        now: i64,
    ) -> Result<DeltaReply, Refusal> {
        let index = self.hear(runner, pod, now)?;
        let known = &mut self.state.runners[index];
        if known.end.is_none() {
            let reason = reasons::PROTOCOL_MISMATCH.into();
            known.end = Some(RunnerEnd::Failed { reason, message: message.into() });
            self.revision += 1;
        }
        Ok(DeltaReply { command: DeltaCommand::Stop { reason: message.into() }, ..self.reply(index) })
    }

    /// A runner said what no runner says: it is not listened to any more, and has failed.
    pub fn object(&mut self, runner: u32, refusal: &Refusal) {
        let index = runner as usize;
        if let Some(known) = self.state.runners.get_mut(index).filter(|known| known.end.is_none()) {
            known.end = Some(RunnerEnd::Failed {
                reason: reasons::RUNNER_FAILED.into(),
                message: refusal.to_string(),
            });
            self.presence[index].end_durable = false;
            self.revision += 1;
        }
    }

    /// A runner reported series with names that the test does not have.
    pub fn note_foreign(&mut self, what: String) {
        if self.state.foreign.is_none() {
            self.state.foreign = Some(what);
            self.revision += 1;
        }
    }

    /// The number of this session.
    pub fn number(&self) -> u64 {
        self.state.session
    }

    /// Number of the last delta of a runner that was merged.
    pub fn received(&self, runner: u32) -> u64 {
        self.state.runners.get(runner as usize).map_or(0, |runner| runner.received)
    }
}
