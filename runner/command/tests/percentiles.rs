// SPDX-License-Identifier: Apache-2.0
//! Measured percentiles are those that the target was scripted with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::path::Path;

use processes::{Upsurge, scratch, start_target};
use serde_json::Value;

/// What else a machine does can only make answers later, so the best of a few runs counts.
const ATTEMPTS: usize = 3;
const TOLERANCE: f64 = 0.05;

/// Percentiles of a script, in milliseconds.
const SCRIPTED: [(&str, f64); 5] =
    [("min", 50.0), ("med", 100.0), ("p(90)", 188.9), ("p(95)", 200.0), ("p(99)", 360.0)];

#[test]
fn percentiles_are_within_five_percent_of_the_script() {
    let script = "latency: {percentiles: [[0, 50ms], [50, 100ms], [95, 200ms], [100, 400ms]]}";
    // As many requests as the target's draws come in, so that they hold the whole distribution.
    let load = "{unit: IterationsPerSecond, constant: {level: 250, duration: 4s}}";
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: exact}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\"}}\n  \
         scenarios: [{{name: a, steps: [{{request: {{url: /}}}}]}}]\n  load: {load}\n"
    );
    let file = scratch("percentiles.yaml", &text);
    let mut worst = Vec::new();
    for _ in 0..ATTEMPTS {
        let target = start_target(Some(script), &[]);
        let json = file.with_extension("json");
        let ended = Upsurge::run(&file).args(["--target", target.url(), "--summary"]).arg(&json).end();
        assert_eq!(target.stats()["answered"], 1_000, "{ended:?}");
        worst.push(worst_deviation(&json));
        if worst.last().is_some_and(|worst| worst.0 <= TOLERANCE) {
            return;
        }
    }
    panic!("deviations: {worst:?}");
}

fn worst_deviation(summary: &Path) -> (f64, String) {
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(summary).unwrap()).unwrap();
    let values = &summary["metrics"]["http_req_duration"]["values"];
    let deviations = SCRIPTED.map(|(percentile, scripted)| {
        let measured = values[percentile].as_f64().unwrap();
        let deviation = (measured - scripted).abs() / scripted;
        (deviation, format!("{percentile}: measured {measured} ms, scripted {scripted} ms"))
    });
    deviations.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}
