//! The steps of a scenario.
//!
//! Kubernetes schemas can't recurse, so the steps inside `if`, `loop` and `group` are raw values
//! here; `upsurge-core` parses them and names the path of whatever is wrong in them.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{duration::TimeSpan, request::RequestStep};

/// One step. Exactly one of its fields is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.request) ? 1 : 0) + (has(self.think) ? 1 : 0) + (has(self.__if__) ? 1 : 0) + (has(self.__loop__) ? 1 : 0) + (has(self.group) ? 1 : 0) == 1",
        "a step is exactly one of request, think, if, loop, group"
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
}

/// Steps within a step, unparsed. The schema keeps whatever is in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NestedSteps(pub Vec<Value>);

impl NestedSteps {
    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl JsonSchema for NestedSteps {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NestedSteps".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "maxItems": 100,
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
        })
    }
}

/// A pause, as a person makes it between two actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThinkStep {
    /// Shortest pause.
    pub min: TimeSpan,

    /// Longest pause; each pause is drawn evenly from `min` to `max`. Default: `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<TimeSpan>,
}

/// A choice between two sequences of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IfStep {
    /// CEL expression over the variables of the user. Example: `token != ''`.
    #[schemars(length(min = 1, max = 1024))]
    pub condition: String,

    /// Steps when the condition is true, written as in `scenarios[].steps`.
    pub then: NestedSteps,

    /// Steps when it is not. Default: none.
    #[serde(default, skip_serializing_if = "NestedSteps::is_empty", rename = "else")]
    pub otherwise: NestedSteps,
}

/// Repeated steps. At least one of `count` and `while` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = ("has(self.count) || has(self.__while__)", "a loop needs count or while")
)]
#[serde(rename_all = "camelCase")]
pub struct LoopStep {
    /// Most repetitions. The variable `loopCount` counts them from 1. Default: unlimited, if there is
    /// a `while`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub count: Option<i32>,

    /// CEL expression, evaluated before each repetition; the loop ends when it is false.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "while")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,

    /// Steps to repeat, written as in `scenarios[].steps`.
    pub steps: NestedSteps,
}

/// A named sequence of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupStep {
    /// Name that results use.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,

    /// Steps of the group, written as in `scenarios[].steps`.
    pub steps: NestedSteps,
}
