// SPDX-License-Identifier: Apache-2.0
//! What the collector is told about a run, and what it tells about it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use upsurge_core::{
    epochs::Epochs,
    losses::Losses,
    metrics::Metrics,
    outputs::OutputReport,
    plan::{Skip, Turned},
    points::Points,
    protocol::{AfterOutcome, CheckAnswer, GeneratorDelta, Readiness, RunPlan, RunnerEnd},
    series::SeriesAnswer,
    thresholds::Windows,
    validate::{Valid, validate},
};
use upsurge_crds::v1alpha1::{EpochResult, ThresholdResult};
use upsurge_figures::workload::Workload;
use upsurge_observer::Setup;

use super::session::{EpochFigures, Problem};
use crate::shared::Shared;

/// Names a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// Namespace of the run.
    pub namespace: String,
    /// Name of the run.
    pub name: String,
}

impl RunKey {
    /// Names the run `namespace/name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for RunKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// What the collector must know to serve the runners of a run.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What the runners were given; names the run.
    pub plan: Arc<RunPlan>,
    /// The same, compiled.
    pub valid: Arc<Valid>,
    /// The plan of the whole run, of one that may have several epochs; `plan` is that of the one under way then.
    pub whole: Option<Arc<RunPlan>>,
    /// Name of the Job whose pods may speak for the run.
    pub job: String,
    /// Name of the checkpoint.
    pub checkpoint: String,
    /// Labels of the checkpoint, besides its component.
    pub labels: BTreeMap<String, String>,
    /// The run, as owner of the checkpoint.
    pub owner: OwnerReference,
    /// Whether the load may have begun, so that there must be a checkpoint.
    pub is_under_way: bool,
}

impl SessionConfig {
    /// The run's key.
    pub fn key(&self) -> RunKey {
        RunKey::new(&self.plan.namespace, &self.plan.run)
    }

    /// The same for the epoch that is under way after these, which are finished.
    ///
    /// # Errors
    /// When that can't be run, in words; what was found valid as a whole can.
    pub fn at(&self, history: &[EpochResult]) -> Result<Self, String> {
        let Some(whole) = &self.whole else { return Ok(self.clone()) };
        let epochs = Epochs::of(&whole.test.load).map_err(|error| error.to_string())?;
        let epoch = epochs.under_way(history);
        let test = epochs.test(&whole.test, &epoch);
        let valid = validate(&test).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!("epoch {} can't be run: {}", epoch.number, errors.join("; "))
        })?;
        let plan = RunPlan { test: test.into(), epoch: epoch.number, ..(**whole).clone() };
        Ok(Self { plan: Arc::new(plan), valid: Arc::new(valid), ..self.clone() })
    }
}

/// Where a run of several epochs stands.
#[derive(Clone, Debug)]
pub struct EpochsView {
    /// The plan of the epoch under way.
    pub plan: Arc<RunPlan>,
    /// The same, compiled.
    pub valid: Arc<Valid>,
    /// Those that are finished, durably.
    pub history: Vec<EpochResult>,
    /// The figures of those that may turn out to be the run's.
    pub figures: Vec<EpochFigures>,
    /// Whether the last one is finished, durably.
    pub is_over: bool,
    /// Whether one is finished, and that is not durable yet.
    pub awaits_epoch: bool,
}

/// A load that turns back.
#[derive(Clone, Debug)]
pub struct TurnedView {
    /// Where, and what runners tell of it.
    pub turned: Turned,
    /// What is left out of the plan.
    pub skip: Skip,
    /// The plan without it, compiled.
    pub valid: Arc<Valid>,
}

impl TurnedView {
    /// That of a load that was planned like this.
    pub fn of(turned: Turned, planned: &Valid) -> Option<Self> {
        let skip = turned.turn.skip(&planned.timeline)?;
        let valid = Valid { timeline: planned.timeline.without(skip), ..planned.clone() };
        Some(Self { turned, skip, valid: Arc::new(valid) })
    }
}

/// A run as the collector knows it at this moment.
#[derive(Clone, Debug)]
pub struct SessionSnapshot {
    /// When this operator opened the session; silence of a runner counts from here at the earliest.
    pub opened_at: Timestamp,
    /// Start of the load; absent until it is decided and durable.
    pub t0: Option<Timestamp>,
    /// Each runner, by index.
    pub runners: Vec<RunnerView>,
    /// Where it stands, if it may have several epochs; all else is of the one under way.
    pub epochs: Option<EpochsView>,
    /// All that was received, merged.
    pub metrics: Shared<Metrics>,
    /// How the windows of thresholds stand.
    pub windows: Shared<Windows>,
    /// How much of the finest tags was folded away to keep the checkpoint small; 0 is nothing.
    pub folded: u8,
    /// When each level of that was reached, from T0.
    pub folds: Vec<Duration>,
    /// The figures over time, thinned.
    pub points: Shared<Points>,
    /// Requests that were lost on the way.
    pub losses: Losses,
    /// CPU time and throttling of the generators, summed.
    pub generator: GeneratorDelta,
    /// Time from T0 that the received figures cover.
    pub elapsed: Duration,
    /// Where the load turns back, once that is decided and durable.
    pub turned: Option<TurnedView>,
    /// Why the target had not come to rest when the load of this epoch began, though it was waited for.
    pub restless: Option<String>,
    /// What the next load waits for, though all runners are ready.
    pub waits_for: Option<String>,
    /// What was seen of the autoscaler and the target, as events with the folds of their figures.
    pub workload: Shared<Workload>,
    /// The same of the other workloads of the test, in the order of its spec.
    pub further: Vec<Shared<Workload>>,
    /// How each workload of the test was set up when the load started, in the order of its spec.
    pub setups: Vec<Arc<Setup>>,
    /// A threshold with `abortOnFail` that is breached.
    pub abort_breach: Option<ThresholdResult>,
    /// Why the session was told to stop.
    pub stop: Option<String>,
    /// Why the run can't go on, as the collector knows it.
    pub problem: Option<Problem>,
    /// What became of `after`, once it was done.
    pub after: Option<AfterOutcome>,
    /// The first series that a runner reported with names which the test does not have, in words.
    pub foreign: Option<String>,
    /// What the test's Prometheus server said, once it was asked.
    pub checks: Option<Vec<CheckAnswer>>,
    /// What it said to series, then.
    pub series: Vec<SeriesAnswer>,
    /// Whether all runners have ended and nothing more will come.
    pub all_done: bool,
    /// Whether everything received is in a durable checkpoint.
    pub durable: bool,
}

impl SessionSnapshot {
    /// What was seen of each workload of the test, in the order of its spec. Of a test that names none, one of which nothing was seen.
    pub fn workloads(&self) -> impl Iterator<Item = &Workload> {
        std::iter::once(&self.workload).chain(&self.further).map(|workload| &**workload)
    }

    /// When the load of the run began; `None` before.
    pub fn load_start(&self) -> Option<Timestamp> {
        let first = self.epochs.as_ref().and_then(|epochs| epochs.history.first());
        first.and_then(|epoch| epoch.start_time.as_ref()).map(|time| time.0).or(self.t0)
    }

    /// Whether the load of an epoch is over, and the epoch is not finished yet.
    pub fn is_between_epochs(&self) -> bool {
        let is_open = self.epochs.as_ref().is_some_and(|epochs| !epochs.is_over && !epochs.awaits_epoch);
        is_open && self.all_done && self.t0.is_some()
    }

    /// Until when there was load, as far as is known; `None` before it began. Between two epochs that is the planned end of the
    /// last one that is finished.
    pub fn load_end(&self) -> Option<Timestamp> {
        let (start, lasts) = match (self.t0, &self.epochs) {
            (Some(t0), _) => (t0, self.elapsed),
            (None, Some(epochs)) => {
                let last = epochs.history.last()?.start_time.as_ref()?;
                (last.0, epochs.valid.timeline.duration())
            }
            (None, None) => return None,
        };
        Some(start.saturating_add(lasts).unwrap_or(Timestamp::MAX))
    }
}

/// A runner as the collector knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerView {
    /// Index of the runner, from 0.
    pub index: u32,
    /// Name of its pod, once it has been heard.
    pub pod: Option<String>,
    /// How far it says it is; absent before its first word. A failed `before` shows as `Failed`.
    pub readiness: Option<Readiness>,
    /// When it really started, by the operator's clock.
    pub started_at: Option<Timestamp>,
    /// When this operator heard it last.
    pub last_seen: Option<Timestamp>,
    /// How it ended.
    pub end: Option<RunnerEnd>,
    /// How its outputs fare, as it said last.
    pub outputs: Vec<OutputReport>,
    /// Number of the last delta that was merged.
    pub received: u64,
    /// Number of the last delta that is durable.
    pub acknowledged: u64,
}
