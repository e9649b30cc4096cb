// SPDX-License-Identifier: Apache-2.0
//! Exit codes. Pipelines rely on them.

use std::process::ExitCode;

use upsurge_crds::v1alpha1::Verdict;

use super::say;

/// Something could not be done: wrong arguments or manifest, target out of reach.
pub(super) const ERROR: u8 = 2;
/// Interrupted by Ctrl-C or SIGTERM.
pub(super) const INTERRUPTED: u8 = 130;

/// Exit code of a verdict.
pub(super) fn of(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Passed => 0,
        Verdict::Failed => 1,
        Verdict::Error => ERROR,
        Verdict::Inconclusive => 3,
        Verdict::Aborted => INTERRUPTED,
    })
}

/// Prints what is wrong, and gives the code for errors.
pub(super) fn error(message: impl std::fmt::Display) -> ExitCode {
    say::line(format_args!("error: {message}"));
    ExitCode::from(ERROR)
}
