// SPDX-License-Identifier: Apache-2.0
//! Steps that hold steps: choices, repetitions, groups, and steps side by side.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NestedSteps;
use crate::v1alpha1::request::any_value;

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

/// Repeated steps. At least one of `count`, `over` and `while` is given; the loop ends as soon as one of
/// them says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoopStep {
    /// Most repetitions: a number, a range of which each time a random number is taken (`"2-5"`), or a
    /// CEL expression (`"size(items)"`). The variable `loopCount` counts them from 1. Default:
    /// unlimited, if there is a `while`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "int_or_text")]
    pub count: Option<IntOrString>,

    /// Elements to go through, one per repetition: a list, whose texts may hold templates, or a CEL
    /// expression that gives a list, often just the name of a variable. Examples: `[small, large]`,
    /// `order.items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub over: Option<Value>,

    /// Variable that holds the element during a repetition. Default: `loopElement`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "as")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub element: Option<String>,

    /// CEL expression, evaluated before each repetition; the loop ends when it is false.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "while")]
    #[schemars(length(min = 1, max = 1024))]
    pub condition: Option<String>,

    /// Steps to repeat, written as in `scenarios[].steps`.
    pub steps: NestedSteps,
}

/// A named sequence of steps: a transaction, whose time is recorded as `group_duration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupStep {
    /// Name that results use.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,

    /// Whether pauses within the group, of `think` and `pace`, are left out of `group_duration`.
    /// Default: false, as in k6.
    #[serde(default)]
    pub exclude_think_time: bool,

    /// Steps of the group, written as in `scenarios[].steps`.
    pub steps: NestedSteps,
}

/// Steps that one user does side by side, as a browser loads the parts of a page. Each of the steps
/// is a branch of its own; a `group` is a branch of several steps. What the branches capture and set
/// is known to the steps after `parallel`, not to the other branches. If a branch fails, the
/// iteration ends once the others are through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParallelStep {
    /// Most branches under way at the same time; each has a connection of its own. Default: 6, as in
    /// browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<i32>,

    /// The branches, written as in `scenarios[].steps`.
    pub steps: NestedSteps,
}

fn int_or_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-int-or-string": true})
}
