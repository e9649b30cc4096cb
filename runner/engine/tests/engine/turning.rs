// SPDX-License-Identifier: Apache-2.0
//! A staircase that turns back in the middle of its climb: what is left out is not done, and what comes after it comes sooner.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{
    metrics::{Selector, Sink},
    plan::schedule::Share,
    plan::{Skip, Turn},
    validate::Valid,
};
use upsurge_engine::EngineConfig;

use crate::{
    load::{Outcome, config, run_until, spec},
    server::{self, Server},
};

/// Five steps of half a second, and a second of recovery, which by its plan would last for half a minute.
fn staircase(server: &Server, unit: &str, increment: u32) -> EngineConfig {
    let load = json!({"unit": unit, "stress": {
        "start": increment, "increment": increment, "every": "500ms", "max": 5 * increment,
        "brokenAt": {"errorRate": "5%"}, "recoverWithin": "1s"}});
    let steps: Value = json!([{"request": {"name": "get", "url": "/"}}]);
    let mut config = config(spec(&server.url(), load, steps));
    let mut valid: Valid = (*config.valid).clone();
    for stages in [&mut valid.timeline.stages, &mut valid.loads[0].stages] {
        stages.last_mut().unwrap().duration = Duration::from_secs(1);
    }
    config.valid = Arc::new(valid);
    config
}

/// After the second step: from the first second on it goes on as planned for the time after the steps.
fn after_two(config: &EngineConfig) -> Skip {
    Turn { last_step: 2 }.skip(&config.valid.timeline).unwrap()
}

fn started(outcome: &Outcome, stage: &str) -> u64 {
    let selector = Selector { stage: Some(stage.into()), ..Selector::default() };
    outcome.metrics.count("started_iterations", &selector) as u64
}

#[test]
fn iterations_of_steps_that_are_left_out_are_not_started_by_any_runner() {
    let server = Server::simple();
    let runners = [0, 1].map(|runner| {
        let mut config = staircase(&server, "IterationsPerSecond", 40);
        config.share = Share::new(runner, 2);
        let skip = after_two(&config);
        std::thread::spawn(move || {
            let begun = Instant::now();
            let outcome = run_until(config, |engine, _| {
                engine.turn(skip);
                true
            });
            (outcome, begun.elapsed())
        })
    });
    let ended = runners.map(|runner| runner.join().unwrap());
    let sum = |stage: &str| ended.iter().map(|(outcome, _)| started(outcome, stage)).sum::<u64>();
    let steps = ["step-1", "step-2", "step-3", "step-4", "step-5", "recovery"];
    assert_eq!(steps.map(sum), [20, 40, 0, 0, 0, 40]);
    assert_eq!(server.arrived().len(), 100);
    for (outcome, took) in &ended {
        assert_eq!(outcome.count("dropped_iterations"), 0);
        assert!(*took < Duration::from_millis(3_200), "2 s, and not 3.5: {took:?}");
    }
}

#[test]
fn users_of_steps_that_are_left_out_never_come_and_others_leave_at_the_turn() {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        server::json("{}")
    });
    let config = staircase(&server, "Users", 2);
    let (skip, begun) = (after_two(&config), Instant::now());
    let outcome = run_until(config, |engine, _| {
        engine.turn(skip);
        true
    });
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(3_200), "2 s, and not 3.5: {took:?}");
    let Some(Sink::Gauge { value, max, .. }) = outcome.metrics.sum("vus", &Selector::default()) else {
        panic!("nobody was at work")
    };
    assert_eq!((value, max), (0.0, 4.0));
    assert!(started(&outcome, "recovery") > 10, "two users go on");
    for stage in ["step-3", "step-4", "step-5"] {
        assert_eq!(started(&outcome, stage), 0, "{stage}");
    }
}

#[rstest]
#[case::by_rate("IterationsPerSecond", 40)]
#[case::by_users("Users", 2)]
fn who_hears_of_it_late_turns_then_and_ends_with_the_others(#[case] unit: &str, #[case] increment: u32) {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        server::json("{}")
    });
    let config = staircase(&server, unit, increment);
    let (skip, start) = (after_two(&config), config.start);
    let outcome = run_until(config, |engine, _| {
        let is_late = start.elapsed() > Duration::from_millis(1_200);
        if is_late {
            engine.turn(skip);
        }
        is_late
    });
    let took = start.elapsed();
    assert!(took < Duration::from_millis(3_000), "at 2 s, as the others: {took:?}");
    assert!(started(&outcome, "step-3") > 0, "it climbed on until it was told");
    assert_eq!(started(&outcome, "step-5"), 0);
    let recovered = started(&outcome, "recovery");
    assert!(recovered > 0, "{recovered}");
    if unit == "IterationsPerSecond" {
        assert!(recovered < 40, "{recovered} of 40: it began later, and ended with the others");
    }
}

#[test]
fn a_load_that_has_climbed_all_the_way_turns_nowhere() {
    let server = Server::simple();
    let config = staircase(&server, "IterationsPerSecond", 40);
    let (skip, start) = (after_two(&config), config.start);
    let outcome = run_until(config, |engine, _| {
        let is_over = start.elapsed() > Duration::from_millis(2_600);
        if is_over {
            engine.turn(skip);
        }
        is_over
    });
    assert_eq!(["step-3", "step-5", "recovery"].map(|stage| started(&outcome, stage)), [60, 100, 40]);
}
