// SPDX-License-Identifier: Apache-2.0
//! The epochs of a run that may have several: what came out of the one that is over, and what they say together. Pure.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use upsurge_core::{
    autoscaling::Doubt,
    epochs::{
        self, Done, Next, Seen, Standing, answer, judged, last_passed, probed, scaling, shown, sizing,
        standing,
    },
    plan::MEASURE,
    protocol::RunnerEnd,
    results::custom,
    verdict::Outcome,
};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{EpochResult, LoadTestRunStatus, MetricResult},
};

use super::{Plan, autoscaler, generator, recorded};
use crate::collector::{EpochFigures, Finished, SessionSnapshot};

/// Whether an epoch is finished, or has begun, that the status doesn't know of.
pub fn has_news(status: &LoadTestRunStatus, snapshot: &SessionSnapshot) -> bool {
    let Some(epochs) = &snapshot.epochs else { return false };
    let over = |list: &[EpochResult]| list.iter().filter(|epoch| epoch.outcome.is_some()).count();
    over(&status.epochs) != over(&epochs.history)
}

/// Puts the epochs into the status: those that are finished, and the one under way.
pub(super) fn show(status: &mut LoadTestRunStatus, plan: &Plan, snapshot: &SessionSnapshot) {
    let (Some(view), Some(epochs)) = (&snapshot.epochs, plan.epochs()) else { return };
    status.epochs.clone_from(&view.history);
    if view.is_over {
        return;
    }
    let epoch = epochs.under_way(&view.history);
    let begun = snapshot.t0.map(MicroTime);
    status.epochs.extend(epoch.under_way(begun));
}

/// What came out of the epoch whose load has ended; `None` of a run of one.
pub fn finished(plan: &Plan, snapshot: &SessionSnapshot) -> Option<Finished> {
    let (view, epochs, start) = (snapshot.epochs.as_ref()?, plan.epochs()?, snapshot.t0?);
    let epoch = epochs.under_way(&view.history);
    let end = start.saturating_add(snapshot.elapsed).unwrap_or(Timestamp::MAX);
    let generator = generator(plan, snapshot);
    let thresholds = recorded(plan, snapshot).evaluate(true);
    let mut doubts = autoscaler(plan, snapshot, start, end).map(|(_, doubts)| doubts).unwrap_or_default();
    let stood = stood(plan, snapshot, start);
    if stood == Standing::Gap {
        doubts.push(Doubt {
            reason: reasons::OBSERVATION_INCOMPLETE,
            message: "the replicas of the target were not seen all the time".into(),
        });
    }
    if let Some(why) = &snapshot.restless {
        doubts.push(Doubt { reason: reasons::TARGET_NOT_IDLE, message: why.clone() });
    }
    if epoch.holds() {
        held(&mut doubts, epoch.replicas, stood);
    }
    let result = judged(
        &epoch,
        &Seen {
            test: plan.test(),
            timeline: plan.timeline(),
            metrics: &snapshot.metrics,
            unlimited: snapshot.windows.unlimited(),
            start,
            generator: &generator,
            thresholds: &thresholds,
            doubts: &doubts,
            replicas: match stood {
                Standing::Still(replicas) => Some(replicas),
                Standing::Moved | Standing::Gap | Standing::Unseen => None,
            },
        },
    );
    let figures = epochs::figures(&snapshot.metrics, plan.timeline(), snapshot.elapsed);
    let figures = EpochFigures {
        level: epochs::key(&result),
        summary: figures.summary,
        stages: figures.stages,
        requests: figures.requests,
        expectations: figures.expectations,
        metrics: own_metrics(plan, snapshot),
        thresholds,
        generator,
    };
    Some(Finished { result, figures })
}

/// The test's own metrics over the measured part of a probe, as all of its figures are.
fn own_metrics(plan: &Plan, snapshot: &SessionSnapshot) -> Vec<MetricResult> {
    let alone = epochs::alone(&snapshot.metrics, plan.timeline());
    alone.map_or_else(Vec::new, |(metrics, timeline)| {
        custom(&metrics, &plan.test().metrics, &timeline, timeline.duration())
    })
}

/// What is to be said against an epoch that was to have so many replicas, or, with a size, as many as there were. What an autoscaler does
/// that is held is our doing, and no doubt. Nor is the rollout of a size: it is over before the load begins.
fn held(doubts: &mut Vec<Doubt>, replicas: Option<u32>, stood: Standing) {
    doubts.retain(|doubt| {
        [reasons::ROLLOUT_DURING_RUN, reasons::OBSERVATION_INCOMPLETE].contains(&doubt.reason)
    });
    let found = match stood {
        // Whether it is the same number with each size is asked of all of them together.
        Standing::Still(found) if replicas.is_none_or(|replicas| found == replicas) => return,
        Standing::Still(found) => format!("{found} replicas served"),
        Standing::Moved => "their number changed".into(),
        // Told already, or nothing is known.
        Standing::Gap => return,
        Standing::Unseen => "they were not seen".into(),
    };
    let set = replicas.map_or_else(
        || "the replicas of the target were held".to_owned(),
        |replicas| format!("the target was set to {replicas} replicas"),
    );
    let message = format!("{set}, and {found} while the probe was measured");
    doubts.push(Doubt { reason: reasons::SCALED_BY_OTHERS, message });
}

/// How the replicas of the target's workload stood while the epoch was measured. Of several there is no one number.
fn stood(plan: &Plan, snapshot: &SessionSnapshot, start: Timestamp) -> Standing {
    let is_one = plan.test().target.workloads.len() == 1;
    let Some(stage) = plan.timeline().stage(MEASURE).filter(|_| is_one) else {
        return Standing::Unseen;
    };
    let after = |span: std::time::Duration| {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        start.saturating_add(span).unwrap_or(Timestamp::MAX)
    };
    standing(&snapshot.workload, after(stage.start), after(stage.end()))
}

/// Puts the answer of a search or a test of scalability that has come to its end into the status, with the figures that it rests on; gives the verdict.
pub(super) fn answered(
    status: &mut LoadTestRunStatus,
    plan: &Plan,
    snapshot: &SessionSnapshot,
) -> Option<Outcome> {
    let (view, epochs) = (snapshot.epochs.as_ref().filter(|view| view.is_over)?, plan.epochs()?);
    let (outcome, at) = match epochs.decide(&view.history) {
        Next::Done(Done::Capacity(found)) => {
            let answer = answer(plan.test(), &found, &view.history);
            status.capacity = Some(Box::new(answer.capacity));
            (answer.outcome, shown(&view.history, &found).filter(|_| found.level.is_some()))
        }
        Next::Done(Done::Scalability(found)) => {
            let answer = scaling(&found);
            status.scalability = Some(Box::new(answer.result));
            (answer.outcome, last_passed(&view.history))
        }
        Next::Done(Done::Sizes(found)) => {
            let answer = sizing(&found);
            status.scalability = Some(Box::new(answer.result));
            (answer.outcome, last_passed(&view.history))
        }
        Next::Done(Done::Once) | Next::Epoch(_) => return None,
    };
    // Without one that passed they are those of the last one.
    let last = epochs::figures(&snapshot.metrics, plan.timeline(), snapshot.elapsed);
    status.summary = Some(Box::new(last.summary));
    (status.requests, status.expectations) = (last.requests, last.expectations);
    status.metrics = own_metrics(plan, snapshot);
    if let Some(kept) =
        at.and_then(|at| view.figures.iter().find(|kept| kept.level == epochs::key(at))).cloned()
    {
        status.summary = Some(Box::new(kept.summary));
        status.stages = kept.stages;
        status.requests = kept.requests;
        status.expectations = kept.expectations;
        status.metrics = kept.metrics;
        status.thresholds = kept.thresholds;
        status.generator = Some(Box::new(kept.generator));
    }
    Some(outcome)
}

/// Says what the finished epochs of a search or a test of scalability have shown that was stopped before its end. Of a search, each of them is
/// in the status as it is; of a test of scalability the figures of its counts are put there.
pub(super) fn tell_so_far(
    status: &mut LoadTestRunStatus,
    outcome: &mut Outcome,
    plan: &Plan,
    snapshot: &SessionSnapshot,
) {
    let (Some(view), Some(epochs)) = (&snapshot.epochs, plan.epochs()) else { return };
    if view.is_over {
        return;
    }
    let mut history = view.history.clone();
    // Where all runners have gone through a load to its end, only the next one could not be begun.
    let is_whole = snapshot.runners.iter().all(|runner| runner.end == Some(RunnerEnd::Completed));
    if is_whole && snapshot.is_between_epochs() {
        history.extend(finished(plan, snapshot).map(|finished| finished.result));
        status.epochs.clone_from(&history);
    }
    let told = match epochs.so_far(&history) {
        Some(Done::Capacity(found)) => probed(&found, &history),
        Some(Done::Scalability(found)) => {
            status.scalability = Some(Box::new(scaling(&found).result));
            found.served()
        }
        Some(Done::Sizes(found)) => {
            status.scalability = Some(Box::new(sizing(&found).result));
            found.served()
        }
        Some(Done::Once) | None => None,
    };
    if let Some(told) = told {
        outcome.message += &format!("; until then {told}");
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_they_were_set(Standing::Still(3), None)]
    #[case::others(Standing::Still(4), Some("and 4 replicas served"))]
    #[case::not_for_long(Standing::Moved, Some("and their number changed"))]
    #[case::unseen(Standing::Unseen, Some("and they were not seen"))]
    #[case::told_already(Standing::Gap, None)]
    fn of_replicas_that_were_set_only_what_others_did_is_a_doubt(
        #[case] stood: Standing,
        #[case] expected: Option<&str>,
    ) {
        let doubt = |reason| Doubt { reason, message: "somebody did something".into() };
        // What holding an autoscaler looks like, and what is a doubt all the same.
        let ours = [
            reasons::AUTOSCALER_CHANGED,
            reasons::AUTOSCALER_DELETED,
            reasons::AUTOSCALER_PAUSED,
            reasons::SCALED_BY_OTHERS,
            reasons::METRICS_UNAVAILABLE,
        ];
        let kept = [reasons::ROLLOUT_DURING_RUN, reasons::OBSERVATION_INCOMPLETE];
        let mut doubts: Vec<Doubt> = ours.into_iter().chain(kept).map(doubt).collect();
        held(&mut doubts, Some(3), stood);
        let told: Vec<&str> = doubts.iter().map(|doubt| doubt.reason).collect();
        match expected {
            None => assert_eq!(told, kept),
            Some(words) => {
                assert_eq!(told, [kept[0], kept[1], reasons::SCALED_BY_OTHERS]);
                assert!(doubts[2].message.contains(words), "{}", doubts[2].message);
            }
        }
    }

    #[rstest]
    #[case::still(Standing::Still(4), None)]
    #[case::not_for_long(
        Standing::Moved,
        Some("the replicas of the target were held, and their number changed")
    )]
    #[case::unseen(Standing::Unseen, Some("the replicas of the target were held, and they were not seen"))]
    fn of_a_size_any_number_of_replicas_will_do_that_stands_still(
        #[case] stood: Standing,
        #[case] expected: Option<&str>,
    ) {
        let mut doubts = Vec::new();
        held(&mut doubts, None, stood);
        assert_eq!(doubts.len(), usize::from(expected.is_some()));
        assert!(
            doubts.iter().zip(expected).all(|(doubt, words)| doubt.message.starts_with(words)),
            "{doubts:?}"
        );
    }
}
