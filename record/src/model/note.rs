// SPDX-License-Identifier: Apache-2.0
//! What people have noted about a run. It is no part of what was measured, and changes no figure.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stand_in;

/// What somebody has noted about a run after it: a fault that it showed, what was done about that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// When it was noted.
    #[schemars(with = "stand_in::Instant")]
    pub time: Timestamp,
    /// What was noted, as it was written.
    pub text: String,
}
