// SPDX-License-Identifier: Apache-2.0
//! What a request expects of its response; each expectation is counted as a check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{capture::ElementSelector, duration::TimeSpan, quantity::Quantity, request::any_value};

/// Something a response must be like. Exactly one of `status`, `contentType`, `jsonPath`, `header`, `selector`,
/// `cookie`, `body`, `bodyContains`, `bodyMatches`, `responseTime` and `condition` is given; `jsonPath`, `header`,
/// `selector`, `cookie` and `body` go together with what their value must be like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.status) ? 1 : 0) + (has(self.contentType) ? 1 : 0) + (has(self.jsonPath) ? 1 : 0) + (has(self.header) ? 1 : 0) + (has(self.selector) ? 1 : 0) + (has(self.cookie) ? 1 : 0) + (has(self.body) ? 1 : 0) + (has(self.bodyContains) ? 1 : 0) + (has(self.bodyMatches) ? 1 : 0) + (has(self.responseTime) ? 1 : 0) + (has(self.condition) ? 1 : 0) == 1",
        "an expectation is exactly one of status, contentType, jsonPath, header, selector, cookie, body, bodyContains, bodyMatches, responseTime and condition"
    ),
    // `equals` may be any value, and so CEL cannot see it: the operator looks at that one.
    validation = (
        "has(self.jsonPath) || has(self.header) || has(self.selector) || has(self.cookie) || has(self.body) || !(has(self.exists) || has(self.contains) || has(self.matches) || has(self.greaterThan) || has(self.atLeast) || has(self.lessThan) || has(self.atMost) || has(self.minLength) || has(self.maxLength))",
        "equals, exists, contains, matches, comparisons and lengths belong to jsonPath, header, selector, cookie or body"
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
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub status: Option<Vec<i32>>,

    /// Media type of the response, without parameters. Example: `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub content_type: Option<String>,

    /// JSONPath (RFC 9535) into a JSON body, of which the first match counts; together with `exists`, `equals` or
    /// another of the fields below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub json_path: Option<String>,

    /// Name of a response header; together with `exists`, `equals` or another of the fields below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,

    /// An element of an HTML body, of which the first match counts; its text, or an attribute of it, goes together with
    /// `exists`, `equals` or another of the fields below. Example: `{css: h1.title}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ElementSelector>,

    /// Name of a cookie, which the response sets or the user keeps; together with `exists`, `equals` or another of
    /// the fields below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub cookie: Option<String>,

    /// `true` looks at the whole body as text; together with `exists` (it is not empty), `equals` or another of the
    /// fields below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [true]))]
    pub body: Option<bool>,

    /// Text that the body holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub body_contains: Option<String>,

    /// Regular expression that the body matches somewhere. Example: `order-[0-9]+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub body_matches: Option<String>,

    /// Longest time from the first byte sent to the last byte received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<TimeSpan>,

    /// CEL expression over the variables of the user, those that this request captures included.
    /// Example: `size(items) > 0 && total == items[0].price * 2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,

    /// Expects the contrary: the check passes if the rest does not hold. A request without any response meets no
    /// expectation, this one neither. Example: `{bodyContains: error, not: true}`. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,

    /// Which answers are checked: `Always`, all of them, or `Failed`, those whose status counts as failed. A request that is
    /// answered otherwise, or not at all, then counts neither as passed nor as failed. Default: Always. Example:
    /// `{jsonPath: $.error.message, exists: true, when: Failed}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<ExpectWhen>,

    /// Whether the value must be there. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,

    /// Value that must be found; a string may hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub equals: Option<Value>,

    /// Text that the value holds, with templates; of a list, an element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub contains: Option<String>,

    /// Regular expression that the value matches somewhere. Example: `^[0-9]+$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub matches: Option<String>,

    /// Number that the value must be above: a quantity. The value is a number, or a text that is one. Example: `"0.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater_than: Option<Quantity>,

    /// Lowest number that the value may be: a quantity. Example: `1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Quantity>,

    /// Number that the value must be below: a quantity. Example: `100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<Quantity>,

    /// Highest number that the value may be: a quantity. Example: `99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Quantity>,

    /// Least length: characters of a text, elements of a list, fields of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_length: Option<i64>,

    /// Greatest length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_length: Option<i64>,
}

/// Which answers are checked: `Always`, all of them, or `Failed`, those whose status counts as failed. A request that is
/// answered otherwise, or not at all, then counts neither as passed nor as failed. Default: Always. Example:
/// `{jsonPath: $.error.message, exists: true, when: Failed}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExpectWhen {
    /// All of them.
    Always,
    /// Those whose status counts as failed.
    Failed,
}
