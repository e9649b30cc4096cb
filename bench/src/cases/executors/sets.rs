// SPDX-License-Identifier: Apache-2.0
//! The option sets. Times are chosen so that no iteration ends or starts near the edge of a stage.

use serde_json::{Value, json};

/// One set of options.
pub struct Set {
    /// What is special about it.
    pub name: &'static str,
    /// k6's `scenarios`, which are `spec.load.executors` of Upsurge.
    pub scenarios: Value,
    /// The pause of each iteration, in milliseconds.
    pub pause: u32,
}

/// Ten of them.
pub fn all() -> [Set; 10] {
    [
        set(
            "constant-vus, the last iteration ends gracefully",
            430,
            &json!({
                "executor": "constant-vus", "vus": 5, "duration": "5s",
            }),
        ),
        set(
            "constant-vus, cut off by gracefulStop",
            430,
            &json!({
                "executor": "constant-vus", "vus": 5, "duration": "5s", "gracefulStop": "0s",
            }),
        ),
        set(
            "ramping-vus, up and down",
            330,
            &json!({
                "executor": "ramping-vus", "startVUs": 1,
                "stages": [{"duration": "3s", "target": 10}, {"duration": "1s", "target": 10}, {"duration": "3s", "target": 0}],
            }),
        ),
        set(
            "ramping-vus, a jump down that cuts off",
            700,
            &json!({
                "executor": "ramping-vus", "startVUs": 8, "gracefulRampDown": "0s",
                "stages": [{"duration": "3s", "target": 8}, {"duration": "0s", "target": 3}, {"duration": "2s", "target": 3}],
            }),
        ),
        set(
            "shared-iterations",
            330,
            &json!({
                "executor": "shared-iterations", "vus": 7, "iterations": 50,
            }),
        ),
        set(
            "shared-iterations, not all within maxDuration",
            330,
            &json!({
                "executor": "shared-iterations", "vus": 5, "iterations": 100, "maxDuration": "2500ms",
            }),
        ),
        set(
            "per-vu-iterations, not all within maxDuration",
            330,
            &json!({
                "executor": "per-vu-iterations", "vus": 4, "iterations": 20, "maxDuration": "3500ms", "gracefulStop": "0s",
            }),
        ),
        set(
            "constant-arrival-rate, too few users",
            310,
            &json!({
                "executor": "constant-arrival-rate", "rate": 50, "duration": "5s", "preAllocatedVUs": 5, "maxVUs": 5,
            }),
        ),
        Set {
            name: "constant-arrival-rate by the minute, beside users that start later",
            pause: 240,
            scenarios: json!({
                "minute": {
                    "executor": "constant-arrival-rate", "rate": 90, "timeUnit": "1m", "duration": "7s",
                    "preAllocatedVUs": 3,
                },
                "later": {"executor": "constant-vus", "vus": 3, "startTime": "2s", "duration": "3s", "gracefulStop": "2s"},
            }),
        },
        set(
            "ramping-arrival-rate, with a jump",
            200,
            &json!({
                "executor": "ramping-arrival-rate", "startRate": 5, "preAllocatedVUs": 30,
                "stages": [{"duration": "3s", "target": 20}, {"duration": "0s", "target": 45}, {"duration": "1500ms", "target": 45},
                    {"duration": "2s", "target": 0}],
            }),
        ),
    ]
}

fn set(name: &'static str, pause: u32, load: &Value) -> Set {
    Set { name, scenarios: json!({"load": load}), pause }
}
