// SPDX-License-Identifier: Apache-2.0
//! Secrets in messages: a host name, a URL or what a step logs may hold one, and no message may show it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in place of a secret.
const MASK: &str = "****";
/// Anything shorter is part of many words by chance, and is looked for as a word of its own.
const SHORTEST_IN_WORDS: usize = 4;

/// Values that no message may show.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// These values, as they are and as they stand in URLs.
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a String>) -> Self {
        let forms = values.flat_map(|value| {
            let encoded = utf8_percent_encode(value, super::address::FORBIDDEN).to_string();
            [value.clone(), encoded, utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()]
        });
        let mut forms: Vec<String> = forms.filter(|form| !form.is_empty()).collect();
        // The longest first: one may be a part of another, whose rest would stay.
        forms.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        forms.dedup();
        Self(forms)
    }

    /// A message with `****` in place of secrets.
    pub(crate) fn masked(&self, mut message: String) -> String {
        for secret in &self.0 {
            if !message.contains(secret.as_str()) {
                continue;
            }
            message = if secret.len() < SHORTEST_IN_WORDS {
                without_word(&message, secret)
            } else {
                message.replace(secret.as_str(), MASK)
            };
        }
        message
    }
}

/// A text with a mask wherever `word` stands with no letter or digit beside it.
fn without_word(text: &str, word: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    let is_part = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    for (at, found) in text.match_indices(word) {
        let (before, after) = text.split_at(at);
        if !is_part(before.chars().next_back()) && !is_part(after.chars().nth(found.chars().count())) {
            masked.push_str(before.get(copied..).unwrap_or_default());
            masked.push_str(MASK);
            copied = at + found.len();
        }
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], message: &str) -> String {
        let secrets: Vec<String> = secrets.iter().map(ToString::to_string).collect();
        Secrets::new(secrets.iter()).masked(message.to_owned())
    }

    #[test]
    fn secrets_are_masked_as_they_are_and_as_they_stand_in_urls() {
        let message = "http://s3c ret.x/s3c%20ret?k=s3c%20ret and a/b, a%2Fb";
        assert_eq!(masked(&["s3c ret"], message), "http://****.x/****?k=**** and a/b, a%2Fb");
        assert_eq!(masked(&["k=a/b"], "?k=a/b&k%3Da%2Fb"), "?****&****");
    }

    #[test]
    fn nothing_is_left_of_a_secret_that_holds_another_one() {
        assert_eq!(masked(&["pass", "password1"], "password1 pass"), "**** ****");
    }

    #[test]
    fn a_short_secret_is_masked_as_a_word() {
        assert_eq!(
            masked(&["abc", "7", ""], "abc.shop has 7 of 17 abcs (abc)"),
            "****.shop has **** of 17 abcs (****)"
        );
        assert_eq!(masked(&["\u{fc}"], "x\u{fc} \u{fc}"), "x\u{fc} ****");
    }
}
