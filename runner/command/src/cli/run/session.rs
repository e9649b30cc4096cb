// SPDX-License-Identifier: Apache-2.0
//! The load from its start to its end.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::{
    task::spawn_blocking,
    time::{Instant as TokioInstant, MissedTickBehavior, interval_at},
};
use upsurge_core::{
    epochs::Epoch,
    findings::{Notice, Turning},
    http::without_login,
    losses::Losses,
    metrics::Metrics,
    plan::schedule::Share,
    plan::{MEASURE, Timeline, Turned},
    points::Points,
    protocol::{GeneratorDelta, Slice},
    results::{Counting, Unanswered},
    thresholds::{Recorded, Windowed, Windows},
    validate::{Valid, doubtful},
    verdict::Breakdown,
};
use upsurge_crds::{LoadTestSpec, names::reasons};
use upsurge_engine::{Engine, EngineConfig, Interval};
use upsurge_system::files::Files;
use upsurge_system::generator::GeneratorProbe;

use super::{
    super::cluster::Observation,
    Interrupts,
    progress::{Progress, Style},
    reports::Reports,
    result::{Ended, TurnedBack},
};

/// Time from the engine's creation to the start of the load, in which its threads come up.
const START_AHEAD: Duration = Duration::from_millis(200);
/// Time between two collections, and between two evaluations of thresholds that abort.
const COLLECT_INTERVAL: Duration = Duration::from_secs(1);
/// When a load is told that it turns back: the next look comes after a second.
const NOTICE: Notice = Notice { least: Duration::from_millis(300), most: Duration::from_millis(1_800) };
/// Longest time that outputs get to hand on what they have, after the load.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// What is run.
#[derive(Clone)]
pub(super) struct Session<'a> {
    pub(super) name: &'a str,
    pub(super) test: &'a Arc<LoadTestSpec>,
    pub(super) valid: &'a Arc<Valid>,
    pub(super) threads: usize,
    /// Captured by `before`.
    pub(super) variables: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) files: Arc<Files>,
    pub(super) style: Style,
    /// Who observes the workload.
    pub(super) observation: Option<&'a Observation>,
}

impl Session<'_> {
    /// Generates the load of an epoch. `None` when it was interrupted twice.
    pub(super) async fn run(
        self,
        epoch: &Epoch,
        interrupts: &mut Interrupts,
        reports: &mut Reports<'_>,
    ) -> Option<Ended> {
        // What was used before is not the load's.
        let (mut probe, mut usage) = (GeneratorProbe::default(), GeneratorDelta::default());
        let start = Instant::now() + START_AHEAD;
        let started = Timestamp::now() + START_AHEAD;
        let outputs = match reports.outputs(self.name, self.test, started) {
            Ok(outputs) => outputs,
            Err(error) => {
                let reason = reasons::RUNNER_FAILED.into();
                return Some(Ended::broken(Breakdown { reason, message: error.to_string() }));
            }
        };
        let (trace, traced) = self.test.load.smoke.as_ref().map(|_| channel()).unzip();
        let engine = Engine::start(EngineConfig {
            valid: Arc::clone(self.valid),
            test: Arc::clone(self.test),
            share: Share::WHOLE,
            threads: self.threads,
            variables: self.variables,
            secrets: self.secrets,
            files: self.files,
            start,
            trace,
        });
        let engine = match engine {
            Ok(engine) => engine,
            Err(error) => {
                let reason = reasons::RUNNER_FAILED.into();
                return Some(Ended::broken(Breakdown { reason, message: error.to_string() }));
            }
        };
        let planned = &self.valid.timeline;
        if let Some(observation) = self.observation {
            observation.begin(planned, started);
        }
        let mut recording = reports.recording.as_mut();
        if let Some(recording) = &mut recording {
            let counted = epoch.level.map(|_| MEASURE);
            recording.load(epoch.number, planned, started, counted);
        }
        let (turning, mut turned) = (Turning::of(self.test, planned), None::<TurnedBack>);
        let mut timeline: Cow<'_, Timeline> = Cow::Borrowed(planned);
        let is_soak = self.test.load.soak.is_some();
        let mut points = Points::default();
        let target = without_login(&self.test.target.base_url);
        let mut progress = Progress::new(self.name, &target, self.valid, self.style);
        let (mut metrics, mut losses) = (Metrics::default(), Losses::default());
        let (mut windowed, mut windows) = (Windowed::new(self.test, planned), Windows::default());
        let unanswered = Unanswered::new(Counting::default(), &self.valid.loads);
        let collect = || {
            let mut interval = engine.collect();
            if let Some(counted) = unanswered.counted(&interval.metrics) {
                interval.metrics = counted;
            }
            interval
        };
        let (mut interrupted, mut breached) = (None, None);
        progress.show(&Interval::default(), 0, &metrics);
        // By the load's own clock: windows of thresholds are made of these intervals.
        let mut ticks = interval_at(TokioInstant::from_std(start) + COLLECT_INTERVAL, COLLECT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = engine.wait() => break,
                _ = ticks.tick() => {
                    let elapsed = start.elapsed();
                    let interval = collect();
                    outputs.post(&interval);
                    metrics.merge(&interval.metrics);
                    losses.merge(&interval.losses);
                    let used = probe.take();
                    usage.merge(&used);
                    if let Some(recording) = &mut recording {
                        let events = self.observation.map(Observation::fresh).unwrap_or_default();
                        recording.add(&interval, &used, events);
                        if let Some(complaint) = recording.complaint() {
                            progress.say(&complaint);
                        }
                    }
                    windowed.add(&mut windows, interval.from, interval.to, &interval.metrics);
                    windowed.close(&mut windows, interval.to, &metrics);
                    if is_soak {
                        points.add(&slice(&interval, &windowed), engine.progress().users as f64);
                    }
                    progress.show(&interval, engine.progress().users, &metrics);
                    if breached.is_none() && interrupted.is_none() {
                        let recorded =
                            Recorded { test: self.test, timeline: &timeline, metrics: &metrics, windows: &windows, elapsed };
                        breached = recorded.breached_abort();
                        if let Some(result) = &breached {
                            progress.say(&format!("{} {} is breached ({}): stopping", result.metric, result.condition, result.observed));
                            engine.stop(false);
                        }
                    }
                    let goes_on = turned.is_none() && breached.is_none() && interrupted.is_none();
                    let decided = turning.as_ref().filter(|_| goes_on).and_then(|turning| {
                        let turn = turning.decide(windows.steps(), interval.to, start.elapsed(), NOTICE)?;
                        Some((turn, turn.skip(planned)?))
                    });
                    if let Some((turn, skip)) = decided {
                        engine.turn(skip);
                        let late = usize::from(start.elapsed() > skip.from);
                        turned = Some(TurnedBack { turned: Turned { turn, late, never: false }, skip });
                        timeline = Cow::Owned(planned.without(skip));
                        windowed = windowed.turned(self.test, &timeline);
                        progress.go_on(timeline.clone().into_owned());
                        if let Some(observation) = self.observation {
                            observation.turn(&timeline, started, skip.from);
                        }
                        if let Some(recording) = &mut recording {
                            recording.turn(&timeline);
                        }
                    }
                }
                () = interrupts.next() => {
                    if interrupted.is_some() {
                        return None;
                    }
                    interrupted = Some(start.elapsed());
                    progress.say("interrupted: letting iterations under way finish; interrupt again to end at once");
                    engine.stop(true);
                }
            }
        }
        let elapsed = start.elapsed();
        let interval = collect();
        outputs.post(&interval);
        metrics.merge(&interval.metrics);
        losses.merge(&interval.losses);
        windowed.add(&mut windows, interval.from, interval.to, &interval.metrics);
        windowed.close(&mut windows, interval.to, &metrics);
        if is_soak {
            points.add(&slice(&interval, &windowed), 0.0);
        }
        drop(progress);
        let used = probe.take();
        usage.merge(&used);
        let course = recording.and_then(|recording| {
            recording.add(&interval, &used, Vec::new());
            recording.over()
        });
        // Elsewhere, so that an interrupt is seen; it ends the waiting.
        let outputs = tokio::select! {
            outcomes = spawn_blocking(move || outputs.finish(FLUSH_TIME)) => outcomes.unwrap_or_default(),
            () = interrupts.next() => Vec::new(),
        };
        let aborted = engine.aborted();
        Some(Ended {
            metrics,
            windows,
            losses,
            points,
            observed: None,
            elapsed,
            turned,
            breached,
            interrupted,
            aborted,
            usage,
            breakdown: None,
            number: epoch.number,
            under_way: epoch.under_way(None),
            course,
            started,
            outputs,
            steps: traced.iter().flat_map(Receiver::try_iter).collect(),
            warnings: beforehand(self.test),
            verified: None,
            series: Vec::new(),
        })
    }
}

/// An interval as the figures over time take it.
fn slice(interval: &Interval, windowed: &Windowed) -> Slice {
    let [from, to] = [interval.from, interval.to].map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
    windowed.slice(from, to, &interval.metrics)
}

/// What is known before the load: what of the test is doubtful, and where only runners in a cluster push figures to.
fn beforehand(test: &LoadTestSpec) -> Vec<String> {
    let mut told: Vec<String> = doubtful(test).iter().map(ToString::to_string).collect();
    let names: Vec<&str> = test.outputs.iter().map(|output| output.name.as_str()).collect();
    if !names.is_empty() {
        told.push(format!(
            "spec.outputs ({}) got nothing: from here, --out pushes figures",
            names.join(", ")
        ));
    }
    told
}
