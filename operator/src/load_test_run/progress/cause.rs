// SPDX-License-Identifier: Apache-2.0
//! Why a run ends early. It stands in the status as a field of its own before anybody is told to stop, so that it
//! outlives the operator; nothing is read back from the texts that people see.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{EndCause, EndCauseType, LoadTestRunStatus, Phase},
};

/// Longest message in bytes; runners write a part of it.
const LONGEST_MESSAGE: usize = 4_096;

/// Why a run ends before all that was planned is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(EndCause);

impl Cause {
    fn new(type_: EndCauseType, reason: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE {
            message.truncate(message.floor_char_boundary(LONGEST_MESSAGE - '…'.len_utf8()));
            message.push('…');
        }
        Self(EndCause { type_, reason: reason.into(), message })
    }

    /// Somebody asked for it.
    pub fn aborted() -> Self {
        Self::new(EndCauseType::Aborted, reasons::ABORTED, "spec.abort asked the run to stop")
    }

    /// Somebody asked for it when the load had ended.
    pub fn aborted_after_load() -> Self {
        let message = "spec.abort asked the run to stop after its load had ended; the figures are those of the whole load";
        Self::new(EndCauseType::Aborted, reasons::ABORTED, message)
    }

    /// A threshold that stops the run is breached; which one, with numbers.
    pub fn breach(message: impl Into<String>) -> Self {
        Self::new(EndCauseType::ThresholdBreached, reasons::THRESHOLDS_BREACHED, message)
    }

    /// Something broke, or the test ended itself: a reason of `upsurge_crds::names::reasons`; what, where, and what to do.
    pub fn breakdown(reason: &str, message: impl Into<String>) -> Self {
        let type_ = match reason {
            reasons::ABORTED_BY_TEST => EndCauseType::AbortedByTest,
            _ => EndCauseType::Breakdown,
        };
        Self::new(type_, reason, message)
    }

    /// The cause that a status holds.
    pub fn of(status: &LoadTestRunStatus) -> Option<Self> {
        status.end_cause.clone().map(Self).or_else(|| Self::displayed(status))
    }

    /// The cause of a run under way whose status an operator wrote that had no field for it.
    fn displayed(status: &LoadTestRunStatus) -> Option<Self> {
        let old = status.leader_term.is_none();
        if !old || !matches!(status.phase, Some(Phase::Stopping | Phase::Collecting)) {
            return None;
        }
        let message = status.message.clone().unwrap_or_default();
        match status.reason.as_deref()? {
            reasons::STOPPING | reasons::COLLECTING => None,
            reasons::ABORTED => Some(Self::aborted()),
            reasons::THRESHOLDS_BREACHED => Some(Self::breach(message)),
            reason => Some(Self::breakdown(reason, message)),
        }
    }

    /// Who or what ends the run.
    pub fn type_(&self) -> EndCauseType {
        self.0.type_
    }

    /// As it stands in the status.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// As it stands in the status.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// As it goes into the status.
    pub fn recorded(&self) -> EndCause {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests;
