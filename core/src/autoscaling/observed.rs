// SPDX-License-Identifier: Apache-2.0
//! From what was observed and planned to the figures of a workload, and from these to the result.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{AutoscalingResult, Workload},
};
use upsurge_figures::{
    elasticity::DemandSource,
    limits::Limit,
    workload::{self as figures, Bin, DoubtKind, Report},
};

use super::{
    Doubt, Observation, anew::anew, budget, certain::Certain, demand, doubts::after, judged::Judge,
    replay::replayed, standing::standing, workload::told,
};
use crate::{plan::Timeline, thresholds::Windows};

/// Instants that are less apart are the same one, written down with fewer digits.
const SAME: SignedDuration = SignedDuration::from_millis(1);

/// What the figures of a workload come from.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// What was seen of it.
    pub observation: &'a Observation,
    /// The same as events with the folds of its figures, if somebody recorded them; else they are told from the list of samples, which
    /// knows less.
    pub recorded: Option<&'a figures::Workload>,
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

impl Observed<'_> {
    /// The figures.
    pub fn report(&self) -> Option<Report> {
        let demand = demand::declared(self.workload, self.timeline);
        let Some(recorded) = self.recorded else {
            return self.figures(replayed(self.observation, demand));
        };
        let report = self.figures(recorded.clone()).filter(|report| {
            let is_start = report.from.duration_since(self.start).abs() < SAME;
            is_start && *recorded.demand() == demand
        });
        report.or_else(|| self.figures(anew(recorded, demand)))
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

    /// Puts figures into the result, and judges what is expected of them.
    pub fn tell(&self, report: &Report, result: &mut AutoscalingResult) {
        let advice = demand::why_unknown(self.workload, self.timeline, self.base_url);
        let certain = self.recorded.and_then(|recorded| Certain::of(self, recorded));
        if let Some((certain, expect)) = certain.zip(self.workload.expect.as_ref()) {
            certain.check(expect, result);
        }
        if self.recorded.is_some() {
            self.compare_with_settings(report, result);
        }
        if let Some(expect) = &self.workload.expect {
            let lost = result.requests_while_scaling_down.as_ref();
            let judge = Judge { report, advice: advice.as_deref(), lost };
            result.expectations.extend(judge.all(expect));
        }
        let told = told(report, self.workload, advice);
        let limit = report.limits.limited_by().filter(|limit| *limit != Limit::None);
        // Without a demand a limit counts only while it can be seen, which is less than what it does.
        if report.elasticity.demand_source != DemandSource::None || limit.is_some() {
            result.limited_by = limit.map(|limit| format!("{limit:?}"));
        }
        result.workloads = vec![told];
    }

    /// What happened to the autoscaler, or stood in its way, and makes a verdict on it worthless.
    pub fn doubts(&self, report: &Report) -> Vec<Doubt> {
        let standing = self.recorded.map(|recorded| standing(recorded.log(), self.start, self.end));
        doubts_of(report).into_iter().chain(standing.unwrap_or_default()).collect()
    }

    /// Says beside an expectation on time that was missed what the autoscaler's own settings make it take.
    fn compare_with_settings(&self, report: &Report, result: &mut AutoscalingResult) {
        let fewest = self.workload.expect.as_ref().and_then(|expect| expect.min_peak_replicas);
        let fewest = fewest.and_then(|fewest| u32::try_from(fewest).ok());
        let needed = fewest.or(report.limits.most_demanded);
        let missed = result
            .expectations
            .iter_mut()
            .filter(|expectation| !expectation.passed && !expectation.undecided);
        for expectation in missed {
            let allowed = match expectation.name.as_str() {
                "scaleUpWithin" => needed.and_then(|needed| budget::up(report, needed)),
                "scaleDownWithin" => budget::down(report),
                _ => None,
            };
            if let Some((message, allowed)) = expectation.message.as_mut().zip(allowed) {
                *message += &format!("; {allowed}");
            }
        }
    }
}

fn doubts_of(report: &Report) -> Vec<Doubt> {
    let doubt = |doubt: &figures::Doubt| Doubt {
        reason: match doubt.kind {
            DoubtKind::Rollout => reasons::ROLLOUT_DURING_RUN,
            DoubtKind::AutoscalerDeleted => reasons::AUTOSCALER_DELETED,
            DoubtKind::AutoscalerReplaced => reasons::AUTOSCALER_REPLACED,
            DoubtKind::AutoscalerChanged => reasons::AUTOSCALER_CHANGED,
            DoubtKind::ScaledByOthers => reasons::SCALED_BY_OTHERS,
        },
        message: format!(
            "{} (at {:.0} s of the load): what it did can't be judged; leave it alone while a test runs",
            doubt.message,
            doubt.at.duration_since(report.from).as_secs_f64()
        ),
    };
    report.doubts.iter().map(doubt).collect()
}
