//! What a request expects of its response; each expectation is counted as a check.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{duration::TimeSpan, request::any_value};

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
