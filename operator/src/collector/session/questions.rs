// SPDX-License-Identifier: Apache-2.0
//! The questions to the test's Prometheus server, which runner 0 asks once the load of all runners has ended.

use upsurge_core::{
    format::LONGEST_WORDS,
    protocol::{CheckAnswer, RunPlan},
    series::SeriesAnswer,
};

use super::Session;

/// What only this operator knows of the questions to the test's Prometheus server.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions {
    /// How many checks there are.
    count: usize,
    /// How many series.
    series: usize,
    /// Begin and end of the load, once it is time to ask.
    pub(super) due: Option<(i64, i64)>,
    /// Whether a durable checkpoint holds the answers.
    pub(super) durable: bool,
}

impl Questions {
    /// The questions of a test; whether a checkpoint holds the answers.
    pub(super) fn of(plan: &RunPlan, durable: bool) -> Self {
        let prometheus = plan.test.prometheus.as_ref();
        let count = prometheus.map_or(0, |prometheus| prometheus.checks.len());
        let series = prometheus.map_or(0, |prometheus| prometheus.series.len());
        Self { count, series, due: None, durable }
    }

    /// Answers of a runner, whose image is the tenant's: no more of them than there are checks, and none of them long.
    pub(super) fn bounded(&self, answers: &[CheckAnswer]) -> Vec<CheckAnswer> {
        let answers = answers.iter().take(self.count).map(|answer| match answer {
            CheckAnswer::Value(text) => CheckAnswer::Value(short(text)),
            CheckAnswer::Problem(text) => CheckAnswer::Problem(short(text)),
        });
        answers.collect()
    }

    /// The same of series, none of which has more values than are asked for.
    pub(super) fn bounded_series(&self, answers: &[SeriesAnswer]) -> Vec<SeriesAnswer> {
        let answers = answers.iter().take(self.series).map(|answer| match answer {
            SeriesAnswer::Course(course) => SeriesAnswer::Course(course.bounded()),
            SeriesAnswer::Problem(text) => SeriesAnswer::Problem(short(text)),
        });
        answers.collect()
    }
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST_WORDS).collect()
}

impl Session {
    /// The load of all runners has ended; it lasted from one time to the other: runner 0 is to ask the test's
    /// Prometheus server.
    pub fn ask_prometheus(&mut self, start: i64, end: i64) {
        self.questions.due.get_or_insert((start, end));
    }
}
