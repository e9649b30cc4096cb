// SPDX-License-Identifier: Apache-2.0
//! Compares two values figure by figure.

use serde_json::Value;

use super::{Difference, Verified};

/// Longest text of a value in a difference.
const LONGEST: usize = 120;

/// Notes each figure, and where the two differ.
pub(super) fn compare(path: &str, told: &Value, computed: &Value, verified: &mut Verified) {
    match (told, computed) {
        (Value::Object(one), Value::Object(other)) => {
            let missing = other.keys().filter(|name| !one.contains_key(*name));
            for name in one.keys().chain(missing) {
                let [told, computed] = [one, other].map(|fields| fields.get(name).unwrap_or(&Value::Null));
                compare(&format!("{path}.{name}"), told, computed, verified);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (told, computed)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{index}]"), told, computed, verified);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            let entries = |list: &[Value]| format!("{} entries", list.len());
            differ(path, entries(one), entries(other), verified);
        }
        (told, computed) if told == computed => verified.figures += 1,
        (told, computed) => differ(path, shown(told), shown(computed), verified),
    }
}

fn differ(path: &str, told: String, computed: String, verified: &mut Verified) {
    verified.figures += 1;
    verified.differences.push(Difference { figure: path.to_owned(), told, computed });
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().take(LONGEST).collect()
}
