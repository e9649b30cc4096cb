// SPDX-License-Identifier: Apache-2.0
//! What of a test only a cluster can show: workloads with what is expected of their autoscalers, and usage. A line for each,
//! so that whoever wrote it sees that it was understood.

use serde_json::Value;
use upsurge_crds::{LoadTestSpec, v1alpha1::Workload};

/// Workloads, and what is expected of them.
pub(super) fn workloads(spec: &LoadTestSpec) -> String {
    let mut text = String::new();
    for workload in &spec.target.workloads {
        let Workload { kind, name, capacity_per_replica, .. } = workload;
        let capacity = capacity_per_replica.map(|capacity| format!(", {capacity} per replica"));
        text += &format!("workload   {kind}/{name}{}\n", capacity.unwrap_or_default());
        for (name, limit) in fields(serde_json::to_value(&workload.expect)) {
            text += &format!("  expect   {name} {limit}\n");
        }
    }
    for usage in &spec.usage {
        let parts = fields(serde_json::to_value(usage)).into_iter();
        let parts: Vec<String> = parts.map(|(name, value)| format!("{name} {value}")).collect();
        text += &format!("  usage    {}\n", parts.join(", "));
    }
    text
}

/// The fields that are given, by the names that they have in a manifest.
fn fields(given: serde_json::Result<Value>) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = given else { return Vec::new() };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.into_iter().map(|(name, value)| (name, text(value))).collect()
}
