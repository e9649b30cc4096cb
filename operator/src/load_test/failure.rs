// SPDX-License-Identifier: Apache-2.0
//! How the reconciliation of a test can fail.

use kube::core::error_boundary::InvalidObject;

use super::{apply, observe};
use crate::{errors::LONGEST_LOOK, status::WriteError};

/// Why a reconciliation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object can't be read.
    #[error("the object can't be read: {0}")]
    Invalid(#[source] Box<InvalidObject>),
    /// The test's runs can't be read.
    #[error("failed to observe")]
    Observe(#[from] observe::Error),
    /// A run can't be created or deleted.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The test can't be read again.
    #[error("failed to read the test")]
    Read(#[source] Box<kube::Error>),
    /// The status can't be written, or the test is not this operator's to work on.
    #[error("failed to update the status")]
    UpdateStatus(#[from] WriteError),
    /// The API server does not answer.
    #[error("the API server did not answer for {} s", LONGEST_LOOK.as_secs())]
    Unanswered,
}

impl Error {
    /// The kind of error, as a label.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "Invalid",
            Self::Unanswered => "Unanswered",
            Self::Observe(_) | Self::Read(_) => "Observe",
            Self::Apply(_) => "Apply",
            Self::UpdateStatus(_) => "UpdateStatus",
        }
    }
}
