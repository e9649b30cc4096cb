// SPDX-License-Identifier: Apache-2.0
//! The terminal behind standard error: one block of lines at its end that is drawn anew in place.
//!
//! Everything that writes there while a block stands goes through here, log lines included, so that
//! they never get in each other's way. The cursor is left as it is, so nothing has to be restored when
//! the process ends early.

use std::{
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use console::{Term, measure_text_width, truncate_str};

/// The one screen that a process has.
static BLOCK: Mutex<Block> = Mutex::new(Block { widths: Vec::new() });

/// What stands at the end of the screen.
#[derive(Debug)]
struct Block {
    /// Columns that each of its lines takes.
    widths: Vec<usize>,
}

/// Draws the block anew. Lines that are too long are cut, and those that find no room are left out.
pub(super) fn draw(lines: &[String]) {
    let (height, width) = size();
    let room = lines.len().min(usize::from(height).saturating_sub(1));
    // The last column stays free: some terminals wrap as soon as it is written to.
    let lines: Vec<_> = lines
        .iter()
        .take(room)
        .map(|line| truncate_str(line, usize::from(width).saturating_sub(1), "…"))
        .collect();
    let mut block = block();
    let mut text = block.away(width);
    for line in &lines {
        text += line;
        text.push('\n');
    }
    block.widths = lines.iter().map(|line| measure_text_width(line)).collect();
    write(&text);
}

/// Takes the block away.
pub(super) fn clear() {
    let mut block = block();
    let text = block.away(size().1);
    block.widths.clear();
    write(&text);
}

/// Columns of the terminal.
pub(super) fn width() -> usize {
    size().1.into()
}

/// Writes log lines above the place of the block, which comes back when it is drawn next.
pub(super) fn log() -> impl Write {
    LogLine
}

struct LogLine;

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut block = block();
        let text = block.away(size().1);
        block.widths.clear();
        write(&text);
        // A line that nobody can read is no reason to do anything else.
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Block {
    /// What moves the cursor to the block's begin and clears from there. A terminal that has become
    /// narrower since has wrapped the lines that no longer fit.
    fn away(&self, width: u16) -> String {
        let width = usize::from(width).max(1);
        let rows: usize = self.widths.iter().map(|columns| columns.div_ceil(width).max(1)).sum();
        if rows == 0 { String::new() } else { format!("\r\x1b[{rows}A\x1b[J") }
    }
}

fn block() -> MutexGuard<'static, Block> {
    BLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows and columns; those of old where nobody knows.
fn size() -> (u16, u16) {
    Term::stderr().size_checked().filter(|(height, width)| *height > 0 && *width > 0).unwrap_or((24, 80))
}

fn write(text: &str) {
    // A screen that can't be written to shows nothing anyway.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_wrapped_by_a_narrower_terminal_are_taken_away_too() {
        let block = Block { widths: vec![60, 0, 80] };
        assert_eq!(block.away(100), "\r\x1b[3A\x1b[J");
        assert_eq!(block.away(40), "\r\x1b[5A\x1b[J");
        assert_eq!(Block { widths: Vec::new() }.away(40), "");
    }
}
