// SPDX-License-Identifier: Apache-2.0
//! What the command does with a cluster: it observes autoscalers, and reads what the operator keeps. It changes
//! nothing but the notes of a run.
//!
//! All of it is behind the feature `cluster`; without it `no_cluster.rs` takes this file's place.

mod connect;
mod environment;
mod events;
mod kept;
mod notes;
mod observe;
mod rights;

use std::process::ExitCode;

pub(super) use self::{
    kept::record,
    notes::note,
    observe::{Observation, observe},
};
use super::arguments::GetArguments;

/// Carries out what is asked of a run.
pub(super) fn get(arguments: &GetArguments) -> ExitCode {
    match &arguments.record {
        Some(file) => kept::save(arguments, file),
        None => events::run(arguments),
    }
}
