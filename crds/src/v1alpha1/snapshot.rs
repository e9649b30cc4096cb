// SPDX-License-Identifier: Apache-2.0
//! A run's copy of its test: as it was written, whatever version of the API it was written for.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{load_test::LoadTestSpec, threshold::Threshold};

/// Fields at the top of a spec that are gone, and which older copies may have.
pub const GONE: [&str; 2] = ["historyLimit", "script"];

/// The spec of a test, unread. A run from before a change of the API has the spec as it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(pub(crate) Value);

impl Snapshot {
    /// The copy of a spec.
    pub fn of(spec: &LoadTestSpec) -> Self {
        // A spec that was read can be written.
        Self(serde_json::to_value(spec).unwrap_or_default())
    }

    /// The same with these thresholds, whose words have not changed.
    #[must_use]
    pub fn with_thresholds(&self, thresholds: &[Threshold]) -> Self {
        let mut spec = self.0.clone();
        if let Some(fields) = spec.as_object_mut().filter(|_| !thresholds.is_empty()) {
            fields.insert("thresholds".into(), serde_json::to_value(thresholds).unwrap_or_default());
        }
        Self(spec)
    }
}

/// No schema of what is in it, but the names of the fields at the top: without them, the rule that compares two copies
/// would not see that one field was put in another's place.
impl JsonSchema for Snapshot {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Snapshot".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let spec = LoadTestSpec::json_schema(generator);
        let names =
            spec.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
        let names = names.map(String::as_str).chain(GONE);
        let kept = json!({"x-kubernetes-preserve-unknown-fields": true});
        let properties: Map<String, Value> = names.map(|name| (name.to_owned(), kept.clone())).collect();
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties})
    }
}
