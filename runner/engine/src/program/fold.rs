// SPDX-License-Identifier: Apache-2.0
//! Puts what never changes during a run into templates as text: secrets.

use std::collections::BTreeMap;

use upsurge_core::template::{JsonTemplate, Piece, Scope, Template};

/// A template with its secrets filled in and neighbouring texts joined.
pub(super) fn fold(template: &Template, secrets: &BTreeMap<String, String>) -> Template {
    let mut pieces: Vec<Piece> = Vec::with_capacity(template.pieces.len());
    for piece in &template.pieces {
        let text = match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Secret(name) => secrets.get(name).map_or("", String::as_str),
            Piece::Call(function) => {
                pieces.push(Piece::Call(function.with_secrets(secrets)));
                continue;
            }
            Piece::Variable(_) => {
                pieces.push(piece.clone());
                continue;
            }
        };
        match pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => pieces.push(Piece::Text(text.to_owned())),
        }
    }
    Template { pieces }
}

/// Fills in what has no places.
pub(super) struct Nothing;

impl Scope for Nothing {
    fn variable(&self, _: usize) -> Option<&serde_json::Value> {
        None
    }

    fn secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

/// A JSON value whose templates have their secrets filled in.
pub(super) fn fold_json(json: &JsonTemplate, secrets: &BTreeMap<String, String>) -> JsonTemplate {
    match json {
        JsonTemplate::Literal(value) => JsonTemplate::Literal(value.clone()),
        JsonTemplate::Text(template) => JsonTemplate::Text(fold(template, secrets)),
        JsonTemplate::Array(items) => {
            JsonTemplate::Array(items.iter().map(|item| fold_json(item, secrets)).collect())
        }
        JsonTemplate::Object(fields) => JsonTemplate::Object(
            fields.iter().map(|(name, value)| (fold(name, secrets), fold_json(value, secrets))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect")]

    use super::*;
    use upsurge_core::template::Names;

    #[test]
    fn secrets_among_arguments_are_filled_in() {
        let names = Names::default().with_secrets(["key".to_owned()]);
        let secrets = BTreeMap::from([("key".to_owned(), "Jefe".to_owned())]);
        let text = "{{ hmacSha256(secrets.key, 'what do ya want for nothing?') }} {{ upper(secrets.key) }}";
        let folded = fold(&Template::parse(text, &names).unwrap(), &secrets);
        // The scope knows no secrets: what comes out was there before.
        assert_eq!(
            folded.render(&mut Nothing),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843 JEFE"
        );
    }
}
