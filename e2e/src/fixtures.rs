// SPDX-License-Identifier: Apache-2.0
//! Tests to apply.

use serde_json::{Value, json};

/// Base URL of the service `target` in the test's own namespace.
pub const TARGET: &str = "http://target:8080";

/// Runners, small enough for many of them on two cores. Tests here are about minutes of an autoscaler and not about
/// milliseconds: a machine that stands still for a moment is no reason to judge nothing.
pub fn runner(parallelism: i32) -> Value {
    let resources = json!({"requests": {"cpu": "50m", "memory": "32Mi"}});
    json!({"parallelism": parallelism, "maxLag": "3s", "resources": resources})
}

/// A spec with that many requests per second, for that many seconds, to `target`.
pub fn constant(rate: u32, seconds: u32) -> Value {
    spec(
        json!({"unit": "IterationsPerSecond", "constant": {"level": rate, "duration": format!("{seconds}s")}}),
    )
}

/// A spec with that load of single requests to `target`.
pub fn spec(load: Value) -> Value {
    json!({
        "target": {"baseURL": TARGET},
        "scenarios": [{"name": "get", "steps": [{"request": {"name": "get", "url": "/"}}]}],
        "load": load,
        "runner": runner(1),
    })
}

/// Merges a patch into a value, as `application/merge-patch+json` does.
pub fn merged(mut value: Value, patch: Value) -> Value {
    merge(&mut value, patch);
    value
}

fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, patch) in patch {
                if patch.is_null() {
                    fields.remove(&name);
                } else {
                    merge(fields.entry(name).or_insert(Value::Null), patch);
                }
            }
        }
        (value, patch) => *value = patch,
    }
}
