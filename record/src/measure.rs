// SPDX-License-Identifier: Apache-2.0
//! From what was recorded of a load to its part of the record, and back to the figures: both by the functions of `core` that the
//! status is made with, so that they can't disagree.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use upsurge_core::{
    epochs,
    losses::Losses,
    metrics::{Metrics, Selector, SeriesKey, Sink, Tags, Trend, names},
    plan::{MEASURE, Stage, Timeline},
    protocol::GeneratorDelta,
    results::{self, Counts, part, whole},
    thresholds::Windows,
};
use upsurge_crds::v1alpha1::{EpochResult, GeneratorResult, LoadTestSpec, RunSummary, ThresholdResult};

use crate::{
    model::{Epoch, Figures, Measured, Part, PlannedLoad, PlannedStage, RequestPart, StagePart},
    thin::{Course, borders},
};

/// A load that has ended.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    /// Number of its epoch, from 1.
    pub number: u32,
    /// Of a search: its level, and what came out.
    pub result: Option<EpochResult>,
    /// Its test.
    pub test: &'a LoadTestSpec,
    /// Its load as it was planned.
    pub timeline: &'a Timeline,
    /// All that was recorded of it, with unanswered requests counted.
    pub metrics: &'a Metrics,
    /// What thresholds keep beside it.
    pub windows: &'a Windows,
    /// Requests that were lost, and when.
    pub losses: &'a Losses,
    /// When it started.
    pub started: Timestamp,
    /// How long it lasted.
    pub elapsed: Duration,
    /// The figures that are told of it.
    pub figures: &'a results::Figures,
    /// Its thresholds, evaluated at the end.
    pub thresholds: &'a [ThresholdResult],
    /// The threshold that ended it, as it stood then.
    pub breached: Option<&'a ThresholdResult>,
    /// How the generator fared.
    pub generator: Option<&'a GeneratorResult>,
    /// What the generator used.
    pub used: &'a GeneratorDelta,
    /// Whether it is a probe, of which only the measured stage counts.
    pub is_probe: bool,
}

impl Load<'_> {
    /// Its part of the record. Seconds are kept around `marks` and the borders of stages.
    pub fn epoch(self, course: Course, marks: &[u64]) -> Epoch {
        let Self { test, timeline, metrics, elapsed, .. } = self;
        let mut near = borders(timeline, elapsed);
        near.extend_from_slice(marks);
        let (series, heat_map) = course.finish(elapsed, &near);
        let counted = self.is_probe.then(|| timeline.stage(MEASURE)).flatten();
        Epoch {
            number: self.number,
            start_time: self.started,
            elapsed_seconds: elapsed.as_secs_f64(),
            plan: planned(timeline),
            counted_stage: counted.map(|stage| stage.name.clone()),
            figures: Figures {
                summary: self.figures.summary.clone(),
                stages: self.figures.stages.clone(),
                requests: self.figures.requests.clone(),
                checks: self.figures.expectations.clone(),
                metrics: results::custom(metrics, &test.metrics, timeline, elapsed),
            },
            measured: measured(metrics, timeline, elapsed, self.figures, counted.is_some()),
            thresholds: self.thresholds.to_vec(),
            breached: self.breached.cloned(),
            accumulators: self.windows.clone(),
            losses: self.losses.clone(),
            generator: self.generator.cloned(),
            generator_use: self.used.clone(),
            result: self.result,
            series,
            heat_map,
        }
    }
}

/// A load as it was planned.
pub fn planned(timeline: &Timeline) -> PlannedLoad {
    let stage = |stage: &Stage| PlannedStage {
        name: stage.name.clone(),
        unit: stage.unit,
        start_seconds: stage.start.as_secs_f64(),
        duration_seconds: stage.duration.as_secs_f64(),
        from: stage.from,
        to: stage.to,
    };
    PlannedLoad {
        stages: timeline.stages.iter().map(stage).collect(),
        graceful_stop_seconds: timeline.graceful_stop.as_secs_f64(),
    }
}

/// Longest time of a load that is believed, in seconds: three decades.
pub(crate) const LONGEST: f64 = 1e9;

/// The same, as `core` has it.
pub fn timeline(plan: &PlannedLoad) -> Timeline {
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds.min(LONGEST)).unwrap_or_default();
    let stage = |stage: &PlannedStage| Stage {
        name: stage.name.clone(),
        unit: stage.unit,
        start: seconds(stage.start_seconds),
        duration: seconds(stage.duration_seconds),
        from: stage.from,
        to: stage.to,
    };
    Timeline {
        stages: plan.stages.iter().map(stage).collect(),
        graceful_stop: seconds(plan.graceful_stop_seconds),
    }
}

/// What was measured of a load, of which these figures are told.
fn measured(
    metrics: &Metrics,
    timeline: &Timeline,
    elapsed: Duration,
    figures: &results::Figures,
    is_probe: bool,
) -> Measured {
    let mut totals = BTreeMap::new();
    for (key, sink) in metrics.iter() {
        match totals.get_mut(&key.metric) {
            None => drop(totals.insert(key.metric.clone(), sink.clone())),
            Some(sum) => Sink::merge(sum, sink),
        }
    }
    let stages = timeline.stages.iter().filter(|stage| stage.start < elapsed).map(|stage| {
        let selector = Selector { stage: Some(stage.name.clone()), ..Selector::default() };
        let part = of(metrics, &selector, part(stage, elapsed));
        StagePart { name: stage.name.clone(), part }
    });
    let alone = is_probe.then(|| epochs::alone(metrics, timeline)).flatten();
    let (counted, time) = match &alone {
        Some((metrics, timeline)) => (metrics, timeline.duration()),
        None => (metrics, whole(timeline, elapsed)),
    };
    let requests = figures.requests.iter().map(|request| {
        let selector = Selector {
            scenario: (!request.scenario.is_empty()).then(|| request.scenario.clone()),
            request: Some(request.name.clone()),
            ..Selector::default()
        };
        let part = of(counted, &selector, time);
        RequestPart { name: request.name.clone(), scenario: request.scenario.clone(), part }
    });
    let counts = |counts: Counts| counts.into_iter().map(|(what, count)| (what, count as u64)).collect();
    Measured {
        seconds: whole(timeline, elapsed).as_secs_f64(),
        statuses: counts(results::statuses(metrics)),
        errors: counts(results::errors(metrics)),
        counted: alone.is_some().then(|| of(counted, &Selector::default(), time)),
        stages: stages.collect(),
        requests: requests.collect(),
        // Trends without a record have bounds that JavaScript can't read, and say nothing.
        totals: totals.into_iter().filter(|(_, sink)| !is_empty(sink)).collect(),
    }
}

fn is_empty(sink: &Sink) -> bool {
    matches!(sink, Sink::Trend(trend) if trend.is_empty())
}

fn of(metrics: &Metrics, selector: &Selector, time: Duration) -> Part {
    let measured = results::Measured::of(metrics, selector, time);
    let unanswered = Selector { check: Some(names::UNANSWERED.into()), ..selector.clone() };
    let known = |trend: Trend| (!trend.is_empty()).then_some(trend);
    Part {
        seconds: time.as_secs_f64(),
        requests: measured.requests as u64,
        failed: measured.failed.0,
        judged: measured.failed.1,
        unanswered: metrics.count(names::REQUEST_ERRORS, &unanswered) as u64,
        iterations: measured.iterations as u64,
        dropped: measured.dropped as u64,
        sent_bytes: measured.traffic.0 as u64,
        received_bytes: measured.traffic.1 as u64,
        latency: known(measured.latency),
        response_time: known(measured.response_time),
    }
}

impl Part {
    /// What is told of it as a stage.
    pub fn summary(&self) -> RunSummary {
        self.measured().summary()
    }

    /// What is told of it as a request.
    pub fn of_request(&self) -> RunSummary {
        self.measured().of_request()
    }

    /// What is told of it as the whole of a load.
    pub fn total(&self) -> RunSummary {
        let unanswered = i64::try_from(self.unanswered).ok().filter(|count| *count > 0);
        self.measured().total(unanswered)
    }

    fn measured(&self) -> results::Measured {
        let requests = self.requests as f64;
        results::Measured {
            requests,
            requests_per_second: if self.seconds > 0.0 { requests / self.seconds } else { 0.0 },
            failed: (self.failed, self.judged),
            iterations: self.iterations as f64,
            dropped: self.dropped as f64,
            traffic: (self.sent_bytes as f64, self.received_bytes as f64),
            latency: self.latency.clone().unwrap_or_default(),
            response_time: self.response_time.clone().unwrap_or_default(),
        }
    }
}

impl Measured {
    /// What was measured of the whole, as series without tags but for the kinds of errors: as thresholds on whole metrics need it.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        let totals =
            self.totals.iter().filter(|(name, _)| *name != names::REQUEST_ERRORS || self.errors.is_empty());
        for (name, sink) in totals {
            metrics.add(SeriesKey { metric: name.clone(), tags: Tags::default() }, sink);
        }
        for (kind, count) in &self.errors {
            let tags = Tags { check: Some(kind.clone()), ..Tags::default() };
            let key = SeriesKey { metric: names::REQUEST_ERRORS.into(), tags };
            metrics.add(key, &Sink::Counter(*count as f64));
        }
        metrics
    }
}
