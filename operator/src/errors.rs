// SPDX-License-Identifier: Apache-2.0
//! What all errors have in common: how they are told.

use std::time::Duration;

/// Longest time for one reconciliation. An API server that is gone without a word leaves requests unanswered for ever; to be cut
/// off there is for a run like a killed operator.
pub const LONGEST_LOOK: Duration = Duration::from_secs(120);

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
