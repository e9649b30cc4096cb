// SPDX-License-Identifier: Apache-2.0
//! Shapes for the JSON Schema, and for nothing else: no value of these types is ever made.
//!
//! A record holds some types of other crates (`upsurge_core`, `upsurge_figures`, `jiff`) that have no schema, and Rust lets nobody give
//! them one from here. So a field such as `until: Timestamp` is marked `#[schemars(with = "stand_in::Instant")]`: it is written and read
//! as a `Timestamp`, and only the schema takes what it says of the field from the type here. The comments on these types and fields
//! are the descriptions in `schema.json`. The line above each type names the one that it stands for.
//!
//! When such a type gets a field or loses one, its shape here must follow. The tests of [`crate::schema`] fail until it does: they look
//! for each field of a full record in the schema, and for each field of the shapes in that record.

#![allow(dead_code, reason = "only their schemas are used")]

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

// For `jiff::Timestamp`. It is written in place, not as a type of its own, as a date is known to every reader of schemas.
/// An instant.
pub(super) struct Instant;

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

// For `upsurge_core::metrics::Trend`.
/// A distribution. Of times, all of it is in microseconds; of other values, in thousandths of their unit.
#[derive(JsonSchema)]
pub(super) struct Distribution {
    /// HdrHistogram, V2 encoding, compressed, in base64, with 3 significant digits. Values beyond an hour count as an hour.
    histogram: String,
    /// Exact sum of all values.
    sum: f64,
    /// Exact lowest value.
    min: u64,
    /// Exact highest value.
    max: u64,
}

// For `upsurge_core::metrics::Sink`.
/// What was recorded of a metric.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sink {
    /// A distribution.
    Trend(Distribution),
    /// A sum.
    Counter(f64),
    /// How many events passed or happened, of how many.
    Rate {
        /// Events that passed or happened.
        passes: u64,
        /// All events.
        total: u64,
    },
    /// A level that all runners have together.
    Gauge {
        /// The level at the end.
        value: f64,
        /// Lowest level.
        min: f64,
        /// Highest level.
        max: f64,
    },
    /// A value that replaces the one before.
    Latest {
        /// When it was recorded, in microseconds from the start of the load.
        at: u64,
        /// The value.
        value: f64,
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
    },
}

// For `upsurge_core::thresholds::Windows`. What is below its maps is the program's own business, so the schema leaves it open.
/// What thresholds keep.
#[derive(JsonSchema)]
pub(super) struct Accumulators {
    /// Of thresholds with a window, by their index in the test: how many windows were judged and breached, and the worst.
    courses: BTreeMap<String, Value>,
    /// Sums of the parts of metrics that thresholds select, by what selects them.
    parts: BTreeMap<String, Value>,
    /// Seconds in which thresholds were met, and were not.
    seconds: BTreeMap<String, Value>,
    /// Of thresholds on the share of good seconds, by their index: how many were good, bad, and are not known.
    #[serde(default)]
    bins: BTreeMap<String, Value>,
    /// What became of the requests of each step of a staircase.
    #[serde(default)]
    steps: BTreeMap<String, Value>,
}

// For `upsurge_core::losses::Losses`.
/// Requests that were lost on the way.
#[derive(JsonSchema)]
pub(super) struct Losses {
    /// A bin is 100 ms · 2^level wide.
    level: u8,
    /// Bin of the begin, bin of the end, kind (`reset`, `refused`, `unanswered`), count.
    lost: Vec<(u64, u64, String, u64)>,
}

// For `upsurge_core::protocol::GeneratorDelta`.
/// What the generator used.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GeneratorUse {
    /// CPU time, in seconds.
    cpu_seconds: f64,
    /// CPU scheduling periods of the container's cgroup.
    periods: u64,
    /// Those in which it was throttled.
    throttled_periods: u64,
    /// Seconds in which the load threads were watched.
    watched_seconds: f64,
    /// Those of them in which a load thread had no time to spare.
    saturated_seconds: f64,
    /// Highest share of a core that a load thread used.
    busiest_core: f64,
    /// Fewest file descriptors that were left.
    files_left: Option<u64>,
    /// Fewest local ports that were left.
    ports_left: Option<u64>,
}

// For `upsurge_figures::observation::Event`, whose types of events are one enum in Rust.
/// Something that happened to a workload. Each `type` has fields of its own beside these.
#[derive(JsonSchema)]
pub(super) struct Event {
    /// When the observer saw it, by its own clock.
    seen: Instant,
    /// When it happened, as Kubernetes has it, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    stamped: Option<Instant>,
    /// Whether it was found by listing, so that it may have happened at any time before.
    #[serde(default)]
    found: bool,
    /// What it is: `load`, `thresholds`, `autoscaler`, `autoscalerGone`, `scaling`, `condition`, `asked`, `existing`, `revision`,
    /// `rollout`, `quotaExceeded`, `pod`, `usage`, `lost`, `listed`, or what a later version knows.
    #[serde(rename = "type")]
    type_: String,
}

// For `upsurge_figures::observation::LeftOut`.
/// What a class of events has left out.
#[derive(JsonSchema)]
pub(super) struct LeftOut {
    /// How many events.
    events: u64,
    /// From here on the class does not tell.
    from: Instant,
    /// Up to here, and not here any more.
    to: Instant,
}
