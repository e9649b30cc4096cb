// SPDX-License-Identifier: Apache-2.0
//! What the command says. The standard macros panic when nobody listens any more (`| head`) or a disk is full; nothing
//! that is said is worth that.

use std::{
    fmt::Arguments,
    io::{self, ErrorKind, Write as _},
};

use upsurge_core::report::printable;

/// Writes a result to standard output. A reader that went away has seen what it wanted, which is no error.
pub(super) fn result(text: &str) -> io::Result<()> {
    bytes(text.as_bytes())
}

/// The same of what need not be text.
pub(super) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let written = output.write_all(bytes).and_then(|()| output.flush());
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Says a line on standard error, if that can be written to.
pub(super) fn line(text: Arguments<'_>) {
    // There is no other place to complain at.
    let _ = io::stderr().write_all(printable(format!("{text}\n")).as_bytes());
}
