//! Why a run ends early, and how that outlives the operator: as reason and message of the status.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{LoadTestRunStatus, Phase},
};

/// Why a run ends before its load has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it.
    Aborted,
    /// A threshold that stops the run is breached; which one, with numbers.
    Breach(String),
    /// Something broke.
    Breakdown {
        /// One of `upsurge_crds::names::reasons`.
        reason: String,
        /// What, where, and what to do.
        message: String,
    },
}

impl Cause {
    /// Something broke.
    pub fn breakdown(reason: &str, message: impl Into<String>) -> Self {
        Self::Breakdown { reason: reason.into(), message: message.into() }
    }

    /// The cause that a status holds.
    pub fn of(status: &LoadTestRunStatus) -> Option<Self> {
        if !matches!(status.phase, Some(Phase::Stopping | Phase::Collecting)) {
            return None;
        }
        let message = || status.message.clone().unwrap_or_default();
        match status.reason.as_deref()? {
            reasons::STOPPING | reasons::COLLECTING => None,
            reasons::ABORTED => Some(Self::Aborted),
            reasons::THRESHOLDS_BREACHED => Some(Self::Breach(message())),
            reason => Some(Self::breakdown(reason, message())),
        }
    }

    /// As it stands in the status.
    pub fn reason(&self) -> &str {
        match self {
            Self::Aborted => reasons::ABORTED,
            Self::Breach(_) => reasons::THRESHOLDS_BREACHED,
            Self::Breakdown { reason, .. } => reason,
        }
    }

    /// As it stands in the status.
    pub fn message(&self) -> &str {
        match self {
            Self::Aborted => "spec.abort asked the run to stop",
            Self::Breach(message) | Self::Breakdown { message, .. } => message,
        }
    }
}
