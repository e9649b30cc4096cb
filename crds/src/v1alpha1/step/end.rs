// SPDX-License-Identifier: Apache-2.0
//! Steps that end an iteration or the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ends the iteration as failed, and counts the failed check `fail: MESSAGE`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailStep {
    /// What went wrong, as results show it.
    #[schemars(length(min = 1, max = 128))]
    pub message: String,

    /// CEL expression; the iteration fails only if it is true. Default: always.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "if")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,
}

/// Ends the run on all runners, as k6's `test.abort()` does: no iteration starts any more, those under way are
/// cut, and the verdict is Aborted, with what was measured kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortStep {
    /// Why, as the status shows it. May hold templates.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,

    /// CEL expression; the run ends only if it is true. Default: always.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "if")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,
}
