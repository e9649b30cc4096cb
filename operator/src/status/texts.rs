// SPDX-License-Identifier: Apache-2.0
//! Texts of a status, none of them longer than it may be, whoever wrote it: an API server, a kubelet, a target. Pure.
//!
//! The schema does not say these lengths: the API server would refuse the whole status for one long text, and the run
//! would never end.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Longest message of an object and of its conditions, which repeat it; in bytes of JSON, as all of these.
pub const LONGEST_MESSAGE: usize = 4_096;
/// Longest text within a list, and of a field that is about each of several things.
pub const LONGEST_DETAIL: usize = 512;
/// Longest text of any other field.
pub const LONGEST_FIELD: usize = 256;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// The status with all of its texts cut to what they may be.
pub fn bounded<S: Serialize + DeserializeOwned>(status: S) -> S {
    let Ok(mut value) = serde_json::to_value(&status) else { return status };
    if !shorten(&mut value, Place::Root) {
        return status;
    }
    serde_json::from_value(value).unwrap_or(status)
}

/// Where a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Conditions,
    Message,
    List,
    Field,
}

impl Place {
    fn within(self, field: &str) -> Self {
        match (self, field) {
            (Self::Root | Self::Conditions, "message") => Self::Message,
            // The cause of an early end repeats the message, and outlives the operator.
            // So does the verdict that waits until all is put back.
            (Self::Root, "conditions" | "endCause" | "pinning") => Self::Conditions,
            (Self::Root, _) => Self::Field,
            // They name each of several workloads.
            (Self::Field, "cause" | "replicas") => Self::List,
            (place, _) => place,
        }
    }

    fn longest(self) -> usize {
        match self {
            Self::Message => LONGEST_MESSAGE,
            Self::List => LONGEST_DETAIL,
            Self::Root | Self::Conditions | Self::Field => LONGEST_FIELD,
        }
    }
}

/// Says whether something was too long.
fn shorten(value: &mut Value, place: Place) -> bool {
    match value {
        Value::String(text) => cut(text, place.longest()),
        Value::Array(items) => {
            let place = if place == Place::Conditions { place } else { Place::List };
            items.iter_mut().fold(false, |changed, item| shorten(item, place) | changed)
        }
        Value::Object(fields) => fields
            .iter_mut()
            .fold(false, |changed, (name, field)| shorten(field, place.within(name)) | changed),
        _ => false,
    }
}

/// Cuts a text to so many bytes of JSON; says whether it was longer.
pub fn cut(text: &mut String, longest: usize) -> bool {
    let (mut length, mut end) = (0, 0);
    for (at, character) in text.char_indices() {
        length += width(character);
        if length > longest {
            text.truncate(end);
            text.push(CUT);
            return true;
        }
        if length + CUT.len_utf8() <= longest {
            end = at + character.len_utf8();
        }
    }
    false
}

/// Bytes that a character takes in JSON.
fn width(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_text_has_the_length_of_its_place() {
        let long = "x".repeat(10_000);
        let status = json!({
            "message": long, "reason": long, "summary": {"errorRate": long, "message": long},
            "checks": [{"message": long}], "warnings": [long],
            "conditions": [{"type": "Ready", "reason": long, "message": long}],
            "pinning": {"outcome": {"message": long}}, "autoscaling": {"cause": long, "replicas": long, "autoscaler": long},
        });
        let bounded = bounded(status);
        let length = |pointer: &str| bounded.pointer(pointer).and_then(Value::as_str).map(str::len);
        assert_eq!(length("/message"), Some(LONGEST_MESSAGE));
        assert_eq!(length("/conditions/0/message"), Some(LONGEST_MESSAGE));
        assert_eq!(length("/pinning/outcome/message"), Some(LONGEST_MESSAGE));
        assert_eq!(length("/conditions/0/reason"), Some(LONGEST_FIELD));
        assert_eq!(length("/conditions/0/type"), Some(5));
        assert_eq!(length("/checks/0/message"), Some(LONGEST_DETAIL));
        assert_eq!(length("/warnings/0"), Some(LONGEST_DETAIL));
        assert_eq!(length("/autoscaling/cause"), Some(LONGEST_DETAIL));
        assert_eq!(length("/autoscaling/replicas"), Some(LONGEST_DETAIL));
        assert_eq!(length("/autoscaling/autoscaler"), Some(LONGEST_FIELD));
        assert_eq!([length("/summary/errorRate"), length("/summary/message")], [Some(LONGEST_FIELD); 2]);
    }

    proptest! {
        #[test]
        fn a_cut_text_is_short_enough_and_stays_as_it_is(text in "\\PC*|[\\x00-\\x7f]*|(ä|\"|\n|\u{1})*", longest in 3_usize..40) {
            let json = |text: &str| serde_json::to_string(text).unwrap().len() - 2;
            let mut short = text.clone();
            prop_assert_eq!(cut(&mut short, longest), json(&text) > longest);
            prop_assert!(json(&short) <= longest, "{:?}", short);
            prop_assert!(!cut(&mut short.clone(), longest));
        }
    }
}
