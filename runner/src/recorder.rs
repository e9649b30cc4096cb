//! What one core records: series by index, allocated when they are first used.
//!
//! A core writes to one recorder while the collector turns another one into metrics; they change
//! places once per interval ([`Recorder::clear`] keeps the memory of series that are in use). Names
//! come in only when an interval is turned into metrics.

mod series;

use std::{sync::Arc, time::Duration};

use upsurge_core::metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names};

pub(crate) use self::series::Sample;
use self::series::{IterationSeries, RequestSeries};
use crate::program::Program;

/// The series of one core.
#[derive(Debug)]
pub(crate) struct Recorder {
    program: Arc<Program>,
    requests: Lazy<RequestSeries>,
    iterations: Lazy<IterationSeries>,
    groups: Lazy<Trend>,
    failed_conditions: Lazy<u64>,
}

/// One place per stage and thing, filled when it is first written to.
#[derive(Debug)]
struct Lazy<T> {
    width: usize,
    places: Vec<Option<Box<T>>>,
}

impl<T: Default> Lazy<T> {
    fn new(stages: usize, width: usize) -> Self {
        let mut places = Vec::new();
        places.resize_with(stages * width, || None);
        Self { width, places }
    }

    fn at(&mut self, stage: usize, index: usize) -> Option<&mut T> {
        self.places.get_mut(stage * self.width + index).map(|place| &mut **place.get_or_insert_default())
    }

    /// All places that are in use: stage, index, and what is there.
    fn used(&self) -> impl Iterator<Item = (usize, usize, &T)> {
        let width = self.width.max(1);
        let places = self.places.iter().enumerate();
        places.filter_map(move |(at, place)| Some((at / width, at % width, place.as_deref()?)))
    }

    /// Empties what was used since the last time, and frees what was not: stages pass.
    fn clear(&mut self, was_used: impl Fn(&T) -> bool, clear: impl Fn(&mut T)) {
        for place in &mut self.places {
            match place {
                Some(series) if was_used(series) => clear(series),
                _ => *place = None,
            }
        }
    }
}

impl Recorder {
    /// An empty recorder for a program.
    pub(crate) fn new(program: &Arc<Program>) -> Self {
        let stages = program.stages.len().max(1);
        Self {
            requests: Lazy::new(stages, program.requests.len()),
            iterations: Lazy::new(stages, program.scenarios.len()),
            groups: Lazy::new(stages, program.groups.len()),
            failed_conditions: Lazy::new(stages, program.conditions.len()),
            program: Arc::clone(program),
        }
    }

    /// Records a request.
    pub(crate) fn request(&mut self, stage: usize, request: usize, sample: &Sample) {
        if let Some(series) = self.requests.at(stage, request) {
            series.record(sample);
        }
    }

    /// Records a check of a request: its expectations are counted first, then its captures.
    pub(crate) fn check(&mut self, stage: usize, request: usize, check: usize, passed: bool) {
        let checks =
            self.program.requests.get(request).map_or(0, |r| r.expectations.len() + r.captures.len());
        if let Some(series) = self.requests.at(stage, request) {
            series.check(checks, check, passed);
        }
    }

    /// Records that an iteration started, and how late.
    pub(crate) fn started(&mut self, stage: usize, scenario: usize, lag: Option<Duration>) {
        if let Some(series) = self.iterations.at(stage, scenario) {
            series.started += 1;
            if let Some(lag) = lag {
                series.lag.record(lag);
            }
        }
    }

    /// Records that an iteration finished.
    pub(crate) fn finished(&mut self, stage: usize, scenario: usize, duration: Duration) {
        if let Some(series) = self.iterations.at(stage, scenario) {
            series.finished += 1;
            series.duration.record(duration);
        }
    }

    /// Records iterations that found no free user.
    pub(crate) fn dropped(&mut self, stage: usize, scenario: usize) {
        if let Some(series) = self.iterations.at(stage, scenario) {
            series.dropped += 1;
        }
    }

    /// Records bytes that belong to no finished request.
    pub(crate) fn traffic(&mut self, stage: usize, scenario: usize, sent: u64, received: u64) {
        if sent + received > 0
            && let Some(series) = self.iterations.at(stage, scenario)
        {
            series.sent += sent;
            series.received += received;
        }
    }

    /// Records the time of a group.
    pub(crate) fn group(&mut self, stage: usize, group: usize, duration: Duration) {
        if let Some(trend) = self.groups.at(stage, group) {
            trend.record(duration);
        }
    }

    /// Records that a condition could not be evaluated.
    pub(crate) fn condition_failed(&mut self, stage: usize, condition: usize) {
        if let Some(count) = self.failed_conditions.at(stage, condition) {
            *count += 1;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.requests.clear(|series| !series.is_empty(), RequestSeries::clear);
        self.iterations.clear(|series| !series.is_empty(), IterationSeries::clear);
        self.groups.clear(|trend| !trend.is_empty(), Trend::clear);
        self.failed_conditions.clear(|_| false, |_| {});
    }

    /// Adds everything to metrics, under its names.
    pub(crate) fn fill(&self, metrics: &mut Metrics) {
        let program = &*self.program;
        for (stage, index, series) in self.requests.used() {
            let Some(request) = program.requests.get(index) else { continue };
            let mut tags = self.tags(stage, request.scenario, request.group);
            tags.request = Some(request.name.clone());
            series.fill(request, &tags, metrics);
        }
        for (stage, index, series) in self.iterations.used() {
            series.fill(&self.tags(stage, index, None), metrics);
        }
        for (stage, index, trend) in self.groups.used().filter(|(_, _, trend)| !trend.is_empty()) {
            let Some(group) = program.groups.get(index) else { continue };
            let tags = self.tags(stage, group.scenario, Some(index));
            metrics.add(key(names::GROUP_DURATION, &tags), &Sink::Trend(trend.clone()));
        }
        for (stage, index, count) in self.failed_conditions.used() {
            let Some(condition) = program.conditions.get(index) else { continue };
            let mut tags = self.tags(stage, condition.scenario, condition.group);
            tags.check = Some(condition.check_name());
            metrics.add(key(names::CHECKS, &tags), &Sink::Rate { passes: 0, total: *count });
        }
    }

    fn tags(&self, stage: usize, scenario: usize, group: Option<usize>) -> Tags {
        let program = &*self.program;
        Tags {
            stage: program.stages.get(stage).cloned(),
            scenario: program.scenarios.get(scenario).map(|scenario| scenario.name.clone()),
            group: group.and_then(|group| program.groups.get(group)).map(|group| group.name.clone()),
            ..Tags::default()
        }
    }
}

fn key(metric: &str, tags: &Tags) -> SeriesKey {
    SeriesKey { metric: metric.to_owned(), tags: tags.clone() }
}
