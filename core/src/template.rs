// SPDX-License-Identifier: Apache-2.0
//! Text with `{{ … }}` in it, parsed once and filled in often.
//!
//! A place holds a variable with an optional path (`{{ account.address[0].city }}`), a secret
//! (`{{ secrets.password }}`), a function call (`{{ randomInt(1, 6) }}`), whose arguments may be calls, or a quoted text (`{{ '{{' }}`).
//! Names are bound to slots while parsing, so that filling in looks nothing up by name. Where values,
//! random numbers and the time come from is the caller's business ([`Scope`]).

mod argument;
mod call;
mod error;
mod fake;
mod function;
mod json;
mod lists;
mod names;
mod parse;
mod text;

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

pub use argument::Argument;
pub use error::TemplateError;
pub use fake::Fake;
pub(crate) use fake::word;
pub use function::Function;
pub use json::JsonTemplate;
pub use names::{Columns, Names, Reference, Segment, Sequences, UsedColumns};
pub(crate) use parse::is_name;
pub use text::TextFunction;

/// A parsed text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Its parts, in order.
    pub pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// The value of a variable, or a part of it.
    Variable(Reference),
    /// The value of the secret of that name.
    Secret(String),
    /// The result of a function.
    Call(Function),
}

/// Where the values of a template come from.
pub trait Scope {
    /// Value of the variable in that slot; `None` when it has none yet.
    fn variable(&self, slot: usize) -> Option<&Value>;
    /// Value in a column of the row in that slot, by the column's number in [`Columns`]; `None` when no row is
    /// there by columns, and [`Self::variable`] is to be asked.
    fn cell(&self, slot: usize, column: usize) -> Option<Option<&Value>> {
        let _ = (slot, column);
        None
    }
    /// Value of the secret of that name.
    fn secret(&self, name: &str) -> Option<&str>;
    /// A random number, evenly distributed over all of `u64`.
    fn random(&mut self) -> u64;
    /// The time.
    fn now(&self) -> Timestamp;
    /// How many numbers were taken before from the sequence of that index. Asked only of scopes whose
    /// names have sequences ([`Names::with_sequences`]).
    fn sequence(&mut self, index: usize) -> u64 {
        let _ = index;
        0
    }
}

impl Template {
    /// Parses a text whose variables and secrets are among `names`.
    ///
    /// # Errors
    /// When a place is not closed, can't be understood, or names something unknown.
    pub fn parse(text: &str, names: &Names) -> Result<Self, TemplateError> {
        parse::template(text, names)
    }

    /// The text, when there is nothing to fill in.
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the filled-in text. A variable without a value, and a part that a value does not have,
    /// is the empty text; lists and objects are written as JSON.
    pub fn render_into(&self, scope: &mut dyn Scope, text: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Variable(reference) => write_value(reference.get(scope), text),
                Piece::Secret(name) => text.push_str(scope.secret(name).unwrap_or_default()),
                Piece::Call(function) => write_value(Some(&function.call(scope)), text),
            }
        }
    }

    /// Room that the filled-in text mostly finds enough.
    pub fn usual_length(&self) -> usize {
        const USUAL_VALUE: usize = 32;
        let length = |piece: &Piece| if let Piece::Text(text) = piece { text.len() } else { USUAL_VALUE };
        self.pieces.iter().map(length).sum()
    }

    /// The filled-in text.
    pub fn render(&self, scope: &mut dyn Scope) -> String {
        let mut text = String::with_capacity(self.usual_length());
        self.render_into(scope, &mut text);
        text
    }

    /// The filled-in value: that of the only place with its own type, if the text is nothing but one
    /// place, else a text.
    pub fn value(&self, scope: &mut dyn Scope) -> Value {
        match self.pieces.as_slice() {
            [Piece::Variable(reference)] => {
                reference.get(scope).cloned().unwrap_or_else(|| Value::String(String::new()))
            }
            [Piece::Call(function)] => function.call(scope),
            _ => Value::String(self.render(scope)),
        }
    }
}

fn write_value(value: Option<&Value>, text: &mut String) {
    match value {
        None | Some(Value::Null) => {}
        Some(Value::String(value)) => text.push_str(value),
        // Writing to a text can't fail.
        Some(other) => drop(write!(text, "{other}")),
    }
}
