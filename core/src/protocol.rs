// SPDX-License-Identifier: Apache-2.0
//! What runners and the collector say to each other: JSON over HTTP and TLS, deltas in a binary form too ([`Form`]). The
//! runner dials, and checks the collector by [`AUTHORITIES_ENV`] before it shows its token.
//!
//! 1. `POST {collector}/v1/runs/{namespace}/{run}/hello` ([`Hello`] → [`HelloReply`]), every
//!    [`HELLO_INTERVAL`] until the reply is `Start` (or `Stop`). Both sides stamp their clocks, so that the
//!    runner knows its offset to the operator's clock and can start at the operator's instant T0. A runner that
//!    has no plan yet asks for it, and finds it in the reply.
//! 2. `POST …/deltas` ([`DeltaBatch`] → [`DeltaReply`]), once per second from the start, or less often where the reply says
//!    so. Deltas are numbered from 1 per runner, sent in order, and kept by the runner until they are acknowledged, which
//!    happens when the checkpoint that holds them is durable. A delta that comes again is ignored. Those that no checkpoint
//!    can end between are kept merged as one ([`DeltaReply::cut`]).
//! 3. The delta that ends the load has `done`; the runner exits 0 once it is acknowledged. Of a run that may have more epochs
//!    ([`RunPlan::more`]) it says hello again instead, and asks for the plan of the next one, with the same barrier before its
//!    start; or it is told that the load of the run is [`HelloCommand::Over`]. Numbers of deltas go on from epoch to epoch. Runner 0 of a test with
//!    `verify` or `after` stays, asks on, and is told `RunAfter` when the load of all runners has ended, with the counters of the run
//!    for `verify`; the outcome of both is in `after` of one more delta. Likewise it stays for `spec.prometheus.url`: `AskPrometheus`, answered in `checks` and `series`.
//!
//! Every request carries `Authorization: Bearer` with the pod's projected token. Answers other than 200:
//! 401/403 the token is not this runner's (stop at once); 404/410 there is no such run any more (stop the
//! load at once); 503 not the leader, or not ready yet: try again on a new connection, at the address in
//! [`LEADER_HEADER`] if there is one; 409 a delta is missing: the body is a [`DeltaReply`] that says what was
//! seen last.
//! A staircase with `brokenAt` turns back before its highest step. Where is told in the replies to deltas, a while before
//! ([`DeltaReply::turn`]), and each runner tells when it did ([`Delta::turned_ms`]): of one that never does it is known that it climbed on.
//!
//! All times are nanoseconds since the Unix epoch unless they say otherwise.

pub(crate) mod form;
mod generator;
mod novelty;
mod planned;
mod slice;
mod storing;
mod version;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::version::is_first;
pub use self::version::{
    Introduction, Mismatch, PROTOCOL_VERSION, SERVED_VERSIONS, Versions, is_served, served,
};
pub(crate) use self::version::{first_epoch, first_version};
pub use self::{
    form::{Form, FormError},
    generator::GeneratorDelta,
    planned::PlannedTest,
    slice::{Counts, MOST_SLICES, Slice},
    storing::{RECORD_SUFFIX, STORE_DIRECTORY, STORE_TASK_ENV, StorePlace, StoreTask, StoredFile},
};

use crate::{
    http::ReachRules, losses::Losses, metrics::Metrics, outputs::OutputReport, plan::Turn,
    series::SeriesAnswer,
};

/// Time between two hellos of a runner that waits.
pub const HELLO_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two deltas.
pub const DELTA_INTERVAL: Duration = Duration::from_secs(1);
/// Silence after which a runner counts as lost.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// Most bytes of a request to the collector; a runner with more to send sends it in several batches.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Header of an answer 503: IP address and port of the collector that leads, such as `10.0.0.7:8080` or `[fd00::7]:8080`.
pub const LEADER_HEADER: &str = "upsurge-leader";
/// Environment variable with the authorities by which a runner checks the collector, as certificates in PEM. Where it is set,
/// the runner speaks TLS and nothing else, whatever scheme the collector's URL has: that is for runners of releases before there was
/// this, which the collector can then tell what is wrong.
pub const AUTHORITIES_ENV: &str = "UPSURGE_COLLECTOR_CA";
/// Most bytes of a [`RunPlan`] as JSON. A run with a larger one would hardly fit etcd's 1.5 MiB with its status.
pub const MAX_PLAN_BYTES: usize = 1_000_000;
/// Prefix of the environment variables that hold secrets: `UPSURGE_SECRET_` and the secret's name.
pub const SECRET_ENV_PREFIX: &str = "UPSURGE_SECRET_";
/// Prefix of the environment variables that hold the values of `spec.prometheus.headers`, before their index.
pub const PROMETHEUS_HEADER_ENV_PREFIX: &str = "UPSURGE_PROMETHEUS_HEADER_";
/// Prefix of the environment variables that hold the values of the headers of `spec.outputs`, before the index of the output,
/// `_`, and the index of the header.
pub const OUTPUT_HEADER_ENV_PREFIX: &str = "UPSURGE_OUTPUT_HEADER_";

/// What the operator gives every runner of a run, in the reply to a hello that asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunPlan {
    /// Namespace of the run.
    pub namespace: String,
    /// Name of the run.
    pub run: String,
    /// UID of the run.
    pub uid: String,
    /// Number of runners.
    pub runners: u32,
    /// The spec that is run: of the epoch, with its own load.
    pub test: PlannedTest,
    /// Number of the epoch, from 1.
    #[serde(default = "first_epoch", skip_serializing_if = "is_first")]
    pub epoch: u32,
    /// Whether another one may follow, so that the runner stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// What the platform's policy lets the runners reach.
    #[serde(default, skip_serializing_if = "ReachRules::is_open")]
    pub reach: ReachRules,
}

/// "I am here", and whether the runner can start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Version of the protocol that the runner speaks; absent in the first.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Index of the runner, from 0.
    pub runner: u32,
    /// Name of its pod.
    pub pod: String,
    /// The runner's clock when it sent this.
    pub sent_at: i64,
    /// How far it is.
    pub readiness: Readiness,
    /// T0 it has accepted, if it already has one (said again to an operator that restarted).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_start: Option<i64>,
    /// Variables captured by `before`, from the runner that was told to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<BeforeOutcome>,
    /// Whether the runner has no plan yet and asks for it.
    #[serde(default)]
    pub wants_plan: bool,
    /// Number of the epoch that the runner is to begin.
    #[serde(default = "first_epoch", skip_serializing_if = "is_first")]
    pub epoch: u32,
}

/// How far a runner is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Readiness {
    /// Compiling, loading, resolving.
    Preparing,
    /// Can start at any time.
    Ready,
    /// Can't start.
    Failed {
        /// One of `upsurge_crds::names::reasons`.
        reason: String,
        /// What, where, and what to do.
        message: String,
    },
}

/// What became of `before`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeforeOutcome {
    /// Captured variables, or what went wrong.
    pub result: Result<serde_json::Map<String, serde_json::Value>, String>,
}

/// The collector's answer to a hello.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloReply {
    /// Versions of the protocol that the operator serves; absent where that is the first only.
    #[serde(default)]
    pub serves: Versions,
    /// The operator's clock when the hello came in.
    pub received_at: i64,
    /// The operator's clock when this was sent.
    pub sent_at: i64,
    /// What to do.
    pub command: HelloCommand,
    /// The session that answers; absent where sessions have no numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// Whether deltas are taken in the binary form.
    #[serde(default)]
    pub binary: bool,
    /// The plan, if the runner asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<RunPlan>>,
}

/// What a waiting runner is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HelloCommand {
    /// Say hello again after [`HELLO_INTERVAL`].
    Wait,
    /// Do the `before` steps and report the outcome; one runner is told so, once all are ready. It may be
    /// told again after an operator restart, so it keeps the outcome and does the steps only once.
    RunBefore,
    /// Start the load at T0 by the operator's clock.
    Start {
        /// T0.
        at: i64,
        /// Variables captured by `before`.
        #[serde(default)]
        variables: serde_json::Map<String, serde_json::Value>,
    },
    /// End without load.
    Stop {
        /// Why.
        reason: String,
    },
    /// No epoch follows: the load of the run has ended as planned. What is left is what a runner does after that.
    Over,
}

/// Deltas that have not been acknowledged, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaBatch {
    /// Version of the protocol that the runner speaks; absent in the first.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Index of the runner.
    pub runner: u32,
    /// Name of its pod.
    pub pod: String,
    /// Number of the epoch that they are of.
    #[serde(default = "first_epoch", skip_serializing_if = "is_first")]
    pub epoch: u32,
    /// T0 that the runner started by.
    pub start: i64,
    /// When the runner really started, by the operator's clock.
    pub started_at: i64,
    /// The session that the deltas are meant for: the one that was heard last. Another one takes none of them, and answers
    /// what it has. Absent from runners that merge nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// The deltas.
    pub deltas: Vec<Delta>,
}

/// What a runner recorded since its last delta.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// Number, from 1; of a delta that was merged of several, that of the last one.
    pub number: u64,
    /// Number of the first one, of a delta that was merged of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Begin of the interval, milliseconds from T0.
    pub from_ms: u64,
    /// End of the interval, milliseconds from T0.
    pub to_ms: u64,
    /// What was recorded in it.
    pub metrics: Metrics,
    /// How the generator itself fared in it.
    pub generator: GeneratorDelta,
    /// Requests that were lost in it, and when they were under way. Runners before there was this tell of none.
    #[serde(default, skip_serializing_if = "Losses::is_empty")]
    pub losses: Losses,
    /// What must be known by the second, of a delta that was merged of several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// Set on the last delta of the load: how the runner ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<RunnerEnd>,
    /// What became of `after`, from the runner that was told to do it: in a delta of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterOutcome>,
    /// What the Prometheus server of the test said, from the runner that was told to ask it: in a delta of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<CheckAnswer>>,
    /// What it said to the series of the test, in the same delta. Runners before there was this tell of none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesAnswer>,
    /// How the servers of `spec.outputs` fare so far, in that order, if anything of it is new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputReport>,
    /// When the runner turned back, milliseconds from T0: at the end of the last step that it was told ([`DeltaReply::turn`]), or later if
    /// it heard of it later. In each delta since it heard of it. Runners before there was this don't turn, and don't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_ms: Option<u64>,
}

impl Delta {
    /// Number of the first delta in it.
    pub fn first_number(&self) -> u64 {
        self.first.unwrap_or(self.number)
    }
}

/// What a Prometheus server said to one check, in the order of `spec.prometheus.checks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckAnswer {
    /// The values over time, as the check makes them one; as text, because JSON knows no infinity.
    Value(String),
    /// Why there is none.
    Problem(String),
}

/// What became of `after`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AfterOutcome {
    /// What went wrong, if something did.
    pub result: Result<(), String>,
    /// What became of `verify`, which was done before: what did not hold, if something did not. Absent if it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Result<(), String>>,
}

/// How a runner ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunnerEnd {
    /// All of its share was done.
    Completed,
    /// It was told to stop, by command or signal.
    Stopped {
        /// Why.
        reason: String,
    },
    /// It could not go on.
    Failed {
        /// One of `upsurge_crds::names::reasons`.
        reason: String,
        /// What, where, and what to do.
        message: String,
    },
}

/// The collector's answer to deltas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaReply {
    /// Number of the last delta that is durable; the runner forgets it and those before.
    pub acknowledged: u64,
    /// Number of the last delta that was seen; the runner need not send it or those before again
    /// unless the operator restarts.
    pub received: u64,
    /// Whether to go on.
    pub command: DeltaCommand,
    /// The session that answers: each one has a higher number than those before it. Absent where sessions have none; then
    /// nothing may be merged that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// Number of the last delta in the newest checkpoint that was begun. No checkpoint of this session or of one before it
    /// can end between two deltas after this one that were received, nor between two that are not acknowledged up to
    /// this one: what lies between may be merged, and is sent to a later session as one.
    #[serde(default)]
    pub cut: u64,
    /// The counters of the run over all runners, together with `RunAfter`, if the test has `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<serde_json::Map<String, serde_json::Value>>,
    /// Milliseconds from one message to the next, in multiples of [`DELTA_INTERVAL`]; absent where nothing is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Where the load turns back, once that is decided and durable: told from then on, and never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
}

/// Whether a runner that has started its load is to go on, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeltaCommand {
    /// Go on.
    Continue,
    /// Stop the load now, cut iterations under way, report the rest.
    Stop {
        /// Why.
        reason: String,
    },
    /// The load of all runners has ended: do the steps of `verify` and `after` and report the outcome. Told until the outcome came,
    /// so the runner keeps it and does the steps only once.
    RunAfter,
    /// The load of all runners has ended, and so have the steps of `after`: ask the Prometheus server at
    /// `spec.prometheus.url` and report what it said. Told until the answers came.
    AskPrometheus {
        /// Begin of the load.
        start: i64,
        /// Its end.
        end: i64,
    },
}
