// SPDX-License-Identifier: Apache-2.0
//! What a runner may report: the metrics and tags of its plan, with values that can be added up, and nothing else.
//!
//! A runner's image belongs to a tenant, so whatever it sends may be made up. Here it is decided what of a delta is
//! taken, before any of its histograms is decoded: what no honest runner sends is refused in words; names that the test
//! does not have are counted in the metric's overflow, so that sums stay right and their number stays bounded.

mod batch;
mod sinks;
mod slices;
mod vocabulary;

use std::time::Duration;

use serde::Deserialize;
use upsurge_crds::v1alpha1::LoadTestSpec;

pub use self::{
    batch::{Batch, MOST_DELTAS, Raw},
    vocabulary::{condition_check, fail_check},
};
use self::{
    sinks::Bounds,
    slices::{Span, WireSlices},
    vocabulary::Vocabulary,
};
use crate::{
    losses::Losses,
    metrics::{Metrics, SeriesKey, TrendError, WireMetrics},
    outputs::OutputReport,
    protocol::{AfterOutcome, BeforeOutcome, CheckAnswer, Delta, GeneratorDelta, Readiness, RunnerEnd},
    series::SeriesAnswer,
    thresholds::{Excess, Windowed},
    validate::Valid,
};

/// Most memory that the histograms of one delta may take once they are decoded.
pub const MOST_DELTA_BYTES: usize = 64 * 1024 * 1024;
/// Longest text that a runner may send, such as the reason of its failure.
pub const LONGEST_TEXT: usize = 16 * 1024;
/// How much later than its test and all deadlines a runner may still report.
const LATEST_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Why something of a runner is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Objection {
    /// It can't be understood.
    #[error("it can't be understood: {0}")]
    Form(String),
    /// The test has no such metric.
    #[error("the test has no metric {0:?}")]
    Metric(String),
    /// The metric is of another kind.
    #[error("{metric} is not {kind}")]
    Kind {
        /// The metric.
        metric: String,
        /// What was sent.
        kind: &'static str,
    },
    /// A value can't be.
    #[error("{metric} can't be {value:e}: it must be a number from {least:e} to {most:e}")]
    Value {
        /// The metric, or the figure of the generator.
        metric: String,
        /// What was sent.
        value: f64,
        /// Least that it may be.
        least: f64,
        /// Most that it may be.
        most: f64,
    },
    /// More events passed than there were.
    #[error("{metric} can't have {passes} of {total}")]
    Rate {
        /// The metric.
        metric: String,
        /// Events that passed.
        passes: u64,
        /// All events.
        total: u64,
    },
    /// The lowest value is above the highest.
    #[error("{metric} has its lowest value above its highest")]
    Range {
        /// The metric.
        metric: String,
    },
    /// A histogram can't be read.
    #[error("{metric}: {source}")]
    Histogram {
        /// The metric.
        metric: String,
        /// What is wrong.
        #[source]
        source: TrendError,
    },
    /// A delta that was merged of several says that it begins after its own number, or before the first of all.
    #[error("delta {number} can't have {first} as its first")]
    Numbers {
        /// Number of the first one in it.
        first: u64,
        /// Number of the last one.
        number: u64,
    },
    /// An interval ends before it begins, or is not within its delta.
    #[error("delta {number} is of the time from {from_ms} to {to_ms} ms")]
    Interval {
        /// Number of the delta.
        number: u64,
        /// Its begin.
        from_ms: u64,
        /// Its end.
        to_ms: u64,
    },
    /// An interval ends when the test is long over.
    #[error("delta {number} ends after {to_ms} ms, when the test is long over")]
    Late {
        /// Number of the delta.
        number: u64,
        /// Its end.
        to_ms: u64,
    },
    /// The histograms would take too much memory.
    #[error("the histograms of delta {number} take more than {} MiB", MOST_DELTA_BYTES >> 20)]
    Heavy {
        /// Number of the delta.
        number: u64,
    },
    /// Thresholds select too much of it.
    #[error("delta {number}: {source}")]
    Selected {
        /// Number of the delta.
        number: u64,
        /// What is too much.
        #[source]
        source: Excess,
    },
    /// A text is too long.
    #[error("{what} has {bytes} bytes; at most {LONGEST_TEXT} are taken")]
    Text {
        /// Which text.
        what: &'static str,
        /// How long it is.
        bytes: usize,
    },
}

/// A delta that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The delta.
    pub delta: Delta,
    /// The first series with names that the test does not have, in words; all of them are in their metric's overflow.
    pub foreign: Option<String>,
}

/// A delta as it was sent: its histograms are not decoded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    number: u64,
    #[serde(default)]
    first: Option<u64>,
    from_ms: u64,
    to_ms: u64,
    metrics: WireMetrics,
    generator: GeneratorDelta,
    #[serde(default)]
    slices: WireSlices,
    #[serde(default)]
    done: Option<RunnerEnd>,
    #[serde(default)]
    after: Option<AfterOutcome>,
    #[serde(default)]
    losses: Losses,
    #[serde(default)]
    checks: Option<Vec<CheckAnswer>>,
    #[serde(default)]
    series: Vec<SeriesAnswer>,
    #[serde(default)]
    outputs: Vec<OutputReport>,
    #[serde(default)]
    turned_ms: Option<u64>,
}

/// What runners of a test may report.
#[derive(Clone, Debug)]
pub struct Intake {
    vocabulary: Vocabulary,
    windowed: Windowed,
    latest: Duration,
    /// How many outputs the test has.
    outputs: usize,
}

impl Intake {
    /// For a test and what it compiles to.
    pub fn of(test: &LoadTestSpec, valid: &Valid) -> Self {
        let deadlines = &test.deadlines;
        let load = valid.timeline.duration() + valid.timeline.graceful_stop;
        let longest = deadlines.run.map_or(load, |limit| limit.0.max(load));
        Self {
            vocabulary: Vocabulary::of(test, valid),
            windowed: Windowed::new(test, &valid.timeline),
            latest: longest + LATEST_MARGIN,
            outputs: test.outputs.len(),
        }
    }

    /// Takes a delta, or says why not.
    ///
    /// # Errors
    /// When no runner of ours sends that.
    pub fn take(&self, delta: Raw<'_>) -> Result<Taken, Objection> {
        let sent = delta.read()?;
        let Sent { number, first, from_ms, to_ms, metrics, generator, slices, done, after, losses, .. } =
            sent;
        let Sent { checks, series, outputs, turned_ms, .. } = sent;
        if first.is_some_and(|first| first == 0 || first > number) {
            return Err(Objection::Numbers { first: first.unwrap_or_default(), number });
        }
        if from_ms > to_ms {
            return Err(Objection::Interval { number, from_ms, to_ms });
        }
        if Duration::from_millis(to_ms) > self.latest {
            return Err(Objection::Late { number, to_ms });
        }
        check_generator(&generator)?;
        if let Some(done) = &done {
            check_end(done)?;
        }
        if let Some(AfterOutcome { result: Err(message), .. }) = &after {
            check_text("what became of after", message)?;
        }
        if let Some(AfterOutcome { verified: Some(Err(message)), .. }) = &after {
            check_text("what became of verify", message)?;
        }
        let (mut taken, mut foreign) = (Metrics::default(), None);
        let bounds = Bounds { latest_microseconds: self.latest.as_micros() };
        for (key, sink) in metrics.0 {
            let (kind, is_built_in) =
                self.vocabulary.metric(&key.metric).ok_or_else(|| Objection::Metric(short(&key.metric)))?;
            let sink = bounds.check(&key.metric, kind, is_built_in, sink)?;
            let key = match self.vocabulary.unknown(&key) {
                None => key,
                Some(what) => {
                    foreign.get_or_insert(what);
                    SeriesKey::overflow(key.metric)
                }
            };
            taken.put(key, sink);
            if taken.bytes() > MOST_DELTA_BYTES {
                return Err(Objection::Heavy { number });
            }
        }
        let span = Span { number, from_ms, to_ms, bytes: taken.bytes() };
        let slices = slices::check(slices, &span, &self.windowed, &bounds)?;
        // Losses and answers keep themselves small: by the width of their bins, and in the session.
        let metrics = taken;
        let outputs = outputs.into_iter().take(self.outputs).map(OutputReport::bounded).collect();
        let delta = Delta {
            number,
            first,
            from_ms,
            to_ms,
            metrics,
            generator,
            slices,
            done,
            after,
            losses,
            checks,
            series,
            outputs,
            turned_ms,
        };
        Ok(Taken { delta, foreign })
    }

    /// Checks what a hello says of the runner and of `before`. What `before` captured is bounded by its reader.
    ///
    /// # Errors
    /// When a text is too long.
    pub fn check_hello(readiness: &Readiness, before: Option<&BeforeOutcome>) -> Result<(), Objection> {
        if let Readiness::Failed { reason, message } = readiness {
            check_text("the reason of the failure", reason)?;
            check_text("the message of the failure", message)?;
        }
        match before {
            Some(BeforeOutcome { result: Err(message) }) => check_text("what became of before", message),
            _ => Ok(()),
        }
    }
}

fn check_end(end: &RunnerEnd) -> Result<(), Objection> {
    match end {
        RunnerEnd::Completed => Ok(()),
        RunnerEnd::Stopped { reason } => check_text("the reason of the end", reason),
        RunnerEnd::Failed { reason, message } => {
            check_text("the reason of the failure", reason)?;
            check_text("the message of the failure", message)
        }
    }
}

fn check_generator(generator: &GeneratorDelta) -> Result<(), Objection> {
    let GeneratorDelta { cpu_seconds, watched_seconds, saturated_seconds, busiest_core, .. } = generator;
    let figures = [
        ("the generator's CPU time", *cpu_seconds),
        ("the time in which the generator was watched", *watched_seconds),
        ("the time in which the generator was saturated", *saturated_seconds),
        ("the share of the busiest core", *busiest_core),
        ("the generator's CPU periods", generator.periods as f64),
        ("the generator's throttled periods", generator.throttled_periods as f64),
    ];
    figures.into_iter().try_for_each(|(what, value)| sinks::within(what, value, 0.0, 1e9).map(|_| ()))
}

fn check_text(what: &'static str, text: &str) -> Result<(), Objection> {
    if text.len() > LONGEST_TEXT { Err(Objection::Text { what, bytes: text.len() }) } else { Ok(()) }
}

/// The beginning of a name that may be of any length.
fn short(name: &str) -> String {
    const LONGEST: usize = 100;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
