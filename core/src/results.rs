//! From recorded series to the figures in the status.

use std::time::Duration;

use upsurge_crds::v1alpha1::{CheckCount, GeneratorResult, RequestResult, RunSummary, StageResult};

use crate::{metrics::Metrics, plan::Timeline, protocol::GeneratorDelta};

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Of the whole load.
    pub summary: RunSummary,
    /// Of each stage that has begun.
    pub stages: Vec<StageResult>,
    /// Of each request.
    pub requests: Vec<RequestResult>,
    /// Of each check.
    pub expectations: Vec<CheckCount>,
}

/// The figures after a time of load.
pub fn figures(_: &Metrics, _: &Timeline, _: Duration) -> Figures {
    Figures::default()
}

/// How the generator fared: `usage` is the sum over all runners, `starts` their true starts in
/// nanoseconds by the operator's clock, `runners` how many there should be.
pub fn generator(
    _: &Metrics,
    _: &Timeline,
    _usage: &GeneratorDelta,
    _starts: &[i64],
    _runners: u32,
    _: Duration,
) -> GeneratorResult {
    GeneratorResult::default()
}

/// A time in milliseconds as `182.4ms`.
pub fn milliseconds(value: f64) -> String {
    format!("{value}ms")
}

/// A share from 0 to 1 as `0.13%`.
pub fn percent(share: f64) -> String {
    format!("{share}%")
}
