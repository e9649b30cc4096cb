//! What a user does: scenarios of steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::step::Step;

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
