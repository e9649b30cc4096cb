// SPDX-License-Identifier: Apache-2.0
//! Staircases on simulated targets, against what is computed from the target itself.

mod turned;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::LoadTestSpec;

use super::*;
use crate::{
    findings::{Findings, NO_FINDINGS},
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
    plan::Plan,
    thresholds::{Windowed, Windows},
};

/// A target that serves so many requests per second, and what becomes of the rest.
#[derive(Clone, Copy, Debug)]
struct Target {
    capacity: u64,
    /// Percent of the requests beyond it that are turned away with 503; others are reset.
    answered: u64,
    /// How many good answers each request beyond it costs, in percent of one.
    loss: u64,
    /// Seconds after the load fell in which requests still fail.
    slow: u64,
}

impl Target {
    /// Good answers, answers with 503 and resets of a second with so many requests.
    fn second(self, requests: u64) -> (u64, u64, u64) {
        if requests <= self.capacity {
            return (requests, 0, 0);
        }
        let good = self.capacity.saturating_sub((requests - self.capacity) * self.loss / 100);
        let failed = requests - good;
        let answered = failed * self.answered / 100;
        (good, answered, failed - answered)
    }
}

fn spec(stress: &Value) -> LoadTestSpec {
    let mut load =
        json!({"start": 100, "increment": 100, "max": 1000, "every": "5s", "brokenAt": {"errorRate": "5%"}});
    for (field, value) in stress.as_object().unwrap() {
        load[field] = value.clone();
    }
    serde_json::from_value(json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
        "load": {"unit": "IterationsPerSecond", "stress": load},
        "thresholds": [{"metric": "http_req_duration", "condition": "p(95) < 200ms", "selector": {"stage": "recovery"}}]
    }))
    .unwrap_or_else(|error| panic!("{error}"))
}

fn without_recovery(stress: &Value) -> LoadTestSpec {
    let mut spec = spec(stress);
    spec.thresholds.clear();
    spec
}

/// Carries out the load on a target, second by second, until a time.
fn found(test: &LoadTestSpec, target: Target, until: u64, restarts: Option<&Restarts>) -> StressResult {
    found_since(0, test, target, until, restarts, None)
}

/// The same, with nothing but the merged series of the time before a second, and of a load that turns back perhaps.
fn found_since(
    since: u64,
    test: &LoadTestSpec,
    target: Target,
    until: u64,
    restarts: Option<&Restarts>,
    turned: Option<Turned>,
) -> StressResult {
    let planned = Plan::compile(&test.load, &[]).unwrap().timeline;
    let timeline = match turned.and_then(|turned| turned.turn.skip(&planned)) {
        Some(skip) => planned.without(skip),
        None => planned.clone(),
    };
    let windowed = Windowed::new(test, &planned).turned(test, &timeline);
    let (mut windows, mut all) = (Windows::default(), Metrics::default());
    let end = timeline.duration().as_secs().min(until);
    let fall = timeline.stage(RECOVERY).map_or(u64::MAX, |stage| stage.start.as_secs());
    for second in 0..end {
        let at = Duration::from_secs(second);
        let stage = timeline.stages[timeline.stage_at(at)].name.clone();
        let requests = timeline.level_at(at) as u64;
        let (good, answered, reset) = if second >= fall && second < fall + target.slow {
            (0, 0, requests)
        } else {
            target.second(requests)
        };
        let mut metrics = Metrics::default();
        for (status, count, failed) in [(200, good, false), (503, answered, true), (0, reset, true)] {
            let tags = Tags {
                stage: Some(stage.clone()),
                request: Some("/".into()),
                status: Some(status),
                ..Tags::default()
            };
            let key = |metric: &str| SeriesKey { metric: metric.into(), tags: tags.clone() };
            let passes = if failed { count } else { 0 };
            metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes, total: count });
            metrics.add(key(names::HTTP_REQS), &Sink::Counter(count as f64));
            let mut durations = Trend::default();
            durations.record_many(Duration::from_millis(20), count);
            metrics.add(key(names::HTTP_REQ_DURATION), &Sink::Trend(durations));
        }
        all.merge(&metrics);
        if second < since {
            continue;
        }
        windowed.add(&mut windows, at, at + Duration::from_secs(1), &metrics);
        windowed.close(&mut windows, at + Duration::from_secs(1), &all);
        windows = serde_json::from_str(&serde_json::to_string(&windows).unwrap()).unwrap();
    }
    let recorded = Recorded {
        test,
        timeline: &timeline,
        turned,
        metrics: &all,
        windows: &windows,
        thresholds: &[],
        elapsed: Duration::from_secs(end),
        restarts,
        autoscaling: None,
        verified: None,
    };
    Findings::of(&recorded).stress.unwrap()
}

fn line<'a>(result: &'a StressResult, name: &str) -> &'a ExpectationResult {
    result
        .expectations
        .iter()
        .find(|one| one.name == name)
        .unwrap_or_else(|| panic!("no {name} in {result:?}"))
}

/// A line as passed, failed or undecided.
fn verdict(result: &StressResult, name: &str) -> &'static str {
    let line = line(result, name);
    match (line.passed, line.undecided) {
        (true, _) => "passed",
        (false, true) => "undecided",
        (false, false) => "failed",
    }
}

const STEADY: Target = Target { capacity: 450, answered: 100, loss: 0, slow: 0 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_breaking_point_is_within_one_increment_and_the_rest_is_what_the_target_did(
        capacity in 60_u64..1_200,
        answered in 80_u64..=100,
        loss in 0_u64..60,
    ) {
        let target = Target { capacity, answered, loss, slow: 0 };
        let result = found(&without_recovery(&json!({"degradation": {}})), target, u64::MAX, None);
        // All of it anew from the target alone, level by level.
        let levels: Vec<u64> = (1..=10).map(|step| step * 100).collect();
        let outcomes: Vec<(u64, u64, u64)> = levels.iter().map(|level| target.second(*level)).collect();
        let share = |index: usize| (outcomes[index].1 + outcomes[index].2) as f64 / levels[index] as f64;
        let broken = (0..10).find(|index| share(*index) >= 0.05);
        let point = result.breaking_point.clone();
        prop_assert_eq!(point.as_ref().map(|point| point.level.clone()), broken.map(|index| levels[index].to_string()));
        let Some(broken) = broken else {
            prop_assert_eq!(verdict(&result, "minGoodPercent"), "undecided");
            prop_assert!(capacity as f64 > 0.95 * 1000.0 - 1.0);
            return Ok(());
        };
        // What fails is above the capacity, and 5 % of a step are less than the next increment from there.
        prop_assert!(levels[broken] > capacity && levels[broken] <= capacity + 100 + capacity / 19 + 1);
        let overload = levels[broken] * 3 / 2;
        let judged: Vec<usize> = (broken..10).filter(|index| levels[*index] <= overload).collect();
        let best = (0..=*judged.last().unwrap()).map(|index| outcomes[index].0).max().unwrap();
        let is_good = |last: usize| (broken..=last).all(|index| outcomes[index].0 * 100 >= best * 80);
        let is_answered = |last: usize| {
            let sum = |of: fn(&(u64, u64, u64)) -> u64| outcomes[broken..=last].iter().map(of).sum::<u64>();
            sum(|one| one.1) * 100 >= sum(|one| one.1 + one.2) * 95
        };
        // The last step that is not beyond the overload, and the first that is not below it.
        let (below, above) = (*judged.last().unwrap(), (0..10).find(|index| levels[*index] >= overload));
        let lines: [(&str, &dyn Fn(usize) -> bool); 2] =
            [("minGoodPercent", &is_good), ("minAnsweredPercent", &is_answered)];
        for (name, holds) in lines {
            let expected = match (holds(below), above.map(holds)) {
                (false, _) => "failed",
                (true, Some(true)) => "passed",
                (true, Some(false) | None) => "undecided",
            };
            prop_assert_eq!(verdict(&result, name), expected, "{:?}", result);
        }
    }
}

#[rstest]
#[case::at_once(0, "passed", "0s")]
#[case::in_time(7, "passed", "7s")]
#[case::at_the_last_moment(10, "passed", "10s")]
#[case::too_late(11, "failed", "11s")]
#[case::never(60, "failed", "never")]
fn recovery_counts_from_the_fall_of_the_load(
    #[case] slow: u64,
    #[case] expected: &str,
    #[case] observed: &str,
) {
    let test = spec(&json!({"recoverWithin": "10s"}));
    let result = found(&test, Target { slow, ..STEADY }, u64::MAX, None);
    let line = line(&result, RECOVER_WITHIN);
    assert_eq!(
        (verdict(&result, RECOVER_WITHIN), line.observed.as_str()),
        (expected, observed),
        "{result:?}"
    );
}

#[test]
fn a_load_that_ends_early_says_where_the_target_broke_and_leaves_the_rest_open() {
    let test = spec(&json!({"degradation": {}, "recoverWithin": "10s"}));
    // In the middle of the step in which it breaks.
    let result = found(&test, STEADY, 23, None);
    let point = result.breaking_point.as_ref().unwrap();
    assert_eq!((point.step.as_str(), point.last_good_level.as_deref()), ("step-5", Some("400")));
    assert!(result.expectations.iter().all(|one| one.undecided), "{result:?}");
}

#[test]
fn a_staircase_that_is_too_low_is_said_and_never_passed() {
    let low = spec(&json!({"max": 600, "degradation": {}, "recoverWithin": "10s"}));
    let result = found(&low, STEADY, u64::MAX, None);
    let good = line(&result, "minGoodPercent");
    assert!(good.undecided, "{good:?}");
    let message = good.message.as_ref().unwrap();
    assert!(message.contains("went up to 600 of the 750 iterations/s"), "{message}");
    // What fails below the overload has failed, however low the staircase is.
    let resets = found(&low, Target { answered: 50, ..STEADY }, u64::MAX, None);
    assert_eq!(verdict(&resets, "minAnsweredPercent"), "failed");
    let unbroken = found(&low, Target { capacity: 2_000, ..STEADY }, u64::MAX, None);
    assert_eq!((unbroken.breaking_point.is_none(), verdict(&unbroken, RECOVER_WITHIN)), (true, "undecided"));
    assert!(unbroken.message.contains("did not break up to 600 iterations/s"), "{}", unbroken.message);
    let findings = Findings { stress: Some(unbroken), ..NO_FINDINGS.clone() };
    assert!(findings.lines().iter().all(|line| line.reason == "OverloadNotReached"), "{findings:?}");
}

#[rstest]
#[case::holds_above_it(0, "passed")]
#[case::holds_below_it_only(60, "undecided")]
fn what_no_step_is_at_is_told_by_the_first_one_above_it(#[case] loss: u64, #[case] expected: &str) {
    // It breaks in the first step, at 100, and the next one is at 200% of that.
    let target = Target { capacity: 95, loss, ..STEADY };
    let result = found(&without_recovery(&json!({"degradation": {}})), target, u64::MAX, None);
    let good = line(&result, "minGoodPercent");
    assert_eq!(verdict(&result, "minGoodPercent"), expected, "{result:?}");
    let told = good.message.as_ref().unwrap_or(&good.observed);
    assert!(told.contains("judged up to 200 iterations/s (200% of the breaking point)"), "{told}");
    if good.undecided {
        assert!(told.contains("judged up to 100 iterations/s (100% of the breaking point), but "), "{told}");
        assert!(told.contains("no step is at the 150 iterations/s that are 150% of"), "{told}");
    }
}

#[rstest]
#[case::in_the_step_that_broke(22, None)]
#[case::before_any_counted_step_was_good(20, None)]
#[case::in_the_last_good_step(17, Some("400"))]
fn steps_that_nobody_counted_are_not_taken_for_good_ones_or_bad_ones(
    #[case] since: u64,
    #[case] last_good: Option<&str>,
) {
    let test = spec(&json!({"degradation": {}, "recoverWithin": "10s"}));
    let result = found_since(since, &test, STEADY, u64::MAX, None, None);
    let point = result.breaking_point.as_ref();
    assert_eq!(point.and_then(|point| point.last_good_level.as_deref()), last_good, "{result:?}");
    if last_good.is_none() {
        let why = "not known: no request was counted in the steps before step-5 at 500 iterations/s";
        assert!(point.is_none() && result.message.contains(why), "{}", result.message);
        let is_told = |one: &ExpectationResult| one.undecided && one.message.as_ref().unwrap().contains(why);
        assert!(result.expectations.iter().all(is_told), "{result:?}");
        let findings = Findings { stress: Some(result), ..NO_FINDINGS.clone() };
        assert!(findings.lines().iter().all(|line| line.reason == "ObservationIncomplete"), "{findings:?}");
    } else {
        assert!(result.expectations.iter().all(|one| one.passed), "{result:?}");
    }
}

#[rstest]
#[case::with_all_others(json!(["500-599"]), "passed")]
#[case::alone(json!([503]), "passed")]
#[case::that_are_not_among_them(json!([429]), "failed")]
fn a_test_says_by_which_statuses_a_target_may_turn_requests_away(
    #[case] answers: Value,
    #[case] expected: &str,
) {
    // The target says 503.
    let result =
        found(&without_recovery(&json!({"degradation": {"answers": answers}})), STEADY, u64::MAX, None);
    assert_eq!(verdict(&result, "minAnsweredPercent"), expected, "{result:?}");
}

#[rstest]
#[case::none(&[], None, "passed")]
#[case::before_the_breaking_point(&[10], None, "passed")]
#[case::beyond_it(&[10, 30], None, "failed")]
#[case::unseen(&[10], Some((5, 22)), "undecided")]
#[case::unseen_before(&[], Some((5, 19)), "passed")]
fn a_restart_beyond_the_breaking_point_is_no_grace(
    #[case] seen: &[u64],
    #[case] gap: Option<(u64, u64)>,
    #[case] expected: &str,
) {
    let seconds = Duration::from_secs;
    let restarts = Restarts::told(
        seen.iter().map(|at| (seconds(*at), "shop-1".to_owned())).collect(),
        gap.iter().map(|(from, to)| (seconds(*from), seconds(*to))).collect(),
    );
    let result = found(&without_recovery(&json!({"degradation": {}})), STEADY, u64::MAX, Some(&restarts));
    assert_eq!(verdict(&result, "maxRestarts"), expected, "{result:?}");
    // Nobody who did not watch says anything about it.
    let unwatched = found(&without_recovery(&json!({"degradation": {}})), STEADY, u64::MAX, None);
    assert!(unwatched.message.ends_with("was not watched") && unwatched.expectations.len() == 2);
}

#[test]
fn only_a_staircase_with_a_failure_threshold_has_a_breaking_point() {
    let stopping = json!({"brokenAt": null, "stopAt": {"errorRate": "5%"}});
    let result = found(&without_recovery(&stopping), STEADY, 22, None);
    assert_eq!(result.breaking_point.map(|point| point.level), Some("500".into()));
    let mut plain = without_recovery(&json!({}));
    plain.load.stress.as_mut().unwrap().broken_at = None;
    let timeline = Plan::compile(&plain.load, &[]).unwrap().timeline;
    let recorded = Recorded {
        test: &plain,
        timeline: &timeline,
        turned: None,
        metrics: &Metrics::default(),
        windows: &Windows::default(),
        thresholds: &[],
        elapsed: Duration::from_secs(50),
        restarts: None,
        autoscaling: None,
        verified: None,
    };
    assert_eq!(Findings::of(&recorded), NO_FINDINGS);
}
