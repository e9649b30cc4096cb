// SPDX-License-Identifier: Apache-2.0
//! The verdict of a run whose results are lost, as far as it does not hang on them. Pure.

use upsurge_core::{
    epochs::{Done, Next, answer, scaling, sizing},
    findings::Findings,
    verdict::{Breakdown, Evidence, Outcome, judge},
};
use upsurge_crds::v1alpha1::{EndCauseType, EpochResult, LoadTestRunStatus, Verdict};

use crate::load_test_run::{plan::Plan, progress::Cause};

/// The verdict of a run that had load and ended early: what stopped it or broke comes before all that was measured.
pub fn cut_short(plan: &Plan, cause: &Cause) -> Outcome {
    let (reason, message) = (cause.reason().to_owned(), cause.message().to_owned());
    if cause.type_() == EndCauseType::ThresholdBreached {
        return Outcome { verdict: Verdict::Failed, reason, message };
    }
    let is_breakdown = cause.type_() == EndCauseType::Breakdown;
    let breakdown = Breakdown { reason, message };
    judge(&Evidence {
        test: plan.test(),
        aborted: (!is_breakdown).then(|| cause.message()),
        breakdown: is_breakdown.then_some(&breakdown),
        doubts: &[],
        summary: None,
        unlimited: 0,
        thresholds: &[],
        autoscaling: None,
        findings: &Findings::default(),
        checks: &[],
        limits: &[],
        generator: None,
    })
}

/// The verdict of a search or a test of scalability by what the status tells of its epochs, with what it has found put beside them; `None`
/// if it had not come to its end, or not all of them are known.
pub fn answer_alone(status: &mut LoadTestRunStatus, plan: &Plan) -> Option<Outcome> {
    let epochs = &status.epochs;
    // A status that would become too large leaves some out.
    let is_next = |(epoch, number): (&EpochResult, i32)| epoch.number == number && epoch.outcome.is_some();
    if !epochs.iter().zip(1..).all(is_next) {
        return None;
    }
    match plan.epochs()?.decide(epochs) {
        Next::Done(Done::Capacity(found)) => {
            let answer = answer(plan.test(), &found, epochs);
            status.capacity = Some(Box::new(answer.capacity));
            Some(answer.outcome)
        }
        Next::Done(Done::Scalability(found)) => {
            let answer = scaling(&found);
            status.scalability = Some(Box::new(answer.result));
            Some(answer.outcome)
        }
        Next::Done(Done::Sizes(found)) => {
            let answer = sizing(&found);
            status.scalability = Some(Box::new(answer.result));
            Some(answer.outcome)
        }
        Next::Done(Done::Once) | Next::Epoch(_) => None,
    }
}
