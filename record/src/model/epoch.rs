// SPDX-License-Identifier: Apache-2.0
//! A part of a run with a load of its own: what was asked, what was measured, and the figures that are told of it.
//!
//! Figures are told as in a status. What they are computed from stands in [`Measured`] and the accumulators, so that each of them can be
//! computed again.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use upsurge_core::{
    losses::Losses,
    metrics::{Sink, Trend, names},
    protocol::GeneratorDelta,
    thresholds::Windows,
};
use upsurge_crds::v1alpha1::{
    CheckCount, EpochResult, GeneratorResult, LoadUnit, MetricResult, RequestResult, RunSummary, StageResult,
    ThresholdResult,
};

use super::{HeatMap, Series, stand_in};

/// A part of a run with a load of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// Of a search: its level, and what came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<EpochResult>,
    /// When its load started. All times in it are from there.
    #[schemars(with = "stand_in::Instant")]
    pub start_time: Timestamp,
    /// How long its load lasted, in seconds.
    pub elapsed_seconds: f64,
    /// The load that was asked for.
    pub plan: PlannedLoad,
    /// The stage that `figures.summary` and `figures.requests` speak of: `measure`, of a search. Absent if they speak of all of the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_stage: Option<String>,
    /// What is told of it, as in a status.
    pub figures: Figures,
    /// What that was computed from.
    pub measured: Measured,
    /// Its thresholds with what was observed, in the order of the test, with those that its load stands for after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdResult>,
    /// The threshold that ended the load, as it stood then; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breached: Option<ThresholdResult>,
    /// What thresholds keep beside `measured`, exactly: sums of the parts that they select, how their windows stand, and whether each
    /// second was a good one.
    #[schemars(with = "stand_in::Accumulators")]
    pub accumulators: Windows,
    /// Requests that were lost on the way, by when they were under way.
    #[schemars(with = "stand_in::Losses")]
    pub losses: Losses,
    /// How the generator fared; absent in a record that was recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorResult>,
    /// What the generator used.
    #[schemars(with = "stand_in::GeneratorUse")]
    pub generator_use: GeneratorDelta,
    /// The course over time.
    pub series: Series,
    /// How long requests took, over time.
    pub heat_map: HeatMap,
}

/// The load that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedLoad {
    /// Its stages, load by load. Those of several loads may overlap.
    pub stages: Vec<PlannedStage>,
    /// Time after the end in which iterations under way may still finish, in seconds.
    pub graceful_stop_seconds: f64,
}

/// A stretch of time over which the level of a load moves in a straight line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStage {
    /// Its name.
    pub name: String,
    /// What its level counts.
    pub unit: LoadUnit,
    /// Its start, in seconds from the start of the load.
    pub start_seconds: f64,
    /// Its length in seconds.
    pub duration_seconds: f64,
    /// Its level at the start.
    pub from: f64,
    /// Its level at the end.
    pub to: f64,
}

/// What is told of a load, as in a status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Of the whole, or of the counted stage.
    pub summary: RunSummary,
    /// Of each stage that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageResult>,
    /// Of each request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestResult>,
    /// How often each check held, and did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckCount>,
    /// Of each of the test's own metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricResult>,
}

/// What was measured of a load, as counts and distributions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The time that rates of the whole refer to, in seconds.
    pub seconds: f64,
    /// Each metric of the whole load, by its name.
    #[schemars(with = "BTreeMap<String, stand_in::Sink>")]
    pub totals: BTreeMap<String, Sink>,
    /// Responses by their status code. Example: `{"200": 5991, "503": 9}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, u64>,
    /// Requests without a whole response, by what went wrong. Example: `{"timeout": 3, "no answer": 1}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
    /// The counted stage, as if nothing else had been: over all of its planned time. Absent if the whole load counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Part>,
    /// Each stage that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StagePart>,
    /// Each request of the whole, or of the counted stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestPart>,
}

/// What was measured of a part of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The time that its rates refer to, in seconds.
    pub seconds: f64,
    /// Requests finished.
    pub requests: u64,
    /// Requests that failed, those without an answer included.
    pub failed: u64,
    /// Requests that could fail: those that finished, and those without an answer.
    pub judged: u64,
    /// Requests that were cut off without an answer, though they had all of the graceful stop.
    pub unanswered: u64,
    /// Iterations finished.
    pub iterations: u64,
    /// Planned iterations that could not be started.
    pub dropped: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Service time of requests (`http_req_duration`); absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<stand_in::Distribution>")]
    pub latency: Option<Trend>,
    /// Time of requests from their intended start (`http_req_response_time`); absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<stand_in::Distribution>")]
    pub response_time: Option<Trend>,
}

/// What was measured of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StagePart {
    /// Name of the stage.
    pub name: String,
    /// What was measured.
    #[serde(flatten)]
    pub part: Part,
}

/// What was measured of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPart {
    /// Name of the request.
    pub name: String,
    /// Scenario that it belongs to.
    pub scenario: String,
    /// What was measured.
    #[serde(flatten)]
    pub part: Part,
}

impl Measured {
    /// What was measured of the whole load.
    pub fn whole(&self) -> Part {
        let (failed, judged) = self.rate(names::HTTP_REQ_FAILED);
        Part {
            seconds: self.seconds,
            requests: self.count(names::HTTP_REQS),
            failed,
            judged,
            unanswered: self.errors.get(names::UNANSWERED).copied().unwrap_or_default(),
            iterations: self.count(names::ITERATIONS),
            dropped: self.count(names::DROPPED_ITERATIONS),
            sent_bytes: self.count(names::DATA_SENT),
            received_bytes: self.count(names::DATA_RECEIVED),
            latency: self.trend(names::HTTP_REQ_DURATION).cloned(),
            response_time: self.trend(names::HTTP_REQ_RESPONSE_TIME).cloned(),
        }
    }

    /// A counter of the whole load; 0 if nothing was counted.
    pub fn count(&self, metric: &str) -> u64 {
        match self.totals.get(metric) {
            Some(Sink::Counter(count)) => *count as u64,
            _ => 0,
        }
    }

    /// A rate of the whole load: events that passed or happened, and all.
    pub fn rate(&self, metric: &str) -> (u64, u64) {
        match self.totals.get(metric) {
            Some(Sink::Rate { passes, total }) => (*passes, *total),
            _ => (0, 0),
        }
    }

    /// A distribution of the whole load; `None` if nothing was recorded.
    pub fn trend(&self, metric: &str) -> Option<&Trend> {
        match self.totals.get(metric) {
            Some(Sink::Trend(trend)) if !trend.is_empty() => Some(trend),
            _ => None,
        }
    }
}

impl PlannedStage {
    /// End of the stage, in seconds from the start of the load.
    pub fn end_seconds(&self) -> f64 {
        self.start_seconds + self.duration_seconds
    }
}

impl Epoch {
    /// How long its load lasted; what can't be, as three decades.
    pub fn elapsed(&self) -> Duration {
        Duration::try_from_secs_f64(self.elapsed_seconds.min(1e9)).unwrap_or_default()
    }

    /// An instant of its load, by milliseconds from its start.
    pub fn at(&self, milliseconds: u64) -> Timestamp {
        after(self.start_time, milliseconds)
    }
}

/// An instant so many milliseconds after another; of times that can't be, the last one there is.
pub(crate) fn after(instant: Timestamp, milliseconds: u64) -> Timestamp {
    instant.saturating_add(Duration::from_millis(milliseconds)).unwrap_or(Timestamp::MAX)
}
