// SPDX-License-Identifier: Apache-2.0
//! k6's executors and the patterns of load: what they compile to, with times taken from k6's own tests,
//! and that any number of runners and cores together do exactly the whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{
    implied::with_thresholds,
    plan::schedule::{Arrivals, Part, Share, Users, WeightedChoice},
    plan::{LoadPlan, Plan, Work, busiest, carried_out},
    validate::validate,
};
use upsurge_crds::v1alpha1::{Load, LoadTestSpec, LoadUnit};

fn compile(load: Value) -> Result<Plan, Vec<String>> {
    let load: Load = serde_json::from_value(load).unwrap();
    Plan::compile(&load, &["browse", "pay"])
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn executor(executor: Value) -> LoadPlan {
    compile(alone("main", executor)).unwrap().loads.remove(0)
}

/// A load of one executor.
fn alone(name: &str, mut executor: Value) -> Value {
    executor["name"] = name.into();
    json!({"executors": [executor]})
}

fn milliseconds(load: &LoadPlan) -> Vec<u128> {
    let arrivals = Arrivals::new(load);
    let times = (0..arrivals.total()).map(|index| arrivals.time_of(index).unwrap().as_millis());
    times.collect()
}

#[rstest]
#[case::per_second("1s", &[3162, 4472, 5500, 6527, 7837, 11_000])]
#[case::three_times_as_fast("333333us", &[
    1825, 2581, 3162, 3651, 4082, 4472, 4830, 5166, 5500, 5833, 6169, 6527, 6917, 7348, 7837, 8418, 9174, 10998,
])]
fn a_ramping_rate_starts_iterations_when_k6_does(#[case] unit: &str, #[case] expected: &[u128]) {
    let load = executor(
        json!({"rampingArrivalRate": {"preAllocatedVUs": 5, "timeUnit": unit, "stages": [{"duration": "5s", "target": 1}, {"duration": "1s", "target": 1}, {"duration": "5s", "target": 0}]}}),
    );
    let found = milliseconds(&load);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    // The last one of the faster course comes where the rate is nearly nothing: a third of a second cut to
    // microseconds moves it by some milliseconds.
    let near = |(found, expected): (&u128, &u128)| {
        found.abs_diff(*expected) <= if *expected > 10_000 { 15 } else { 1 }
    };
    assert!(found.iter().zip(expected).all(near), "{found:?}");
}

#[test]
fn the_number_of_users_follows_k6s_steps() {
    let stages: Vec<Value> = [(2, 6), (5, 1), (4, 5), (4, 1), (3, 4), (2, 4), (0, 1), (3, 1)]
        .iter()
        .map(|(seconds, target)| json!({"duration": format!("{seconds}s"), "target": target}))
        .collect();
    let load = executor(json!({"rampingVUs": {"startVUs": 4, "stages": stages}}));
    let users = Users::new(&load);
    assert_eq!((users.total(), load.end()), (6, Duration::from_secs(23)));
    let intervals: Vec<_> = (0..users.total()).map(|index| users.intervals(index)).collect();
    // From each second to the next, as in k6's execution plan.
    let expected = [4, 5, 6, 5, 4, 3, 2, 1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4, 4, 1, 1, 1];
    for (second, expected) in expected.into_iter().enumerate() {
        for at in [0.001, 0.5, 0.999].map(|part| Duration::from_secs_f64(second as f64 + part)) {
            let at_work: Vec<usize> = (0..intervals.len())
                .filter(|index| intervals[*index].iter().any(|(from, to)| *from <= at && at < *to))
                .collect();
            assert_eq!(at_work, (0..expected).collect::<Vec<_>>(), "at {at:?} the lowest numbers work");
        }
    }
}

#[rstest]
#[case::first_at_once(json!({"rate": 10, "duration": "1s"}), &[0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000])]
#[case::fraction(json!({"rate": "0.5", "duration": "5s"}), &[0, 2000, 4000])]
#[case::per_minute(json!({"rate": 30, "timeUnit": "1m", "duration": "5s"}), &[0, 2000, 4000])]
#[case::later(json!({"rate": 1, "duration": "2s", "startTime": "10s"}), &[10_000, 11_000, 12_000])]
fn a_constant_rate_is_even_from_the_start_to_the_very_end(#[case] fields: Value, #[case] expected: &[u128]) {
    let mut fields = fields;
    let start = fields.as_object_mut().unwrap().remove("startTime").unwrap_or(json!("0s"));
    fields["preAllocatedVUs"] = 2.into();
    let load = executor(json!({"startTime": start, "constantArrivalRate": fields}));
    assert_eq!(milliseconds(&load), expected);
}

#[test]
fn stages_without_rate_or_length_start_nothing_by_themselves() {
    let stage = |seconds: u64, target: u64| json!({"duration": format!("{seconds}s"), "target": target});
    let load = executor(
        json!({"rampingArrivalRate": {"preAllocatedVUs": 2, "startRate": 2, "stages": [stage(1, 2), stage(0, 0), stage(5, 0), stage(0, 1), stage(3, 1)]}}),
    );
    // Two at rate 2, the second of them at the very end of the first stage; the last one at the end of the load.
    assert_eq!(milliseconds(&load), [500, 1000, 7000, 8000, 9000]);
    let timeline = compile(json!({"executors": [{"name": "main", "rampingArrivalRate": {"preAllocatedVUs": 2, "startRate": 2, "stages": [stage(1, 2), stage(0, 0), stage(5, 0), stage(0, 1), stage(3, 1)]}}]}))
    .unwrap()
    .timeline;
    let names: Vec<_> = timeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["main/stage-1", "main/stage-3", "main/stage-5"]);
}

#[test]
fn loads_side_by_side_make_one_timeline() {
    let plan = compile(json!({"executors": [
        {"name": "base", "exec": "browse", "tags": {"kind": "base"}, "constantVUs": {"vus": 5, "duration": "60s"}},
        {"name": "peak", "startTime": "20s", "gracefulStop": "5s", "rampingVUs": {"startVUs": 0, "stages": [{"name": "up", "duration": "10s", "target": 10}, {"name": "down", "duration": "10s", "target": 0}]}},
        {"name": "rate", "startTime": "70s", "constantArrivalRate": {"rate": 2, "duration": "10s", "preAllocatedVUs": 7}},
    ]}))
    .unwrap();
    let timeline = &plan.timeline;
    let names: Vec<_> = timeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["base", "peak/up", "peak/down", "rate"]);
    assert_eq!((timeline.duration(), timeline.unit()), (Duration::from_secs(80), None));
    assert_eq!(timeline.graceful_stop, Duration::from_secs(30));
    let level = |seconds: u64| timeline.level_at(Duration::from_secs(seconds));
    assert_eq!([0, 25, 30, 45, 60, 65, 75, 80].map(level), [5.0, 10.0, 15.0, 5.0, 0.0, 0.0, 2.0, 0.0]);
    assert_eq!(timeline.peak(), 15.0);
    let stage = |seconds: u64| &timeline.stages[timeline.stage_at(Duration::from_secs(seconds))].name;
    assert_eq!(
        [0, 25, 35, 50, 65, 75, 99].map(stage),
        ["base", "peak/up", "peak/down", "base", "base", "rate", "rate"]
    );
    let loads = &plan.loads;
    assert_eq!((loads[0].scenario, loads[1].scenario), (Some(0), None));
    assert_eq!(loads.iter().map(|load| load.first_stage).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(loads.iter().map(|load| load.first_user).collect::<Vec<_>>(), [0, 5, 15]);
    assert_eq!(loads[1].stage_at(Duration::from_secs(32)), 2);
    // At 70 s the first one may still finish its iterations, and seven users are needed beside its five: fewer than
    // the fifteen at 20 s.
    assert_eq!(busiest(loads), [0, 1]);
}

#[rstest]
#[case::stress(json!({"stress": {"start": 10, "increment": 20, "max": 60, "every": "1m"}}),
    &[("step-1", 0, 10.0, 10.0), ("step-2", 60, 30.0, 30.0), ("step-3", 120, 50.0, 50.0), ("step-4", 180, 60.0, 60.0)])]
#[case::soak(json!({"soak": {"level": 8, "duration": "1h", "rampUp": "60s"}}),
    &[("ramp-up", 0, 0.0, 8.0), ("soak", 60, 8.0, 8.0)])]
#[case::breakpoint(json!({"breakpoint": {"max": 900, "duration": "15m"}}), &[("breakpoint", 0, 0.0, 900.0)])]
#[case::volume(json!({"volume": {"iterations": 1000, "users": 4}}), &[("volume", 0, 4.0, 4.0)])]
#[case::business_hours(json!({"pattern": {"name": "BusinessHours", "peak": 100, "duration": "100s"}}), &[
    ("night", 0, 5.0, 5.0), ("morning", 15, 5.0, 100.0), ("mid-morning", 30, 100.0, 100.0), ("lunch", 50, 60.0, 60.0),
    ("afternoon", 60, 90.0, 90.0), ("evening", 80, 90.0, 20.0), ("late-evening", 90, 20.0, 10.0)])]
#[case::black_friday(json!({"pattern": {"name": "BlackFriday", "peak": 100, "duration": "100s"}}), &[
    ("waiting", 0, 10.0, 25.0), ("opening", 15, 100.0, 100.0), ("rush", 20, 100.0, 80.0), ("settling", 40, 80.0, 50.0),
    ("day", 50, 50.0, 50.0), ("evening", 70, 50.0, 85.0), ("closing", 90, 85.0, 15.0)])]
#[case::recovery(json!({"pattern": {"name": "FailureRecovery", "peak": 100, "duration": "100s"}}), &[
    ("steady", 0, 50.0, 50.0), ("outage", 30, 2.0, 2.0), ("return", 45, 100.0, 100.0), ("backlog", 55, 100.0, 50.0),
    ("recovered", 75, 50.0, 50.0)])]
fn patterns_have_stages_that_speak(#[case] load: Value, #[case] expected: &[(&str, u64, f64, f64)]) {
    let plan = compile(load).unwrap();
    let stages = plan.timeline.stages.iter();
    let found: Vec<_> =
        stages.map(|stage| (stage.name.as_str(), stage.start.as_secs(), stage.from, stage.to)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_volume_is_a_number_of_iterations() {
    let plan = compile(json!({"volume": {"iterations": 1000, "users": 4, "maxDuration": "2m"}})).unwrap();
    assert_eq!(plan.loads[0].work, Work::SharedIterations { users: 4, iterations: 1000 });
    assert_eq!((plan.timeline.unit(), plan.timeline.duration().as_secs()), (Some(LoadUnit::Users), 120));
    assert!(plan.loads[0].ends_with_its_iterations());
}

fn vus(executor: Value) -> Value {
    alone("a", executor)
}

#[rstest]
#[case::no_member(vus(json!({"startTime": "1s"})), "spec.load.executors[0]: is exactly one of constantVUs, rampingVUs")]
#[case::two_members(vus(json!({"constantVUs": {"duration": "1s"}, "rampingVUs": {"stages": [{"duration": "1s", "target": 1}]}})),
    "spec.load.executors[0]: is exactly one of")]
#[case::fewer_at_most(vus(json!({"constantArrivalRate": {"rate": 3, "duration": "1s", "preAllocatedVUs": 5, "maxVUs": 4}})),
    "spec.load.executors[0].constantArrivalRate.maxVUs: 4 is less than preAllocatedVUs 5")]
#[case::fewer_iterations(vus(json!({"sharedIterations": {"vus": 5, "iterations": 4}})),
    "spec.load.executors[0].sharedIterations.iterations: 4 is less than vus 5")]
#[case::half_a_user(vus(json!({"rampingVUs": {"stages": [{"duration": "1s", "target": "2.5"}]}})),
    "spec.load.executors[0].rampingVUs.stages[0].target: must be a whole number of users")]
#[case::scenario(vus(json!({"exec": "default", "constantVUs": {"duration": "1s"}})),
    "spec.load.executors[0].exec: no scenario is named \"default\"; there are browse, pay")]
#[case::no_load(vus(json!({"rampingArrivalRate": {"preAllocatedVUs": 1, "stages": [{"duration": "1s", "target": 0}]}})),
    "spec.load.executors[0]: never rises above 0")]
#[case::no_time(vus(json!({"rampingVUs": {"stages": [{"duration": "0s", "target": 9}]}})),
    "spec.load.executors[0]: lasts no time at all")]
#[case::time_unit(vus(json!({"constantArrivalRate": {"rate": 3, "duration": "1s", "preAllocatedVUs": 5, "timeUnit": "0s"}})),
    "spec.load.executors[0].constantArrivalRate.timeUnit: must be longer than 0s")]
#[case::name(alone("a b", json!({"constantVUs": {"duration": "1s"}})),
    "spec.load.executors[0].name: must have")]
#[case::two_of_a_name(json!({"executors": [{"name": "a", "constantVUs": {"duration": "1s"}}, {"name": "a", "constantVUs": {"duration": "1s"}}]}),
    "spec.load.executors[1].name: another executor is named \"a\" too")]
#[case::most_users_twice(vus(json!({"constantArrivalRate": {"rate": 3, "duration": "1s", "preAllocatedVUs": 5, "arrivals": {"maxUsers": 3}}})),
    "spec.load.executors[0].constantArrivalRate.arrivals.maxUsers: belongs to patterns")]
#[case::beyond_a_million(json!({"constant": {"level": "2M", "duration": "1s"}}), "spec.load.constant.level: must be at most 1000000, not 2000000")]
#[case::below_nothing(json!({"constant": {"level": "-1", "duration": "1s"}}), "spec.load.constant.level: must be at least 0, not -1")]
#[case::seed_of_nothing(json!({"unit": "IterationsPerSecond", "arrivals": {"seed": 3}, "constant": {"level": 1, "duration": "1s"}}),
    "spec.load.arrivals.seed: belongs to spread: Poisson")]
#[case::queue_of_nothing(json!({"unit": "IterationsPerSecond", "arrivals": {"queueLimit": 3}, "constant": {"level": 1, "duration": "1s"}}),
    "spec.load.arrivals.queueLimit: belongs to whenBusy: Queue")]
#[case::unit_of_a_volume(json!({"unit": "Users", "volume": {"iterations": 5}}), "spec.load.unit: does not go with volume")]
#[case::two_patterns(json!({"constant": {"level": 1, "duration": "1s"}, "executors": [{"name": "a", "constantVUs": {"duration": "1s"}}]}),
    "spec.load: has a pattern beside executors")]
#[case::not_here(json!({"gracefulStop": "3s", "executors": [{"name": "a", "constantVUs": {"duration": "1s"}}]}),
    "spec.load.gracefulStop: does not go with executors")]
#[case::closed(json!({"arrivals": {"spread": "Poisson"}, "constant": {"level": 1, "duration": "1s"}}),
    "spec.load.arrivals: need unit: IterationsPerSecond")]
#[case::steps(json!({"stress": {"start": 0, "increment": "0.1", "max": 600, "every": "1m"}}),
    "spec.load.stress.increment: makes more than 100 steps")]
#[case::falls(json!({"stress": {"start": 10, "increment": 1, "max": 6, "every": "1m"}}),
    "spec.load.stress.max: is less than start")]
#[case::same_stage(json!({"stages": [{"name": "x", "duration": "1s", "target": 1}, {"name": "x", "duration": "1s", "target": 2}]}),
    "spec.load.stages: two stages are named \"x\"")]
#[case::stages(json!({"executors": [
    {"name": "a", "rampingVUs": {"stages": vec![json!({"duration": "1s", "target": 1}); 60]}},
    {"name": "b", "rampingVUs": {"stages": vec![json!({"duration": "1s", "target": 1}); 41]}}]}),
    "spec.load.executors: have 101 stages in all; at most 100")]
#[case::nothing(json!({}), "spec.load: needs exactly one of constant")]
fn what_makes_no_sense_is_refused_with_a_reason(#[case] load: Value, #[case] message: &str) {
    let errors = compile(load).unwrap_err();
    assert!(errors.iter().any(|error| error.starts_with(message)), "{errors:#?}");
}

#[test]
fn random_arrivals_are_those_of_a_poisson_process() {
    let random = |seed: u64| {
        executor(
            json!({"constantArrivalRate": {"rate": 50, "duration": "400s", "preAllocatedVUs": 1, "arrivals": {"spread": "Poisson", "seed": seed}}}),
        )
    };
    let arrivals = Arrivals::new(&random(7));
    let times: Vec<f64> =
        (0..arrivals.total()).map(|index| arrivals.time_of(index).unwrap().as_secs_f64()).collect();
    // 20,000 on average, with a standard deviation of 141.
    assert!((times.len() as f64 - 20_000.0).abs() < 5.0 * 141.0, "{}", times.len());
    // Numbers per second have the same mean and variance.
    let mut counts = [0.0_f64; 400];
    times.iter().for_each(|time| counts[*time as usize] += 1.0);
    let variance = counts.iter().map(|count| (count - 50.0).powi(2)).sum::<f64>() / 400.0;
    assert!((35.0..70.0).contains(&variance), "variance {variance} is not the mean, 50");
    // Pauses are exponential: a share of e⁻¹ is longer than their mean, and e⁻³ longer than three times that.
    let pauses: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (mean, share) in [(1.0, 0.3679), (3.0, 0.0498)] {
        let longer = pauses.iter().filter(|pause| **pause > mean / 50.0).count() as f64 / pauses.len() as f64;
        assert!((longer - share).abs() < 0.02, "{longer} instead of {share}");
    }
    assert_eq!(milliseconds(&random(7)), milliseconds(&random(7)));
    assert_ne!(milliseconds(&random(7)), milliseconds(&random(8)));
}

/// An executor of any kind, and how many iterations and users it has where that is known.
fn executors() -> impl Strategy<Value = Value> {
    let stage = (0_u64..4_000, 0_u32..30);
    let stages = prop::collection::vec(stage, 1..5).prop_map(|stages| {
        let stages = stages
            .into_iter()
            .map(|(duration, target)| json!({"duration": format!("{duration}ms"), "target": target}));
        stages.collect::<Vec<_>>()
    });
    let pool = (1_u32..40, 0_u32..40, any::<bool>());
    prop_oneof![
        (1_u32..30).prop_map(|vus| json!({"constantVUs": {"vus": vus, "duration": "3s"}})),
        (0_u32..9, stages.clone()).prop_map(|(start, stages)| json!({"rampingVUs": {"startVUs": start, "stages": stages}})),
        (1_u32..30, 0_u32..99).prop_map(|(vus, more)| json!({"sharedIterations": {"vus": vus, "iterations": vus + more}})),
        (1_u32..30, 1_u32..9).prop_map(|(vus, each)| json!({"perVUIterations": {"vus": vus, "iterations": each}})),
        (1_u32..900, pool.clone()).prop_map(|(rate, (ready, more, poisson))| json!({"constantArrivalRate": {"rate": format!("{}m", rate * 100), "duration": "3s", "preAllocatedVUs": ready, "maxVUs": ready + more, "arrivals": {"spread": if poisson { "Poisson" } else { "Uniform" }}}})),
        (stages, pool).prop_map(|(stages, (ready, more, poisson))| json!({"rampingArrivalRate": {"stages": stages, "preAllocatedVUs": ready, "maxVUs": ready + more, "arrivals": {"spread": if poisson { "Poisson" } else { "Uniform" }}}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_cores_of_all_runners_together_have_each_user_and_each_iteration_once(
        executor in executors(),
        cores in prop::collection::vec(1_u32..6, 1..6),
        fewest in 1_u64..9,
    ) {
        let Ok(plan) = compile(alone("a", executor)) else { return Ok(()) };
        let load = &plan.loads[0];
        let users = load.most_users();
        let total = match load.work {
            Work::SharedIterations { iterations, .. } => iterations,
            Work::Arrivals { .. } => load.arrivals().unwrap().total(),
            _ => 1_000,
        };
        let (mut of_users, mut of_iterations) = (vec![0; users as usize], vec![0; total as usize]);
        let mut shared = vec![0; total as usize];
        for (runner, count) in cores.iter().enumerate() {
            let runner = Share::new(runner as u32, cores.len() as u32);
            let mut busy = 0;
            for core in 0..*count {
                let part = Part::new(runner, core, *count);
                let Some(share) = part.of(users, fewest) else { continue };
                busy += 1;
                prop_assert!(share.size(users) > 0, "a core has iterations but nobody to do them");
                (0..share.size(users)).for_each(|n| of_users[share.nth(n) as usize] += 1);
                (0..share.size(total)).for_each(|n| of_iterations[share.nth(n) as usize] += 1);
            }
            prop_assert_eq!(busy, Part::new(runner, 0, *count).busy_cores(users, fewest));
            if let Some(share) = Part::new(runner, 0, *count).of_runner(users) {
                (0..share.size(total)).for_each(|n| shared[share.nth(n) as usize] += 1);
            }
        }
        for counts in [of_users, of_iterations, shared] {
            prop_assert!(counts.iter().all(|count| *count == 1), "{counts:?}");
        }
    }

    #[test]
    fn arrivals_come_in_order_within_their_load_wherever_they_are_asked_for(
        executor in executors(),
        later in 0_u64..20,
        asked in prop::collection::vec(any::<prop::sample::Index>(), 5),
    ) {
        let mut executor = executor;
        executor["startTime"] = format!("{later}s").into();
        let Ok(plan) = compile(alone("a", executor)) else { return Ok(()) };
        let load = &plan.loads[0];
        let Some(arrivals) = load.arrivals() else { return Ok(()) };
        let mut times = arrivals.times();
        let all: Vec<Duration> = (0..arrivals.total()).map(|index| times.time_of(index).unwrap()).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!(all.iter().all(|time| load.start() <= *time && *time <= load.end()));
        prop_assert_eq!(times.time_of(arrivals.total()), None);
        for index in asked.iter().filter(|_| !all.is_empty()).map(|index| index.index(all.len())) {
            prop_assert_eq!(arrivals.time_of(index as u64), Some(all[index]), "in another order");
            let before = arrivals.due_before(all[index]);
            prop_assert!(before <= index as u64 && all[before as usize] == all[index]);
        }
    }
}

#[test]
fn a_staircase_that_stops_watches_each_of_its_steps() {
    let mut spec: LoadTestSpec = serde_json::from_value(json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "main", "steps": [{"request": {"url": "/"}}]}],
        "load": {"stress": {"start": 10, "increment": 10, "max": 30, "every": "1m", "stopAt": {"errorRate": "5%"}}},
        "thresholds": [{"metric": "http_req_duration", "condition": "p(95) < 200ms"}],
    }))
    .unwrap();
    let watched = with_thresholds(spec.clone());
    assert_eq!(watched.thresholds[..1], spec.thresholds[..]);
    let steps: Vec<_> = watched.thresholds[1..]
        .iter()
        .map(|threshold| {
            assert!(threshold.abort_on_fail);
            let stage = threshold.selector.as_ref().unwrap().stage.as_deref().unwrap();
            (stage, threshold.metric.as_str(), threshold.condition.as_str())
        })
        .collect();
    let expected = ["step-1", "step-2", "step-3"].map(|stage| (stage, "http_req_failed", "rate < 5%"));
    assert_eq!(steps, expected);
    validate(&watched).unwrap();
    spec.load.stress.as_mut().unwrap().stop_at = None;
    assert_eq!(with_thresholds(spec.clone()), spec);
}

#[test]
fn a_load_that_ended_with_its_iterations_asked_for_no_more() {
    let plan = compile(json!({"executors": [
        {"name": "a", "startTime": "10s", "sharedIterations": {"vus": 4, "iterations": 100}},
        {"name": "b", "constantVUs": {"vus": 1, "duration": "20s"}},
    ]}))
    .unwrap();
    assert_eq!(plan.timeline.duration(), Duration::from_secs(610));
    let over = carried_out(&plan.timeline, &plan.loads, Duration::from_secs(25));
    assert_eq!(over.duration(), Duration::from_secs(25));
    let levels = [5, 15, 22, 30].map(|seconds| over.level_at(Duration::from_secs(seconds)));
    assert_eq!(levels, [1.0, 5.0, 4.0, 0.0]);
    // It may have ended before the load has begun.
    assert_eq!(
        carried_out(&plan.timeline, &plan.loads, Duration::from_secs(2)).duration(),
        Duration::from_secs(20)
    );
}

#[test]
fn scenarios_of_many_iterations_are_counted_by_weight() {
    let choice = WeightedChoice::new(&[3, 0, 1]);
    assert_eq!(choice.spread(0).iter().map(|(_, count)| count).sum::<u64>(), 0);
    for count in [1, 7, 400, 1_000_000_000_001] {
        let spread = choice.spread(count);
        assert_eq!(spread.iter().map(|(_, count)| count).sum::<u64>(), count);
        let of =
            |thing: usize| spread.iter().find(|(known, _)| *known == thing).map_or(0, |(_, count)| *count);
        assert!(of(0).abs_diff(count * 3 / 4) <= 3 && of(1) == 0, "{spread:?}");
    }
}
