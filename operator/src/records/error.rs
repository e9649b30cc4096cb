// SPDX-License-Identifier: Apache-2.0
//! Why a record is not where it should be.

use tokio::task::JoinError;
use upsurge_observer::plain;
use upsurge_record::fit::FitError;

use super::{
    budget::Full,
    keeper::{LONGEST, LONGEST_ROOM},
};

/// Why a record was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It does not fit, or can't be written down.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The thread that packs it ended.
    #[error("the record could not be packed: {0}")]
    Pack(#[from] JoinError),
    /// There is no room for it.
    #[error(transparent)]
    Full(#[from] Full),
    /// The API server refused or did not answer.
    #[error("{what}: {}", plain(.source))]
    Api {
        /// What failed.
        what: &'static str,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("{0}: the API server did not answer within {seconds} s", seconds = LONGEST.as_secs())]
    Timeout(&'static str),
    /// It answers, but not fast enough.
    #[error(
        "no room could be made for the record within {seconds} s: the API server answers slowly, or there is much to delete",
        seconds = LONGEST_ROOM.as_secs()
    )]
    Slow,
}

impl KeepError {
    /// Whether it would be the same each time. Where there is no room, nobody gives a run up within half a minute; and each try lists all
    /// records.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Fit(_) | Self::Full(_))
    }

    /// Whether the operator lacks the right to it.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 403))
    }
}
