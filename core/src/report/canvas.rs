// SPDX-License-Identifier: Apache-2.0
//! A text that is being written, with colours where they are wanted.
//!
//! What is written comes from tests and servers and is made printable on its way; codes that steer a terminal get in by
//! [`Canvas::ink`] alone.

use std::fmt::{self, Display, Write};

use super::sign_of;

/// Shown in place of a figure that there are no data for.
pub const NO_DATA: &str = "–";

/// Whether a text gets colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// It does not.
    #[default]
    Off,
    /// It does, by the codes that all terminals know.
    On,
}

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be looked at.
    Doubtful,
    /// The head of a part.
    Heading,
    /// Of less interest.
    Faint,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Doubtful => "\x1b[33m",
            Self::Heading => "\x1b[1m",
            Self::Faint => "\x1b[2m",
        }
    }
}

/// Takes the colour away again.
const PLAIN: &str = "\x1b[0m";

/// A text that is being written.
#[derive(Debug)]
pub(super) struct Canvas {
    text: String,
    colours: Colours,
}

impl Canvas {
    /// The text that `write` writes.
    pub(super) fn filled(colours: Colours, write: impl FnOnce(&mut Self) -> fmt::Result) -> String {
        let mut canvas = Self { text: String::new(), colours };
        // Writing to a text can't fail.
        let _ = write(&mut canvas);
        canvas.text
    }

    /// Writes something in a colour.
    pub(super) fn ink(&mut self, ink: Ink, what: impl Display) -> fmt::Result {
        match self.colours {
            Colours::Off => write!(self, "{what}"),
            Colours::On => {
                self.text += ink.code();
                write!(self, "{what}")?;
                self.text += PLAIN;
                Ok(())
            }
        }
    }

    /// Writes the head of a part, on a line of its own.
    pub(super) fn heading(&mut self, title: &str) -> fmt::Result {
        self.ink(Ink::Heading, title)?;
        writeln!(self)
    }
}

impl Write for Canvas {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.extend(text.chars().map(sign_of));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_steers_no_terminal_whatever_it_holds() {
        let text = Canvas::filled(Colours::On, |canvas| {
            canvas.ink(Ink::Bad, "a\x1b[2Jb")?;
            writeln!(canvas, " \x07c")
        });
        assert_eq!(text, "\x1b[31ma\u{fffd}[2Jb\x1b[0m \u{fffd}c\n");
    }

    #[test]
    fn without_colours_there_are_no_codes() {
        let text = Canvas::filled(Colours::Off, |canvas| canvas.heading("stages"));
        assert_eq!(text, "stages\n");
    }
}
