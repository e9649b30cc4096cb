// SPDX-License-Identifier: Apache-2.0
//! From what was recorded and planned to the result of a workload: numbers of replicas, figures, expectations and doubts, all of one
//! record.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use upsurge_crds::v1alpha1::{
    AutoscalingResult, RecommendationResult, RequestsWhileScalingDown, Workload, WorkloadResult,
};
use upsurge_figures::workload::{self as figures, Bin, Report};

use super::{
    Doubt,
    analyse::{analyse, autoscaler, own_need},
    anew::anew,
    demand,
    doubts::{after, doubts},
    judged::Judge,
    limiting::Limiting,
    workload::{recommendation, told},
};
use crate::{plan::Timeline, thresholds::Windows};

/// Instants that are less apart are the same one, written down with fewer digits.
const SAME: SignedDuration = SignedDuration::from_millis(1);

/// What the result of a workload comes from.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// What was seen of it, as events with the folds of its figures.
    pub record: &'a figures::Workload,
    /// The load as it was carried out.
    pub timeline: &'a Timeline,
    /// Whether thresholds were met, second by second.
    pub windows: &'a Windows,
    /// The start of the load.
    pub start: Timestamp,
    /// The end of the observation.
    pub end: Timestamp,
    /// The workload, with what is expected of it.
    pub workload: &'a Workload,
    /// Base URL of the target, for advice.
    pub base_url: &'a str,
}

/// Says to a workload that is recorded that its load starts, and how it goes by plan. The sooner, the less of its figures depends on what
/// a bounded log has left out. Only the first time counts.
pub fn begin(recorded: &mut figures::Workload, timeline: &Timeline, start: Timestamp) {
    let steps = demand::steps(timeline, recorded.demand(), start);
    recorded.begin(start, steps);
}

/// Says to it that the load turns back after a time, and that it goes like this then. Only the first time counts.
pub fn turn(recorded: &mut figures::Workload, turned: &Timeline, start: Timestamp, at: Duration) {
    let steps = demand::steps(turned, recorded.demand(), start);
    recorded.turn(after(start, at), steps);
}

impl Observed<'_> {
    /// The figures.
    pub fn report(&self) -> Option<Report> {
        let demand = demand::declared(self.workload, self.timeline);
        let report = self.figures(self.record.clone()).filter(|report| {
            let is_start = report.from.duration_since(self.start).abs() < SAME;
            is_start && *self.record.demand() == demand
        });
        report.or_else(|| self.figures(anew(self.record, demand)))
    }

    fn figures(&self, mut observed: figures::Workload) -> Option<Report> {
        begin(&mut observed, self.timeline, self.start);
        let over = after(self.start, self.timeline.duration());
        observed.end_load(over);
        let at = |second: u32| after(self.start, Duration::from_secs(second.into())).min(over);
        for stretch in self.windows.seconds().stretches() {
            let (from, to) = (at(stretch.from), at(stretch.to));
            if to > from {
                observed.bin(Bin { from, to, met: stretch.met });
            }
        }
        observed.report(self.end)
    }

    /// What the autoscaler did, and what came of what is expected of it.
    pub fn result(&self, report: &Report, lost: Option<RequestsWhileScalingDown>) -> AutoscalingResult {
        self.judged(report, lost).0
    }

    /// The same with when the first expectation was missed. One on figures of the whole load was missed when that was over.
    pub(super) fn judged(
        &self,
        report: &Report,
        lost: Option<RequestsWhileScalingDown>,
    ) -> (AutoscalingResult, Option<Timestamp>) {
        let autoscaler = autoscaler(self.record.log(), self.start, self.end);
        let limit = Limiting::of(report, autoscaler, own_need(self.workload, self.timeline));
        let (analysed, mut missed) = analyse(self, &report.latency, limit.as_ref());
        let mut result = AutoscalingResult { requests_while_scaling_down: lost, ..analysed };
        let advice = demand::why_unknown(self.workload, self.timeline, self.base_url);
        if let Some(expect) = &self.workload.expect {
            let judge = Judge {
                report,
                advice: advice.as_deref(),
                lost: result.requests_while_scaling_down.as_ref(),
                limit: limit.as_ref(),
            };
            let judged = judge.all(expect);
            if judged.iter().any(|one| !one.passed && !one.undecided) {
                let over = after(self.start, self.timeline.duration()).min(self.end);
                missed = Some(missed.map_or(over, |missed| missed.min(over)));
            }
            result.expectations.extend(judged);
        }
        let mut workload = told(report, self.workload, advice);
        if let Some(limit) = &limit {
            name_limit(limit, &mut workload);
            limit.say_once(&mut result.expectations);
        }
        result.workloads = vec![workload];
        (result, missed)
    }

    /// What happened to the autoscaler, or stood in its way, and makes a verdict on it worthless.
    pub fn doubts(&self, report: &Report) -> Vec<Doubt> {
        doubts(self, report)
    }
}

/// The workload's own limit is that of the run, with what to change about it.
fn name_limit(limit: &Limiting, workload: &mut WorkloadResult) {
    workload.limited_by = Some(format!("{:?}", limit.limit));
    if let Some(change) = &limit.change {
        let change: RecommendationResult = recommendation(change);
        workload.recommendation = Some(change);
    }
}
