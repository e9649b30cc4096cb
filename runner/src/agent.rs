//! `upsurge agent`: what runner pods run.

use std::process::ExitCode;

/// Runs the agent until its share is done and acknowledged. Reads everything from the environment.
pub fn run() -> ExitCode {
    ExitCode::FAILURE
}
