// SPDX-License-Identifier: Apache-2.0
//! The outcome of a run for people (text) and for programs (JSON, also in k6's handleSummary form, and JUnit XML).

mod autoscaling;
mod canvas;
mod counted;
mod counts;
mod csv;
mod histogram;
mod json;
mod junit;
mod k6;
mod markdown;
mod operations;
mod quick;
mod scarce;
mod table;
mod text;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{
        AutoscalingResult, CapacityResult, EpochResult, GeneratorResult, LoadTestSpec, ThresholdResult,
    },
};

pub use self::junit::Judged as Junit;
pub use self::{
    canvas::{Colours, NO_DATA},
    csv::Table,
    scarce::Told,
};
use crate::{
    findings::Findings, metrics::Metrics, plan::Timeline, results::Figures, single, verdict::Outcome,
};

/// All that is shown of a run.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Name of the test.
    pub name: &'a str,
    /// Its spec.
    pub test: &'a LoadTestSpec,
    /// Its load over time.
    pub timeline: &'a Timeline,
    /// All that was recorded.
    pub metrics: &'a Metrics,
    /// The figures made of it.
    pub figures: &'a Figures,
    /// The operations of a benchmark.
    pub operations: &'a [single::Measured],
    /// Thresholds, evaluated at the end.
    pub thresholds: &'a [ThresholdResult],
    /// What the autoscaler did, if somebody observed it.
    pub autoscaling: Option<&'a AutoscalingResult>,
    /// What the target's pods used, and what was scarce.
    pub scarce: Told<'a>,
    /// How the generator fared.
    pub generator: &'a GeneratorResult,
    /// The parts of a run that has several, whose figures are those of one of them.
    pub epochs: &'a [EpochResult],
    /// What a search has found.
    pub capacity: Option<&'a CapacityResult>,
    /// What came of what only some tests ask for.
    pub findings: &'a Findings,
    /// The verdict.
    pub outcome: &'a Outcome,
    /// How long the load lasted.
    pub elapsed: Duration,
    /// Parts of the test that could not be judged, each with the reason.
    pub not_judged: &'a [String],
    /// What went wrong beside the load, and changes no verdict.
    pub warnings: &'a [String],
}

/// The outcome of a run in a cluster as JUnit XML, from its status; `None` before it has a verdict.
pub fn junit_of_run(run: &LoadTestRun) -> Option<String> {
    junit::of_run(run)
}

/// A text as it may be printed: names and messages come from tests and servers, and what would steer a terminal, or what
/// XML can't carry, is shown as a sign of its own.
pub fn printable(text: String) -> String {
    if text.chars().all(is_sign) { text } else { text.chars().map(sign_of).collect() }
}

fn is_sign(character: char) -> bool {
    let is_character =
        u32::from(character) & 0xfffe != 0xfffe && !('\u{fdd0}'..='\u{fdef}').contains(&character);
    is_character && (!character.is_control() || matches!(character, '\n' | '\t'))
}

fn sign_of(character: char) -> char {
    if is_sign(character) { character } else { char::REPLACEMENT_CHARACTER }
}

/// The warning that a step of `after` failed.
pub fn after_failed(message: &str) -> String {
    format!("{AFTER_FAILED}{message}")
}

/// Whether a warning is one of these.
pub fn is_after_failed(warning: &str) -> bool {
    warning.starts_with(AFTER_FAILED)
}

const AFTER_FAILED: &str = "the steps after the load failed: ";

impl Report<'_> {
    /// A summary to read, printable as it is.
    pub fn text(&self, colours: Colours) -> String {
        text::render(self, colours)
    }

    /// A summary of a test of one request: latencies in detail, and what came back.
    pub fn quick_text(&self, colours: Colours) -> String {
        quick::render(self, colours)
    }

    /// The operations of a benchmark and the verdict as Markdown, for a comment or a page.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// The whole result as JSON, in a form of its own with numbers instead of texts. Ends with a line break.
    pub fn json(&self, started: Timestamp) -> String {
        json::render(self, started)
    }

    /// The outcome as JUnit XML, for CI systems.
    pub fn junit(&self, started: Timestamp) -> String {
        junit::of_report(self, started)
    }

    /// A summary in the form that k6 gives to `handleSummary`, with `verdict`, `reason`, `message`, `stages`,
    /// `requests`, `thresholds` and `generator` beside it.
    pub fn k6_summary(&self) -> Value {
        k6::summary(self)
    }
}
