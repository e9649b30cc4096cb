// SPDX-License-Identifier: Apache-2.0
//! A verdict and why, as it is told.

use upsurge_crds::{names::reasons, v1alpha1::Verdict};

/// A verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one word: one of `upsurge_crds::names::reasons`.
    pub reason: String,
    /// Why, in a sentence with numbers.
    pub message: String,
}

impl Outcome {
    /// All of it in one line.
    pub fn headline(&self) -> String {
        headline(self.verdict, &self.reason, &self.message)
    }

    /// Whether nothing but thresholds without data kept the run from passing.
    pub fn is_without_data(&self) -> bool {
        self.verdict == Verdict::Inconclusive && self.reason == reasons::NO_DATA
    }
}

/// A verdict in one line, as `Failed (ThresholdsBreached): …`. A reason that only repeats the verdict is left out.
pub fn headline(verdict: Verdict, reason: &str, message: &str) -> String {
    let verdict = format!("{verdict:?}");
    if verdict == reason {
        format!("{verdict}: {message}")
    } else {
        format!("{verdict} ({reason}): {message}")
    }
}
