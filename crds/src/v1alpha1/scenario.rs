// SPDX-License-Identifier: Apache-2.0
//! What a user does: scenarios of steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    duration::TimeSpan,
    step::{NestedSteps, Step},
};

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

    /// Iterations of a user start so far apart: one that took less is followed by a pause, one that took
    /// longer by the next one at once, whose response times then include the delay. For loads of
    /// users; arrival rates have a pace of their own. Default: one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<TimeSpan>,

    /// Tags of everything that the scenario records, besides those of the test.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub tags: BTreeMap<String, String>,

    /// Steps that each user does once, before its first iteration of the scenario: logging in, for example. What
    /// they capture and set stays with the user for all of its iterations, and so do its cookies. A request that
    /// fails, a response that is not as expected and a capture that finds nothing end them and the iteration, and
    /// count as the failed check `onStart`; the user tries again with its next iteration. Written as `steps`.
    #[serde(default, skip_serializing_if = "NestedSteps::is_empty")]
    pub on_start: NestedSteps,

    /// Steps that each user who began the scenario does once, when it ends: at the end of the load, or when fewer
    /// users are wanted. They have to end within the graceful stop, and are left out for who is cut off. They
    /// know what `onStart` captured. Written as `steps`.
    #[serde(default, skip_serializing_if = "NestedSteps::is_empty")]
    pub on_stop: NestedSteps,

    /// What an iteration does, in order. Example: `[{request: {url: /}}, {think: {min: 1s}}]`.
    #[schemars(length(min = 1, max = 100))]
    pub steps: Vec<Step>,
}

/// A sequence of steps that others run by its name. It may hold steps of all kinds at any depth, `run` included, but must
/// not run itself, directly or through others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Name that `run` uses. Example: `log in`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// The steps, done in order as if they stood where the block is run. Their fields: `spec.scenarios.steps`.
    /// Example: `[{request: {url: /login, method: POST}}]`.
    #[schemars(length(min = 1, max = 100))]
    pub steps: Vec<Step>,
}

fn one() -> i32 {
    1
}
