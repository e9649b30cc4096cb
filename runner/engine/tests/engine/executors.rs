// SPDX-License-Identifier: Apache-2.0
//! k6's executors and several loads side by side, by counts against a server that is slow when it should be.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{
    metrics::{Selector, Sink},
    plan::schedule::Share,
};

use crate::{
    load::{Outcome, config, run, run_until, spec},
    server::{self, Server},
};

fn executor(mut executor: Value) -> Value {
    executor["name"] = "main".into();
    json!({"executors": [executor]})
}

fn steps(url: &str) -> Value {
    json!([{"request": {"name": "get", "url": url}}])
}

/// A server that takes so many milliseconds for each response.
fn slow(milliseconds: u64) -> Server {
    Server::start(move |_| async move {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        server::json("{}")
    })
}

/// Runs an executor against a server; `url` is the only request's.
fn outcome(server: &Server, fields: Value, url: &str) -> Outcome {
    run(config(spec(&server.url(), executor(fields), steps(url))))
}

/// Numbers that the server was asked for under a path.
fn numbers(server: &Server) -> Vec<u64> {
    let number = |target: String| target.rsplit('/').next().unwrap().parse().unwrap();
    let mut numbers: Vec<u64> = server.targets().into_iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn gauge(outcome: &Outcome, metric: &str) -> (f64, f64) {
    match outcome.metrics.sum(metric, &Selector::default()) {
        Some(Sink::Gauge { value, max, .. }) => (value, max),
        other => panic!("{metric}: {other:?}"),
    }
}

/// Started, finished, dropped.
fn counts(outcome: &Outcome) -> (u64, u64, u64) {
    let count = |metric| outcome.count(metric);
    (count("started_iterations"), count("iterations"), count("dropped_iterations"))
}

#[test]
fn shared_iterations_are_done_once_and_the_load_ends_with_them() {
    let server = Server::simple();
    let begun = Instant::now();
    let found =
        outcome(&server, json!({"sharedIterations": {"vus": 5, "iterations": 103}}), "/{{ iteration }}");
    assert!(begun.elapsed() < Duration::from_secs(60), "it must not wait for maxDuration, 10 min");
    assert_eq!(numbers(&server), (0..103).collect::<Vec<_>>());
    assert_eq!(counts(&found), (103, 103, 0));
    assert_eq!((gauge(&found, "vus").0, gauge(&found, "vus_max").1), (0.0, 5.0));
}

#[rstest]
#[case::shared(json!({"sharedIterations": {"vus": 2, "iterations": 40}}), 40)]
#[case::shared_by_fewer_than_there_are_runners(json!({"sharedIterations": {"vus": 1, "iterations": 7}}), 7)]
#[case::of_each(json!({"perVUIterations": {"vus": 5, "iterations": 6}}), 30)]
#[case::at_a_rate(json!({"constantArrivalRate": {"rate": 50, "duration": "1s", "preAllocatedVUs": 4}}), 51)]
#[case::at_a_rate_that_rises_and_falls(json!({"rampingArrivalRate": {"startRate": 0, "preAllocatedVUs": 6, "stages": [{"target": 60, "duration": "1s"}, {"target": 60, "duration": "0s"}, {"target": 0, "duration": "500ms"}]}}), 45)]
#[case::by_one_user(json!({"constantArrivalRate": {"rate": 20, "duration": "1s", "preAllocatedVUs": 1}}), 21)]
fn three_runners_with_several_cores_do_the_whole_once(#[case] fields: Value, #[case] total: u64) {
    let server = Server::simple();
    let start = Instant::now() + Duration::from_millis(300);
    let found: Vec<(u64, u64, u64)> = std::thread::scope(|scope| {
        let engines: Vec<_> = (0..3)
            .map(|index| {
                let spec = spec(&server.url(), executor(fields.clone()), steps("/{{ iteration }}"));
                let mut config = config(spec);
                (config.share, config.start, config.threads) =
                    (Share::new(index, 3), start, index as usize + 1);
                scope.spawn(move || counts(&run(config)))
            })
            .collect();
        engines.into_iter().map(|engine| engine.join().unwrap()).collect()
    });
    // On a machine that stands still an iteration may find its only user busy; then it is dropped, not lost.
    let dropped: u64 = found.iter().map(|(_, _, dropped)| dropped).sum();
    let done = numbers(&server);
    assert_eq!(done.len() as u64 + dropped, total, "{found:?}");
    assert!(
        done.windows(2).all(|pair| pair[0] < pair[1]) && done.iter().all(|number| *number < total),
        "{done:?}"
    );
}

#[test]
fn each_user_does_its_own_iterations() {
    let server = Server::simple();
    let found = outcome(&server, json!({"perVUIterations": {"vus": 3, "iterations": 4}}), "/{{ user }}");
    assert_eq!(numbers(&server), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    assert_eq!(counts(&found), (12, 12, 0));
}

#[rstest]
#[case::shared("sharedIterations", 50, 50)]
#[case::of_each("perVUIterations", 25, 50)]
fn iterations_not_begun_in_time_are_dropped(#[case] name: &str, #[case] iterations: u64, #[case] total: u64) {
    let server = slow(400);
    let fields =
        json!({"gracefulStop": "30s", name: {"vus": 2, "iterations": iterations, "maxDuration": "1s"}});
    let found = outcome(&server, fields, "/");
    let (started, finished, dropped) = counts(&found);
    assert_eq!((started + dropped, finished), (total, started));
    assert!((2..=6).contains(&started), "two users at 0.4 s each start 2 to 6 in 1 s, not {started}");
}

#[test]
fn an_iteration_without_a_user_is_dropped_and_makes_one_more_as_in_k6() {
    let server = slow(3_000);
    let fields =
        json!({"constantArrivalRate": {"rate": 10, "duration": "1s", "preAllocatedVUs": 1, "maxVUs": 3}});
    let found = outcome(&server, fields, "/");
    // Done at 0, dropped at 0.1 s, done by the second user at 0.2 s, and so on until there may be no more users.
    assert_eq!(counts(&found), (3, 3, 8));
    assert_eq!((gauge(&found, "vus_max").1, gauge(&found, "vus").1), (3.0, 3.0));
}

#[test]
fn users_that_are_made_when_needed_take_the_iteration_at_once() {
    let server = slow(3_000);
    let fields = json!({"constantArrivalRate": {"rate": 10, "duration": "1s", "preAllocatedVUs": 1, "maxVUs": 4, "arrivals": {"whenBusy": "Grow"}}});
    let found = outcome(&server, fields, "/");
    assert_eq!(counts(&found), (4, 4, 7));
}

#[test]
fn iterations_that_wait_for_a_user_keep_their_intended_time() {
    let server = slow(100);
    let fields = |limit: u64| json!({"constantArrivalRate": {"rate": 40, "duration": "500ms", "preAllocatedVUs": 1, "arrivals": {"whenBusy": "Queue", "queueLimit": limit}}});
    let found = outcome(&server, fields(100), "/");
    // 21 are due within half a second and take more than two: the last one waits for about 1.5 s.
    assert_eq!(counts(&found), (21, 21, 0));
    let trend = |metric| found.metrics.trend(metric, &Selector::default());
    let (wait, lag) = (trend("iteration_queue_wait"), trend("schedule_lag"));
    assert_eq!((wait.count(), lag.count()), (21, 21));
    assert!(wait.max() >= 1_300.0, "{} ms", wait.max());
    let medians = (wait.percentile(50.0), lag.percentile(50.0));
    assert!(medians.1 < medians.0 / 2.0, "who waits is not late by the generator's doing: {medians:?}");
    let response = found.metrics.trend("http_req_response_time", &Selector::default());
    assert!(response.max() >= 1_400.0, "and in the response time: {} ms", response.max());
    let (started, finished, dropped) = counts(&outcome(&server, fields(3), "/"));
    assert_eq!((started + dropped, finished), (21, started));
    assert!(dropped > 0, "no more than three may wait");
}

#[test]
fn what_still_waits_when_time_is_up_is_dropped() {
    let server = slow(5_000);
    let fields = json!({"gracefulStop": "200ms", "constantArrivalRate": {"rate": 10, "duration": "500ms", "preAllocatedVUs": 1, "arrivals": {"whenBusy": "Queue"}}});
    assert_eq!(counts(&outcome(&server, fields, "/")), (1, 0, 5));
}

#[rstest]
#[case::keeps_its_iteration("10s", (2, 2))]
#[case::is_cut_and_begins_anew("100ms", (3, 2))]
fn a_user_who_is_asked_for_again(#[case] graceful_ramp_down: &str, #[case] expected: (u64, u64)) {
    let server = slow(2_500);
    let stage =
        |milliseconds: u64, target: u64| json!({"duration": format!("{milliseconds}ms"), "target": target});
    let fields = json!({"rampingVUs": {"startVUs": 2, "gracefulRampDown": graceful_ramp_down, "stages": [stage(500, 2), stage(0, 1), stage(800, 1), stage(0, 2), stage(600, 2)]}});
    let found = outcome(&server, fields, "/{{ user }}");
    let (started, finished, _) = counts(&found);
    assert_eq!((started, finished), expected);
    let of_first = server.targets().iter().filter(|target| *target == "/1").count();
    assert_eq!(of_first, 1, "the lowest number stays");
}

#[test]
fn the_graceful_stop_cuts_the_graceful_ramp_down() {
    let server = slow(20_000);
    let fields = json!({"gracefulStop": "300ms", "rampingVUs": {"startVUs": 2, "gracefulRampDown": "10m", "stages": [{"duration": "300ms", "target": 2}, {"duration": "0s", "target": 1}, {"duration": "300ms", "target": 1}]}});
    let begun = Instant::now();
    assert_eq!(counts(&outcome(&server, fields, "/")), (2, 0, 0));
    assert!(begun.elapsed() < Duration::from_secs(18), "users must not be waited for");
}

#[test]
fn loads_run_side_by_side_each_with_its_scenario_users_and_tags() {
    let server = Server::simple();
    let begin = Instant::now() + Duration::from_millis(300);
    let test = json!({
        "target": {"baseURL": server.url()},
        "scenarios": [
            {"name": "browse", "steps": [{"request": {"name": "get", "url": "/browse/{{ iteration }}/{{ user }}"}}]},
            {"name": "pay", "steps": [{"request": {"name": "get", "url": "/pay/{{ iteration }}/{{ user }}"}}]},
        ],
        "load": {"executors": [
            {"name": "a", "exec": "browse", "tags": {"kind": "first"}, "perVUIterations": {"vus": 2, "iterations": 5}},
            {"name": "b", "startTime": "700ms", "exec": "pay", "tags": {"kind": "second"}, "constantArrivalRate": {"rate": 20, "duration": "500ms", "preAllocatedVUs": 3}},
        ]},
    });
    let mut config = config(test);
    config.start = begin;
    let found = run(config);
    let mut seen = BTreeMap::<String, (u64, Vec<u64>, Vec<u64>)>::new();
    for arrived in server.arrived() {
        let parts: Vec<&str> = arrived.target.split('/').skip(1).collect();
        let (count, iterations, users) = seen.entry(parts[0].to_owned()).or_default();
        *count += 1;
        iterations.push(parts[1].parse().unwrap());
        users.push(parts[2].parse().unwrap());
        if parts[0] == "pay" {
            assert!(arrived.at >= begin + Duration::from_millis(700), "b starts with its startTime");
        }
    }
    assert_eq!((seen["browse"].0, seen["pay"].0), (10, 11));
    assert!(seen["browse"].2.iter().all(|user| (1..=2).contains(user)), "{seen:?}");
    assert!(seen["pay"].2.iter().all(|user| (3..=5).contains(user)), "{seen:?}");
    let mut iterations: Vec<u64> = seen.values().flat_map(|(_, iterations, _)| iterations.clone()).collect();
    iterations.sort_unstable();
    iterations.dedup();
    assert_eq!(iterations.len(), 21, "numbers of iterations are unique over all loads");
    let requests = |selector: Selector| found.metrics.count("http_reqs", &selector) as u64;
    let tagged =
        |kind: &str| Selector { tags: [("kind".to_owned(), kind.to_owned())].into(), ..Selector::default() };
    let staged = |stage: &str| Selector { stage: Some(stage.into()), ..Selector::default() };
    assert_eq!([requests(tagged("first")), requests(tagged("second"))], [10, 11]);
    assert_eq!([requests(staged("a")), requests(staged("b"))], [10, 11]);
    assert_eq!(gauge(&found, "vus_max").1, 5.0, "both may be at work at the same time");
}

#[test]
fn poisson_arrivals_of_two_runners_are_one_process() {
    let server = Server::simple();
    let load = executor(
        json!({"constantArrivalRate": {"rate": 100, "duration": "2s", "preAllocatedVUs": 300, "arrivals": {"spread": "Poisson", "seed": 3}}}),
    );
    // Far enough ahead, and with users enough, for a machine that stands still for a while to drop nothing.
    let start = Instant::now() + Duration::from_millis(1_500);
    let mut planned = 0;
    std::thread::scope(|scope| {
        for index in 0..2 {
            let mut config = config(spec(&server.url(), load.clone(), steps("/{{ iteration }}")));
            (config.share, config.start) = (Share::new(index, 2), start);
            planned = config.valid.loads[0].arrivals().unwrap().total();
            scope.spawn(move || assert_eq!(run(config).count("dropped_iterations"), 0));
        }
    });
    assert!((100..300).contains(&planned), "{planned}");
    assert_eq!(numbers(&server), (0..planned).collect::<Vec<_>>());
}

#[rstest]
#[case::gracefully(true)]
#[case::at_once(false)]
fn what_waits_when_the_load_is_stopped_is_dropped(#[case] graceful: bool) {
    let server = slow(60_000);
    let load = executor(
        json!({"gracefulStop": "100ms", "constantArrivalRate": {"rate": 50, "duration": "10m", "preAllocatedVUs": 1, "arrivals": {"whenBusy": "Queue"}}}),
    );
    let mut due = 0;
    let found = run_until(config(spec(&server.url(), load, steps("/"))), |engine, _| {
        let stop =
            server.arrived().first().is_some_and(|first| first.at.elapsed() > Duration::from_millis(500));
        if stop {
            due = server.arrived()[0].at.elapsed().as_millis() as u64 / 20;
            engine.stop(graceful);
        }
        stop
    });
    let (started, finished, dropped) = counts(&found);
    assert_eq!((started, finished), (1, 0));
    assert!(dropped + 5 >= due && due > 20, "{dropped} of about {due}");
}

#[test]
fn stopping_ends_every_load_and_drops_nothing() {
    let server = slow(300);
    let load = json!({"executors": [
        {"name": "shared", "sharedIterations": {"vus": 1, "iterations": 1_000}},
        {"name": "each", "perVUIterations": {"vus": 1, "iterations": 1_000}},
        {"name": "users", "rampingVUs": {"stages": [{"duration": "10m", "target": 1}]}},
        {"name": "rate", "constantArrivalRate": {"rate": 1, "duration": "10m", "preAllocatedVUs": 1, "arrivals": {"whenBusy": "Queue"}}},
        {"name": "later", "startTime": "5m", "constantVUs": {"duration": "10m"}},
    ]});
    let begun = Instant::now();
    let found = run_until(config(spec(&server.url(), load, steps("/"))), |engine, _| {
        let stop = engine.progress().started >= 4;
        if stop {
            engine.stop(true);
        }
        stop
    });
    assert!(begun.elapsed() < Duration::from_secs(30));
    let (started, finished, dropped) = counts(&found);
    assert_eq!((finished, dropped), (started, 0));
}
