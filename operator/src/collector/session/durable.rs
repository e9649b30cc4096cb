// SPDX-License-Identifier: Apache-2.0
//! What of a session survives the operator: the content of a checkpoint.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use upsurge_core::{
    outputs::OutputReport,
    plan::Turn,
    protocol::{AfterOutcome, CheckAnswer, RunnerEnd},
    series::SeriesAnswer,
};
use upsurge_crds::v1alpha1::{EpochResult, ThresholdResult};

use super::{EpochFigures, Problem};
use crate::collector::totals::Totals;

/// What of a session survives the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Durable {
    /// Number of the session, which grows each time one is opened: of two that both believe to be the run's, the later one.
    #[serde(default)]
    pub session: u64,
    /// T0, nanoseconds since the Unix epoch, once chosen.
    pub start: Option<i64>,
    /// Variables captured by `before`, once it is done.
    pub variables: Option<Map<String, Value>>,
    /// Why the run was told to stop.
    pub stop: Option<String>,
    /// Why the collector broke the run off, if it did. Checkpoints from before there was this have the stop only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The threshold with `abortOnFail` that stopped the run.
    #[serde(default)]
    pub abort_breach: Option<ThresholdResult>,
    /// What became of `after`, once it was done.
    #[serde(default)]
    pub after: Option<AfterOutcome>,
    /// The first series that a runner reported with names which the test does not have, in words.
    #[serde(default)]
    pub foreign: Option<String>,
    /// What the test's Prometheus server said, once it was asked.
    #[serde(default)]
    pub checks: Option<Vec<CheckAnswer>>,
    /// What it said to series, then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesAnswer>,
    /// The epochs that are finished, of a run that may have several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<EpochResult>,
    /// The figures of those that may turn out to be the run's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<EpochFigures>,
    /// That the target had not come to rest when the load of this epoch began, though it was waited for: why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restless: Option<String>,
    /// Where the load turns back, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// Each runner, by index.
    pub runners: Vec<DurableRunner>,
    /// The merged figures.
    pub totals: Totals,
}

/// What of a runner survives the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DurableRunner {
    /// The pod that speaks for it.
    pub pod: Option<Pod>,
    /// Number of the last delta merged.
    pub received: u64,
    /// End of the last interval that it reported, milliseconds from T0.
    #[serde(default)]
    pub elapsed_ms: u64,
    /// When it really started, nanoseconds since the Unix epoch.
    pub started_at: Option<i64>,
    /// How it ended.
    pub end: Option<RunnerEnd>,
    /// When it turned back, milliseconds from T0, if it told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_ms: Option<u64>,
    /// How its outputs fare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputReport>,
}

/// Names a pod for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}
