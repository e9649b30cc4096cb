// SPDX-License-Identifier: Apache-2.0
//! Verdicts in words, signs and tones, so that none is told by its colour alone.

use upsurge_crds::v1alpha1::Verdict;

/// The verdict in a word.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Error => "Error",
        Verdict::Inconclusive => "Inconclusive",
        Verdict::Aborted => "Aborted",
    }
}

/// Its sign.
pub(crate) const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "✓",
        Verdict::Failed => "✗",
        Verdict::Error => "!",
        Verdict::Inconclusive => "?",
        Verdict::Aborted => "■",
    }
}

/// The name of its colours.
pub(crate) const fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "tone-good",
        Verdict::Failed | Verdict::Error => "tone-bad",
        Verdict::Inconclusive => "tone-doubt",
        Verdict::Aborted => "tone-neutral",
    }
}

/// What came of something that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    /// It did not hold.
    No,
    /// Nobody can tell.
    Unknown,
    /// It held.
    Yes,
}

impl Kept {
    /// By the fields that results have.
    pub(crate) const fn of(passed: bool, undecided: bool) -> Self {
        match (passed, undecided) {
            (_, true) => Self::Unknown,
            (true, false) => Self::Yes,
            (false, false) => Self::No,
        }
    }

    /// Its sign.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Yes => "✓",
            Self::No => "✗",
            Self::Unknown => "?",
        }
    }

    /// In a word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Yes => "held",
            Self::No => "did not hold",
            Self::Unknown => "not known",
        }
    }

    /// The name of its colour.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Yes => "is-good",
            Self::No => "is-bad",
            Self::Unknown => "is-doubt",
        }
    }
}
