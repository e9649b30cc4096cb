// SPDX-License-Identifier: Apache-2.0
//! A staircase that turns back, played with two runners: the target breaks in the fourth of ten steps of ten seconds, at 400, and 600 are
//! half as much again.

use upsurge_core::{
    metrics::{Metrics, names},
    plan::{Plan, RECOVERY, Turn, Turned},
};

use super::*;
use crate::collector::start::{LEAD, LEAST_LEAD};

const T0: i64 = 2 * SECOND + LEAD;
/// After the step at 600.
const EXPECTED: Option<Turn> = Some(Turn { last_step: 6 });

fn staircase() -> RunPlan {
    let mut plan = plan(2, false);
    plan.test.load = serde_json::from_value(json!({"unit": "IterationsPerSecond", "stress": {
        "start": 100, "increment": 100, "max": 1000, "every": "10s", "brokenAt": {"errorRate": "5%"},
        "degradation": {}, "recoverWithin": "10s"}}))
    .unwrap();
    plan
}

fn started(plan: &RunPlan) -> Session {
    let mut session = Session::new(plan, None);
    [0, 1].iter().for_each(|runner| drop(says(&mut session, &hello(*runner), 2 * SECOND)));
    save(&mut session, 2 * SECOND + LEAST_LEAD);
    assert_eq!(session.t0(), Some(T0));
    session
}

/// What a runner is told that has done the second before this one.
fn reports(session: &mut Session, runner: u32, second: u64, turned_ms: Option<u64>) -> Option<Turn> {
    let step = (second - 1) / 10 + 1;
    let tags = Tags { stage: Some(format!("step-{step}")), ..Tags::default() };
    let key = SeriesKey { metric: names::HTTP_REQ_FAILED.into(), tags };
    let mut metrics = Metrics::default();
    metrics.add(key, &Sink::Rate { passes: if step >= 4 { 10 } else { 0 }, total: 100 });
    let (from_ms, to_ms) = (second * 1_000 - 1_000, second * 1_000);
    let mut batch = batch(runner, T0, &[second]);
    batch.deltas[0] = Delta { number: second, from_ms, to_ms, metrics, turned_ms, ..Delta::default() };
    session.deltas(&batch, &pod(runner), T0 + second as i64 * SECOND).unwrap().turn
}

/// Both runners report up to a second; the checkpoint is written after each that `is_saved` names.
fn up_to(session: &mut Session, seconds: std::ops::RangeInclusive<u64>, is_saved: impl Fn(u64) -> bool) {
    for second in seconds {
        for runner in [0, 1] {
            reports(session, runner, second, None);
        }
        if is_saved(second) {
            save(session, T0 + second as i64 * SECOND);
        }
    }
}

#[test]
fn where_the_load_turns_back_is_told_to_all_once_it_is_durable() {
    let mut session = started(&staircase());
    up_to(&mut session, 1..=52, |_| true);
    assert!(!session.is_urgent() && session.turn().is_none());
    assert_eq!(reports(&mut session, 0, 53, None), None);
    assert_eq!(session.state().turn, EXPECTED, "both have told of the step in which it broke");
    assert!(session.is_urgent());
    assert_eq!(reports(&mut session, 1, 53, None), None, "it is not durable yet");
    save(&mut session, T0 + 53 * SECOND);
    assert!(!session.is_urgent());
    for runner in [0, 1] {
        assert_eq!(reports(&mut session, runner, 54, None), EXPECTED);
    }
}

#[test]
fn an_operator_that_is_killed_before_it_was_durable_decides_the_same_and_one_after_it_keeps_to_it() {
    let plan = staircase();
    let mut session = started(&plan);
    up_to(&mut session, 1..=52, |_| true);
    let mut second = restarted(&session, &plan);
    up_to(&mut session, 53..=54, |_| false);
    up_to(&mut second, 53..=54, |_| false);
    assert_eq!((session.state().turn, second.state().turn), (EXPECTED, EXPECTED));
    save(&mut second, T0 + 54 * SECOND);

    let mut third = restarted(&second, &plan);
    assert_eq!(third.turn(), EXPECTED, "known from the checkpoint");
    up_to(&mut third, 55..=58, |_| true);
    assert_eq!(third.state().turn, EXPECTED);
    assert_eq!(reports(&mut third, 0, 59, None), EXPECTED);
}

#[test]
fn an_operator_that_was_away_turns_the_load_where_all_can_still_hear_of_it() {
    let plan = staircase();
    let mut session = started(&plan);
    up_to(&mut session, 1..=52, |_| true);
    let mut next = restarted(&session, &plan);
    // It comes back at 66 s; runners send what they have, and climb on meanwhile.
    for second in 53..=66 {
        for runner in [0, 1] {
            let mut late = batch(runner, T0, &[second]);
            late.deltas[0] = Delta {
                number: second,
                from_ms: second * 1_000 - 1_000,
                to_ms: second * 1_000,
                ..Delta::default()
            };
            next.deltas(&late, &pod(runner), T0 + 66 * SECOND).unwrap();
        }
    }
    assert_eq!(next.state().turn, Some(Turn { last_step: 7 }), "6 is over, and 7 ends at 70 s");
}

#[test]
fn who_turned_late_or_never_is_known() {
    let plan = staircase();
    let mut session = started(&plan);
    up_to(&mut session, 1..=59, |_| true);
    let turned = |session: &Session| session.turned().map(|Turned { late, .. }| late);
    let never = |session: &Session| session.turned().is_some_and(|turned| turned.never);
    assert!(!session.is_turning());
    reports(&mut session, 0, 60, Some(60_000));
    reports(&mut session, 1, 60, None);
    assert!(session.is_turning());
    assert_eq!(turned(&session), Some(1));
    reports(&mut session, 1, 61, Some(61_000));
    assert_eq!(turned(&session), Some(0), "within the second");
    save(&mut session, T0 + 61 * SECOND);
    assert_eq!(turned(&restarted(&session, &plan)), Some(0));

    let mut late = started(&plan);
    up_to(&mut late, 1..=61, |_| true);
    reports(&mut late, 0, 62, Some(60_000));
    reports(&mut late, 1, 62, Some(61_500));
    assert_eq!((turned(&late), never(&late)), (Some(1), false));

    // The operator was away for the rest of the load.
    let mut away = started(&plan);
    up_to(&mut away, 1..=55, |_| true);
    for runner in [0, 1] {
        assert!(!never(&away));
        let mut last = batch(runner, T0, &[56]);
        last.deltas[0].to_ms = 141_000;
        last.deltas[0].done = Some(RunnerEnd::Completed);
        away.deltas(&last, &pod(runner), T0 + 200 * SECOND).unwrap();
    }
    assert_eq!((turned(&away), never(&away)), (Some(2), true));
}

#[test]
fn a_load_that_is_stopped_turns_nowhere() {
    let mut session = started(&staircase());
    up_to(&mut session, 1..=50, |_| true);
    session.stop("aborted");
    up_to(&mut session, 51..=58, |_| true);
    assert_eq!(session.state().turn, None);
}

#[test]
fn no_other_load_turns_back() {
    let mut plan = staircase();
    let stress = plan.test.load.stress.as_mut().unwrap();
    (stress.broken_at, stress.degradation, stress.recover_within) = (None, None, None);
    let mut session = started(&plan);
    up_to(&mut session, 1..=58, |_| true);
    assert_eq!((session.state().turn, session.turned()), (None, None));
}

/// Whether requests met the limit of `brokenAt`, second by second of the stretch in which that is asked, after both runners have told of
/// a load of which the rest from the sixth step on is this long and of which nothing fails.
fn recovering(told: Option<u64>, rest: u64) -> Vec<(u32, u32)> {
    let plan = staircase();
    let mut session = started(&plan);
    up_to(&mut session, 1..=55, |_| true);
    assert_eq!(session.turn(), EXPECTED);
    let mut session = restarted(&session, &plan);
    for second in 56..=60 + rest {
        for runner in [0, 1] {
            let mut batch = batch(runner, T0, &[second]);
            let delta = &mut batch.deltas[0];
            let key = |metric: &str| SeriesKey { metric: metric.into(), tags: Tags::default() };
            delta.metrics.add(key(names::HTTP_REQS), &Sink::Counter(10.0));
            delta.metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: 0, total: 10 });
            (delta.from_ms, delta.to_ms, delta.turned_ms) = (second * 1_000 - 1_000, second * 1_000, told);
            delta.done = (second == 60 + rest).then_some(RunnerEnd::Completed);
            session.deltas(&batch, &pod(runner), T0 + second as i64 * SECOND).unwrap();
        }
    }
    assert_eq!(session.turned().map(|turned| turned.never), Some(told.is_none()));
    let seconds = session.state().totals.windows.seconds().stretches();
    seconds.iter().filter(|stretch| stretch.met.is_some()).map(|stretch| (stretch.from, stretch.to)).collect()
}

#[test]
fn thresholds_are_put_to_the_load_that_there_was() {
    let plan = staircase();
    let planned = Plan::compile(&plan.test.load, &[]).unwrap().timeline;
    let recovery = planned.stage(RECOVERY).unwrap().duration.as_secs();
    let [turned, climbed] = [60, 100].map(|from| vec![(from, from + recovery as u32)]);
    assert_eq!(recovering(Some(60_000), recovery), turned);
    assert_eq!(recovering(None, 40 + recovery), climbed, "nobody had heard of it");
}
