// SPDX-License-Identifier: Apache-2.0
//! What one core records: series by index, allocated when they are first used.
//!
//! A core writes to one recorder while the collector turns another one into metrics; they change
//! places once per interval ([`Recorder::clear`] keeps the memory of series that are in use). Names
//! come in only when an interval is turned into metrics.

mod custom;
mod places;
mod request;
mod series;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use upsurge_core::{
    losses::Losses,
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
};

pub(crate) use self::request::Sample;
use self::{custom::CustomSeries, places::Places, request::RequestSeries, series::IterationSeries};
use crate::program::Program;

/// The series of one core.
#[derive(Debug)]
pub(crate) struct Recorder {
    program: Arc<Program>,
    requests: Places<RequestSeries>,
    iterations: Places<IterationSeries>,
    groups: Places<Trend>,
    failed_conditions: Places<u64>,
    custom: Places<CustomSeries>,
    /// Requests that were lost, by when they were under way.
    pub(crate) losses: Losses,
}

impl Recorder {
    /// An empty recorder for a program.
    pub(crate) fn new(program: &Arc<Program>) -> Self {
        let stages = program.stages.len().max(1);
        Self {
            requests: Places::new(stages, program.requests.len()),
            iterations: Places::new(stages, program.scenarios.len()),
            groups: Places::new(stages, program.groups.len()),
            failed_conditions: Places::new(stages, program.conditions.len()),
            custom: Places::new(stages, program.points.len()),
            losses: Losses::default(),
            program: Arc::clone(program),
        }
    }

    /// Records a request.
    pub(crate) fn request(&mut self, stage: usize, request: usize, sample: &Sample<'_>) {
        if let Some(series) = self.requests.at(stage, request) {
            series.record(sample);
        }
    }

    /// Records a request that was cut off, and how long it had been under way.
    pub(crate) fn interrupted(&mut self, stage: usize, request: usize, waited: Duration) {
        if let Some(series) = self.requests.at(stage, request) {
            series.interrupted.record(waited);
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

    /// Records that an iteration started, how late the generator was, and how long it waited for a user.
    pub(crate) fn started(
        &mut self,
        stage: usize,
        scenario: usize,
        lag: Option<Duration>,
        queued: Option<Duration>,
    ) {
        if let Some(series) = self.iterations.at(stage, scenario) {
            series.started += 1;
            lag.into_iter().for_each(|lag| series.lag.record(lag));
            queued.into_iter().for_each(|wait| series.queued.record(wait));
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
    pub(crate) fn dropped(&mut self, stage: usize, scenario: usize, number: u64) {
        if let Some(series) = self.iterations.at(stage, scenario) {
            series.dropped += number;
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

    /// Records a value of a custom metric; values that are no numbers are left out.
    pub(crate) fn custom(&mut self, stage: usize, point: usize, value: f64) {
        let Some(kind) = self.program.points.get(point).map(|point| point.kind) else { return };
        if let Some(series) = self.custom.at(stage, point)
            && value.is_finite()
        {
            series.record(kind, value);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.requests.clear(|series| !series.is_empty(), RequestSeries::clear);
        self.iterations.clear(|series| !series.is_empty(), IterationSeries::clear);
        self.groups.clear(|trend| !trend.is_empty(), Trend::clear);
        self.failed_conditions.clear(|_| false, |_| {});
        self.custom.clear(|series| !series.is_empty(), CustomSeries::clear);
        self.losses = Losses::default();
    }

    /// Adds everything to metrics, under its names. `start` is the start of the load.
    pub(crate) fn fill(&self, start: Instant, metrics: &mut Metrics) {
        let program = &*self.program;
        for (stage, index, series) in self.requests.used() {
            let Some(request) = program.requests.get(index).filter(|request| request.is_counted) else {
                continue;
            };
            let mut tags = self.tags(stage, request.scenario, request.group);
            tags.request = Some(request.name.clone());
            tags.custom.extend(request.tags.clone());
            series.fill(request, &tags, metrics);
        }
        for (stage, index, series) in self.iterations.used() {
            series.fill(&self.tags(stage, index, None), metrics);
        }
        for (stage, index, trend) in self.groups.used().filter(|(_, _, trend)| !trend.is_empty()) {
            let Some(group) = program.groups.get(index).filter(|group| group.is_counted) else { continue };
            let tags = self.tags(stage, group.scenario, Some(index));
            metrics.add(key(names::GROUP_DURATION, &tags), &Sink::Trend(trend.clone()));
        }
        for (stage, index, count) in self.failed_conditions.used() {
            let Some(condition) = program.conditions.get(index).filter(|one| one.is_counted) else {
                continue;
            };
            let mut tags = self.tags(stage, condition.scenario, condition.group);
            tags.check = Some(condition.check.clone());
            metrics.add(key(names::CHECKS, &tags), &Sink::Rate { passes: 0, total: *count });
        }
        for (stage, index, series) in self.custom.used() {
            let point = program.points.get(index).filter(|point| point.is_counted);
            let (Some(point), Some(sink)) = (point, series.sink(start)) else { continue };
            let mut tags = self.tags(stage, point.scenario, point.group);
            tags.custom.extend(point.tags.clone());
            metrics.add(key(&point.metric, &tags), &sink);
        }
    }

    fn tags(&self, stage: usize, scenario: usize, group: Option<usize>) -> Tags {
        let program = &*self.program;
        let journey = program.scenarios.get(scenario);
        let mut custom = program.stage_tags.get(stage).cloned().unwrap_or_default();
        custom.extend(journey.map(|journey| journey.tags.clone()).unwrap_or_default());
        Tags {
            stage: program.stages.get(stage).cloned(),
            scenario: journey.map(|journey| journey.name.clone()),
            group: group.and_then(|group| program.groups.get(group)).map(|group| group.name.clone()),
            custom,
            ..Tags::default()
        }
    }
}

#[cfg(test)]
mod tests;

fn key(metric: &str, tags: &Tags) -> SeriesKey {
    SeriesKey { metric: metric.to_owned(), tags: tags.clone() }
}
