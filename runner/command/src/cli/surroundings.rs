// SPDX-License-Identifier: Apache-2.0
//! Where the command runs: at a terminal of somebody who watches, or not.

use std::{
    env,
    io::{IsTerminal, stdout},
};

use upsurge_core::report::Colours;

/// Variables that say, when they hold anything, that nobody watches or that control codes are not wanted.
const PLAIN_VARIABLES: [&str; 2] = ["CI", "NO_COLOR"];

/// Whether colours and a view that is drawn in place are wanted on a stream.
pub(super) fn watched(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !dumb && !PLAIN_VARIABLES.into_iter().any(set)
}

/// Whether a result gets colours.
pub(super) fn colours(plain: bool) -> Colours {
    if !plain && watched(&stdout()) { Colours::On } else { Colours::Off }
}
