// SPDX-License-Identifier: Apache-2.0
//! Compares two values figure by figure.

use serde_json::Value;

use super::{Difference, Verified};

/// Longest text of a value in a difference.
const LONGEST: usize = 120;

/// Notes each figure, and where the two differ by more than this share of them.
pub(super) fn compare(path: &str, told: &Value, computed: &Value, bound: f64, verified: &mut Verified) {
    match (told, computed) {
        (Value::Object(one), Value::Object(other)) => {
            let missing = other.keys().filter(|name| !one.contains_key(*name));
            for name in one.keys().chain(missing) {
                let [told, computed] = [one, other].map(|fields| fields.get(name).unwrap_or(&Value::Null));
                compare(&format!("{path}.{name}"), told, computed, bound, verified);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (told, computed)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{index}]"), told, computed, bound, verified);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            let entries = |list: &[Value]| format!("{} entries", list.len());
            differ(path, entries(one), entries(other), verified);
        }
        (told, computed) if told == computed || (bound > 0.0 && is_near(told, computed, bound)) => {
            verified.figures += 1;
        }
        (told, computed) => differ(path, shown(told), shown(computed), verified),
    }
}

/// Whether two times differ by no more than a share of them, and what rounding adds to that. Counts and rates are always exact.
fn is_near(told: &Value, computed: &Value, bound: f64) -> bool {
    let [Some((one, step)), Some((other, other_step))] = [told, computed].map(time) else { return false };
    (one - other).abs() <= bound * one.abs().max(other.abs()) + step.max(other_step)
}

/// A time in milliseconds as it is told, and the worth of its last digit.
fn time(value: &Value) -> Option<(f64, f64)> {
    let digits = value.as_str()?.strip_suffix("ms")?;
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    Some((digits.parse().ok()?, 10_f64.powi(-i32::try_from(places).ok()?)))
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
