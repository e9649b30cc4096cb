//! What a user does: scenarios of steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration::TimeSpan, step::Step};

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

    /// What an iteration does, in order.
    #[schemars(length(min = 1, max = 100))]
    pub steps: Vec<Step>,
}

fn one() -> i32 {
    1
}
