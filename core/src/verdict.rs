//! The verdict, from all that is known of a finished run.

use upsurge_crds::v1alpha1::{
    AutoscalingResult, GeneratorResult, LoadTestSpec, PrometheusCheckResult, RunSummary, ThresholdResult,
    Verdict,
};

use crate::autoscaling::Doubt;

/// All that a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What was asked for.
    pub test: &'a LoadTestSpec,
    /// Who or what stopped the run early, if somebody did.
    pub aborted: Option<&'a str>,
    /// What broke in the test system, if something did.
    pub breakdown: Option<&'a Breakdown>,
    /// Doubts about the data, besides those about the generator and the checks, which are seen here.
    pub doubts: &'a [Doubt],
    /// Figures of the whole load; absent when no load was made.
    pub summary: Option<&'a RunSummary>,
    /// Thresholds, evaluated at the end.
    pub thresholds: &'a [ThresholdResult],
    /// What the autoscaler did.
    pub autoscaling: Option<&'a AutoscalingResult>,
    /// Prometheus checks.
    pub checks: &'a [PrometheusCheckResult],
    /// How the generator fared.
    pub generator: Option<&'a GeneratorResult>,
}

/// Something that broke in the test system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: String,
    /// What, where, and what to do.
    pub message: String,
}

/// A verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one word: one of `upsurge_crds::names::reasons`.
    pub reason: String,
    /// Why, in a sentence with numbers.
    pub message: String,
}

/// Judges a run.
pub fn judge(_: &Evidence<'_>) -> Outcome {
    Outcome { verdict: Verdict::Error, reason: String::new(), message: String::new() }
}
