// SPDX-License-Identifier: Apache-2.0
//! What is known of a run once it is over, and the record that is made of it.

use jiff::Timestamp;
use upsurge_core::{
    epochs, findings::Findings, losses::Losses, metrics::Metrics, report, results::Figures, single,
    validate::Valid, verdict,
};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{AutoscalingResult, CapacityResult, EpochResult, GeneratorResult, ThresholdResult},
};
use upsurge_record::{
    Record,
    journal::Begin,
    measure::Load,
    model::{Epoch, Folded, ObservedSeries, ObservedWorkload, Outcome, Run},
    observed::{gaps, marks},
};

use super::{
    super::{
        course::Part,
        result::{Ended, Evaluated},
    },
    Course, Recording,
};

/// What is known of a run once it is over.
#[derive(Debug)]
pub(in crate::cli::run) struct Told<'a> {
    pub(in crate::cli::run) outcome: &'a verdict::Outcome,
    /// The load whose figures are shown, unless it is among those that are over; absent if there was none.
    pub(in crate::cli::run) load: Option<(Load<'a>, Course)>,
    /// Its number.
    pub(in crate::cli::run) shown: Option<u32>,
    pub(in crate::cli::run) started: Timestamp,
    pub(in crate::cli::run) capacity: Option<&'a CapacityResult>,
    pub(in crate::cli::run) findings: &'a Findings,
    pub(in crate::cli::run) operations: &'a [single::Measured],
    pub(in crate::cli::run) autoscaling: Option<&'a AutoscalingResult>,
    pub(in crate::cli::run) scarce: report::Told<'a>,
    pub(in crate::cli::run) series: Vec<ObservedSeries>,
    pub(in crate::cli::run) not_judged: &'a [String],
    pub(in crate::cli::run) warnings: &'a [String],
    /// What was joined or left out.
    pub(in crate::cli::run) folded: Vec<Folded>,
}

impl Told<'_> {
    /// The record, with the loads that are over already and what was seen of the workloads.
    pub(super) fn record(
        self,
        begin: Begin,
        mut epochs: Vec<Epoch>,
        workloads: Vec<ObservedWorkload>,
    ) -> Record {
        let Begin { made_by, run, test, environment, .. } = begin;
        let verdict::Outcome { verdict, reason, message } = self.outcome.clone();
        let outcome = Outcome { verdict, reason, message, conditions: Vec::new() };
        epochs.extend(self.load.map(|(load, course)| {
            let near = workloads.iter().flat_map(|workload| marks(&workload.events, load.started));
            let near: Vec<u64> = near.collect();
            load.epoch(course, &near)
        }));
        let start_time = epochs.first().map_or(self.started, |first| first.start_time);
        let run = Run { start_time, end_time: Timestamp::now().max(start_time), ..run };
        Record {
            shown_epoch: self.shown.filter(|shown| epochs.iter().any(|epoch| epoch.number == *shown)),
            epochs,
            capacity: self.capacity.cloned(),
            stress: self.findings.stress.clone(),
            spikes: self.findings.spikes.clone(),
            verification: self.findings.verification.clone(),
            operations: self.operations.iter().map(single::Measured::result).collect(),
            autoscaling: self.autoscaling.cloned(),
            usage: self.scarce.usage.to_vec(),
            usage_expectations: self.scarce.expectations.to_vec(),
            soak: self.scarce.soak.cloned(),
            bottleneck: self.scarce.bottleneck.cloned(),
            prometheus_series: self.series,
            gaps: workloads.iter().flat_map(gaps).collect(),
            workloads,
            folded: self.folded,
            not_judged: self.not_judged.to_vec(),
            warnings: self.warnings.to_vec(),
            ..Record::new(made_by, run, test, environment, outcome)
        }
    }
}

/// A load that has ended, with what is told of it.
pub(in crate::cli::run) fn load<'a>(
    test: &'a LoadTestSpec,
    valid: &'a Valid,
    ended: &'a Ended,
    figures: &'a Figures,
    thresholds: &'a [ThresholdResult],
    generator: &'a GeneratorResult,
) -> Load<'a> {
    Load {
        number: ended.number,
        result: ended.under_way.clone(),
        test,
        timeline: &valid.timeline,
        metrics: &ended.metrics,
        windows: &ended.windows,
        losses: &ended.losses,
        started: ended.started,
        elapsed: ended.elapsed,
        figures,
        thresholds,
        breached: ended.breached.as_ref(),
        generator: Some(generator),
        used: &ended.usage,
        is_probe: false,
    }
}

/// Notes a probe of a search, whose figures are those of its measured part.
pub(in crate::cli::run) fn probe(
    recording: &mut Recording,
    part: &Part,
    result: &EpochResult,
    course: Course,
) {
    let Part { test, valid, ended, .. } = part;
    let Evaluated { thresholds, generator, .. } = Evaluated::of(test, valid, ended);
    let figures = epochs::figures(&ended.metrics, &valid.timeline, ended.elapsed);
    let probe = load(test, valid, ended, &figures, &thresholds, &generator);
    recording.keep(Load { result: Some(result.clone()), is_probe: true, ..probe }, course);
}

/// What was joined because there was too much of it.
pub(in crate::cli::run) fn folded(metrics: &Metrics, losses: &Losses) -> Vec<Folded> {
    let overflowed = metrics.overflowed().map(|metric| Folded {
        what: metric.to_owned(),
        count: None,
        message: "there were too many series: some are counted together, and in none of its parts".into(),
    });
    let mut folded: Vec<Folded> = overflowed.collect();
    if losses.is_coarse() {
        let message = "requests were lost so often that their times are kept to more than 100 ms".into();
        folded.push(Folded { what: "losses".into(), count: None, message });
    }
    folded
}
