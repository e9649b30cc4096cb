// SPDX-License-Identifier: Apache-2.0
//! What a request takes from its response into variables of the user.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::any_value;

/// Takes a value from a response. Exactly one of `jsonPath`, `header`, `regex`, `selector`, `cookie`, `status`,
/// `body` and `responseTime` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.jsonPath) ? 1 : 0) + (has(self.header) ? 1 : 0) + (has(self.regex) ? 1 : 0) + (has(self.selector) ? 1 : 0) + (has(self.cookie) ? 1 : 0) + (has(self.status) ? 1 : 0) + (has(self.body) ? 1 : 0) + (has(self.responseTime) ? 1 : 0) == 1",
        "a capture has exactly one of jsonPath, header, regex, selector, cookie, status, body and responseTime"
    ),
    validation = (
        "!has(self.match) || has(self.jsonPath) || has(self.header) || has(self.regex) || has(self.selector)",
        "match belongs to jsonPath, header, regex or selector"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// Variable that takes the value.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// JSONPath (RFC 9535) into a JSON body; values keep their types. Example: `$.token`.
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

    /// An element of an HTML body; its text is taken, or an attribute of it.
    /// Example: `{css: "form#login input[name=csrf]", attribute: value}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ElementSelector>,

    /// Name of a cookie: the one that the response sets, else the one that the user keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub cookie: Option<String>,

    /// `true` takes the status code as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [true]))]
    pub status: Option<bool>,

    /// `true` takes the whole body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [true]))]
    pub body: Option<bool>,

    /// `true` takes the time from the first byte sent to the last byte received, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [true]))]
    pub response_time: Option<bool>,

    /// Which of several matches of `jsonPath`, `header`, `regex` or `selector` is taken. Default: First.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<MatchChoice>,

    /// Value when nothing is found: any, for example `""` or `[]`. Without it, the iteration ends there and the
    /// failed check `capture NAME` is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub default: Option<Value>,
}

/// An element of an HTML body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElementSelector {
    /// CSS selector. Example: `h1.title`.
    #[schemars(length(min = 1, max = 1024))]
    pub css: String,

    /// Attribute of the element instead of its text. Default: the text. Example: `href`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub attribute: Option<String>,
}

/// Which of several matches of `jsonPath`, `header`, `regex` or `selector` is taken. Default: First.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MatchChoice {
    /// The first one.
    #[default]
    First,
    /// The last one.
    Last,
    /// A random one.
    Random,
    /// All of them, as a list.
    All,
}
