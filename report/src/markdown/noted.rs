// SPDX-License-Identifier: Apache-2.0
//! What somebody has noted about the run: the newest first, as that is what was found out last.

use std::fmt::{self, Write as _};

use upsurge_record::model::Record;

use super::text::plain;
use crate::chart::Chart;

/// Most notes that stand in a summary; the page and the record have all of them.
const MOST: usize = 10;
/// Most characters of each.
const LONGEST: usize = 1_000;

pub(super) fn noted(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    if record.notes.is_empty() {
        return Ok(());
    }
    writeln!(text, "### Notes\n")?;
    for note in record.notes.iter().rev().take(MOST) {
        let time = note.time.strftime("%Y-%m-%d %H:%M UTC");
        writeln!(text, "- {time}: {}", plain(&note.text, LONGEST))?;
    }
    if record.notes.len() > MOST {
        writeln!(text, "\n{} older ones are in the page and in the record.", record.notes.len() - MOST)?;
    }
    writeln!(text)
}
