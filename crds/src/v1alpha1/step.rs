// SPDX-License-Identifier: Apache-2.0
//! The steps of a scenario.
//!
//! Kubernetes schemas can't recurse, so the steps inside `if`, `loop`, `group` and `parallel` are raw
//! values here. The schema knows their kinds and nothing of what is in them; `upsurge-core` parses them and names the
//! path of whatever is wrong. Whoever wants them checked at apply writes a block.

mod end;
mod flow;
mod pause;
mod values;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use self::{
    end::{AbortStep, FailStep},
    flow::{GroupStep, IfStep, LoopStep, ParallelStep},
    pause::{ExponentialPause, NormalPause, PaceStep, ThinkStep},
    values::{LogStep, RecordStep, SetVariable},
};
use super::request::RequestStep;

/// One step. Exactly one of its fields is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.request) ? 1 : 0) + (has(self.think) ? 1 : 0) + (has(self.__if__) ? 1 : 0) + (has(self.__loop__) ? 1 : 0) + (has(self.group) ? 1 : 0) + (has(self.parallel) ? 1 : 0) + (has(self.set) ? 1 : 0) + (has(self.pace) ? 1 : 0) + (has(self.record) ? 1 : 0) + (has(self.log) ? 1 : 0) + (has(self.fail) ? 1 : 0) + (has(self.abort) ? 1 : 0) + (has(self.run) ? 1 : 0) == 1",
        "a step is exactly one of request, think, if, loop, group, parallel, set, pace, record, log, fail, abort, run"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Sends an HTTP request and reads the whole response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestStep>,

    /// Pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<ThinkStep>,

    /// Goes one of two ways.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "if")]
    pub if_step: Option<IfStep>,

    /// Repeats steps.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "loop")]
    pub loop_step: Option<LoopStep>,

    /// Names a sequence of steps, whose time is recorded as `group_duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupStep>,

    /// Does steps side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<ParallelStep>,

    /// Gives variables of the user new values, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub set: Option<Vec<SetVariable>>,

    /// Waits for the rest of a fixed span of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceStep>,

    /// Records a value of a metric that `spec.metrics` declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordStep>,

    /// Writes a line to the log of the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogStep>,

    /// Ends the iteration as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<FailStep>,

    /// Ends the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<AbortStep>,

    /// Does the steps of the block of that name in `spec.blocks`, as if they stood here. Example: `log in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub run: Option<String>,
}

/// Steps within a step, unparsed. The schema knows their kinds and keeps whatever is in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NestedSteps(pub Vec<Value>);

impl NestedSteps {
    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Kinds of step that are objects.
const STEPS_OF_FIELDS: [&str; 11] =
    ["request", "think", "if", "loop", "group", "parallel", "pace", "record", "log", "fail", "abort"];

impl JsonSchema for NestedSteps {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NestedSteps".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kept = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let mut kinds: Map<String, Value> =
            STEPS_OF_FIELDS.into_iter().map(|kind| (kind.into(), kept.clone())).collect();
        kinds.insert(
            "set".into(),
            json!({"type": "array", "maxItems": 50, "x-kubernetes-list-type": "atomic", "items": kept}),
        );
        kinds.insert("run".into(), json!({"type": "string", "minLength": 1, "maxLength": 63}));
        // Exactly one property says the same as a rule would, and costs the API server nothing: there may be
        // millions of such steps.
        json_schema!({
            "type": "array",
            "maxItems": 100,
            "x-kubernetes-list-type": "atomic",
            "items": {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": kinds}
        })
    }
}
