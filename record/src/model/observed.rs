// SPDX-License-Identifier: Apache-2.0
//! What was seen of a workload, and what was not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use upsurge_figures::observation::{Class, Event, LeftOut, Log};

use super::stand_in;

/// What was seen of a workload, its autoscaler and its pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedWorkload {
    /// Its name.
    pub name: String,
    /// Its kind. Example: `Deployment`.
    pub kind: String,
    /// Its API group and version. Example: `apps/v1`.
    pub api_version: String,
    /// Until when it was watched.
    #[schemars(with = "stand_in::Instant")]
    pub until: Timestamp,
    /// What happened, by when it was seen, in the form of `upsurge get RUN --events`. Events tell states, and never differences.
    #[schemars(with = "Vec<stand_in::Event>")]
    pub events: Vec<Event>,
    /// What there was no room for, by the class of events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, stand_in::LeftOut>")]
    pub left_out: BTreeMap<Class, LeftOut>,
}

impl ObservedWorkload {
    /// The events as a log, with what it left out.
    pub fn log(&self) -> Log {
        let Self { events, left_out, .. } = self;
        // Both are parts of one, and were read or made as such.
        serde_json::from_value(json!({"events": events, "leftOut": left_out})).unwrap_or_default()
    }
}

/// Something that could not be seen or measured for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// What: `load`, or a source of what is told of a workload: `autoscaler`, `workload`, `pods`, `endpoints`, `usage`.
    pub what: String,
    /// Name of the workload, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// From when.
    #[schemars(with = "stand_in::Instant")]
    pub from: Timestamp,
    /// Until when; absent if it was so until the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<stand_in::Instant>")]
    pub to: Option<Timestamp>,
    /// Why, as far as that is known.
    pub message: String,
}

/// Something that was joined or left out because there was too much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Folded {
    /// What. Example: `http_reqs`.
    pub what: String,
    /// In how many parts, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What that means for whoever reads the record, in a sentence.
    pub message: String,
}
