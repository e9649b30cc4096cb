// SPDX-License-Identifier: Apache-2.0
//! The lists of a status: how long each may be, and what tells most in it.

mod autoscaling;
mod figures;
mod findings;
mod run;
mod usage;

use serde::Serialize;
use upsurge_crds::v1alpha1::LoadTestRunStatus;

/// The name of the list that has lists of each workload in it.
pub const WORKLOADS: &str = autoscaling::WORKLOADS.name;

/// A list of the status.
pub struct List {
    /// Its place, as `omitted` names it.
    pub name: &'static str,
    /// Most entries; the schema says the same.
    pub most: usize,
    /// Whether the verdict rests on it.
    pub decides: bool,
    /// Its entries and their bytes of JSON.
    pub measure: fn(&LoadTestRunStatus) -> (usize, usize),
    /// Shortens it; says how many entries were left out.
    keep: fn(&mut LoadTestRunStatus, usize) -> usize,
}

impl List {
    /// Shortens the list to so many entries, and notes what is left out.
    pub fn shorten(&self, status: &mut LoadTestRunStatus, most: usize) {
        let left_out = i32::try_from((self.keep)(status, most)).unwrap_or(i32::MAX);
        if left_out > 0 {
            let count = status.omitted.entry(self.name.into()).or_default();
            *count = count.saturating_add(left_out);
        }
    }
}

/// All of them. A test compares them with the schema.
pub static LISTS: [List; 41] = [
    figures::REQUESTS,
    figures::STAGES,
    figures::OPERATIONS,
    figures::EXPECTATIONS,
    figures::METRICS,
    findings::THRESHOLDS,
    findings::EPOCHS,
    findings::CONTRADICTIONS,
    findings::CAPACITIES,
    findings::COUNTS,
    findings::SIZES,
    findings::DOUBTS,
    findings::STRESS,
    findings::SPIKES,
    findings::CHECKS,
    findings::SERIES,
    usage::PODS,
    usage::ENDS,
    usage::GAPS,
    usage::EXPECTATIONS,
    usage::SOAK,
    run::RUNNERS,
    run::OUTPUTS,
    run::COMPANY,
    run::WARNINGS,
    run::CHANGED,
    run::LEFT,
    autoscaling::TIMELINE,
    autoscaling::WORKLOADS,
    autoscaling::TIMELINES,
    autoscaling::SCALE_UPS,
    autoscaling::SCALE_DOWNS,
    autoscaling::LATENCY,
    autoscaling::LIMITS,
    autoscaling::GAPS,
    autoscaling::PROBLEMS,
    autoscaling::GAPS_WHILE_SCALING_DOWN,
    autoscaling::GAPS_WHILE_EACH_SCALES_DOWN,
    autoscaling::EXPECTATIONS,
    run::GENERATOR_PROBLEMS,
    run::GENERATOR_WARNINGS,
];

fn measure<T: Serialize>(list: &[T]) -> (usize, usize) {
    (list.len(), serde_json::to_string(list).map_or(0, |text| text.len()))
}

/// Measures a list of a part of the status that may be absent.
fn of<P, T: Serialize>(part: Option<&P>, list: fn(&P) -> &Vec<T>) -> (usize, usize) {
    part.map_or((0, 0), |part| measure(list(part)))
}

/// The number of a figure with its unit, as `182.4ms` or `0.13%`.
fn number(figure: &str) -> f64 {
    let end = figure.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(figure.len());
    figure.get(..end).and_then(|number| number.parse().ok()).unwrap_or_default()
}
