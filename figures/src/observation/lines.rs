// SPDX-License-Identifier: Apache-2.0
//! Events as text: one line of JSON each, with the version of the form.

use serde::{Deserialize, Serialize};

use super::Event;

/// The version of the form that is written. Another one means that the words of old lines have changed; new kinds of
/// events don't change it.
pub const VERSION: u32 = 1;

/// A line that isn't an event.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It can't be read.
    #[error("line {line} is not an event: {source}")]
    Unreadable {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It has a form that this program doesn't know.
    #[error("line {line} has version {version}, and this program knows version {VERSION}: use a newer one")]
    Version {
        /// Number of the line, from 1.
        line: usize,
        /// Its version.
        version: u32,
    },
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// An event as a line, without the line's end.
///
/// # Errors
/// When a number in it is none: JSON has no way to write these.
pub fn to_line(event: &Event) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Written { v: VERSION, event })
}

/// The events of a text with a line for each; empty lines don't matter.
///
/// # Errors
/// The first line that is no event.
pub fn read_lines(text: &str) -> Result<Vec<Event>, LineError> {
    let lines = text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
    lines
        .map(|(index, text)| {
            let line = index + 1;
            let unreadable = |source| LineError::Unreadable { line, source };
            let Version { v } = serde_json::from_str(text).map_err(unreadable)?;
            if v != VERSION {
                return Err(LineError::Version { line, version: v });
            }
            serde_json::from_str(text).map_err(unreadable)
        })
        .collect()
}
