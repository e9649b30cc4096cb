//! What a user does: scenarios of steps.
//!
//! Kubernetes schemas can't recurse, so the steps inside `if`, `loop` and `group` are raw values
//! here; `upsurge-core` parses them and names the path of whatever is wrong in them.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::duration::TimeSpan;

/// One kind of user journey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scenario {
    /// Name that thresholds and results use.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,

    /// Share of the iterations relative to the other scenarios' weights. 0 means never. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: i32,

    /// What an iteration does, in order.
    #[schemars(length(min = 1, max = 100))]
    pub steps: Vec<Step>,
}

fn one() -> i32 {
    1
}

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

/// An HTTP request. At most one of `json`, `body` and `form` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        // `json` may be any value, and so CEL cannot see it: the operator looks at that one.
        "!(has(self.body) && has(self.form))",
        "a request has at most one of json, body and form"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RequestStep {
    /// Name that thresholds and results use. Default: method and URL as written, before templates
    /// are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,

    /// Method. Default: GET.
    #[serde(default)]
    pub method: HttpMethod,

    /// Path that is joined to `target.baseUrl`, or a whole URL. May hold templates.
    /// Example: `/api/v1/payments/{{ paymentId }}`.
    #[schemars(length(min = 1, max = 4096))]
    pub url: String,

    /// Query parameters, added to the URL percent-encoded. Values may hold templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,

    /// Headers. Values may hold templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,

    /// JSON body, any value; strings in it may hold templates. A string that is nothing but one
    /// template takes the type of its value. Sets `Content-Type: application/json` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub json: Option<Value>,

    /// Body as text. May hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub body: Option<String>,

    /// Body as a URL-encoded form. Values may hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,

    /// Timeout of this request instead of `http.timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,

    /// Values taken from the response into variables of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub capture: Vec<Capture>,

    /// What the response must be like. Each is counted as a check; the first entry with `status` also
    /// decides which responses count as failed in `http_req_failed`, instead of 200 to 399.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub expect: Vec<Expectation>,
}

fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// HTTP methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET
    #[default]
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
}

impl HttpMethod {
    /// The method as it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}

/// Takes a value from a response. Exactly one of `jsonPath`, `header` and `regex` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.jsonPath) ? 1 : 0) + (has(self.header) ? 1 : 0) + (has(self.regex) ? 1 : 0) == 1",
        "a capture has exactly one of jsonPath, header and regex"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// Variable that takes the value.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// JSONPath (RFC 9535) into a JSON body; the first match is taken. Example: `$.token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub json_path: Option<String>,

    /// Name of a response header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,

    /// Regular expression over the body; its first group is taken, or the whole match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub regex: Option<String>,

    /// Value when nothing is found. Without it, the iteration ends there and the failed check
    /// `capture NAME` is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub default: Option<String>,
}

/// Something a response must be like. Exactly one of `status`, `contentType`, `jsonPath`, `header`,
/// `bodyContains` and `responseTime` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.status) ? 1 : 0) + (has(self.contentType) ? 1 : 0) + (has(self.jsonPath) ? 1 : 0) + (has(self.header) ? 1 : 0) + (has(self.bodyContains) ? 1 : 0) + (has(self.responseTime) ? 1 : 0) == 1",
        "an expectation is exactly one of status, contentType, jsonPath, header, bodyContains and responseTime"
    ),
    // `equals` may be any value, and so CEL cannot see it: the operator looks at that one.
    validation = (
        "!has(self.exists) || has(self.jsonPath) || has(self.header)",
        "equals and exists belong to jsonPath or header"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Expectation {
    /// Name of the check. Default: what is expected, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,

    /// Accepted status codes. Example: `[200, 201]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50), inner(range(min = 100, max = 599)))]
    pub status: Option<Vec<i32>>,

    /// Media type of the response, without parameters. Example: `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub content_type: Option<String>,

    /// JSONPath (RFC 9535) into a JSON body; together with `exists` or `equals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub json_path: Option<String>,

    /// Name of a response header; together with `exists` or `equals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,

    /// Text that the body holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub body_contains: Option<String>,

    /// Longest time from the first byte sent to the last byte received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<TimeSpan>,

    /// Whether the value must be there. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,

    /// Value that must be found; a string may hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub equals: Option<Value>,
}

/// A script in its own language. Exactly one field is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.k6) ? 1 : 0) + (has(self.artillery) ? 1 : 0) + (has(self.jmeter) ? 1 : 0) == 1",
        "a script is exactly one of k6, artillery and jmeter"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// A k6 script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k6: Option<ScriptSource>,

    /// An Artillery script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artillery: Option<ScriptSource>,

    /// A JMeter plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jmeter: Option<ScriptSource>,
}

/// Where a script is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptSource {
    /// Key of a ConfigMap in the namespace of the test.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key within the ConfigMap's data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}
