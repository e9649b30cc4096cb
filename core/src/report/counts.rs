// SPDX-License-Identifier: Apache-2.0
//! How it is shown what became of requests.

use std::fmt::{self, Write as _};

use super::canvas::{Canvas, Ink};
use crate::results::{Counts, decimal};

/// Writes counts, if there are any; `ink` gives each its colour.
pub(super) fn list(
    title: &str,
    counts: &Counts,
    ink: impl Fn(&str) -> Option<Ink>,
    canvas: &mut Canvas,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    canvas.heading(title)?;
    for (property, count) in counts {
        let line = format!("  [{property}] {}", decimal(*count, 0));
        match ink(property) {
            Some(ink) => canvas.ink(ink, line)?,
            None => canvas.write_str(&line)?,
        }
        writeln!(canvas)?;
    }
    writeln!(canvas)
}

/// The colour of a status code.
pub(super) fn of_status(status: &str) -> Option<Ink> {
    match status.as_bytes().first()? {
        b'2' => Some(Ink::Good),
        b'4' => Some(Ink::Doubtful),
        b'5' => Some(Ink::Bad),
        _ => None,
    }
}
