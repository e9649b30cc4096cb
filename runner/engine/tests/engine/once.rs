// SPDX-License-Identifier: Apache-2.0
//! Steps that each user does once, by what a server sees of them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::metrics::Selector;

use crate::{
    load::{config, run, spec},
    server::{self, Server},
};

/// Logs in, works and logs out; who logs in is told its number as a token and as a cookie.
fn test(server: &Server, mut executor: Value) -> Value {
    executor["name"] = "e".into();
    let work = json!([{"request": {"name": "work", "url": "/work/{{ token }}", "capture": [{"name": "item", "jsonPath": "$.token"}]}}]);
    let mut test = spec(&server.url(), json!({"executors": [executor]}), work);
    test["scenarios"][0]["onStart"] = json!([{"group": {"name": "begin", "steps": [
        {"request": {"name": "log in", "method": "POST", "url": "/login/{{ user }}", "expect": [{"status": [200]}],
            "capture": [{"name": "token", "jsonPath": "$.token"}]}}]}}]);
    test["scenarios"][0]["onStop"] =
        json!([{"request": {"name": "log out", "method": "DELETE", "url": "/logout/{{ token }}"}}]);
    test
}

/// Answers each path with its last part as token.
async fn answer(arrived: server::Arrived, login: Duration) -> server::Answer {
    let token = arrived.target.rsplit('/').next().unwrap().to_owned();
    let mut answer = server::json(format!(r#"{{"token": "{token}"}}"#));
    if arrived.target.starts_with("/login") {
        tokio::time::sleep(login).await;
        answer.headers_mut().insert("set-cookie", format!("session={token}; Path=/").parse().unwrap());
    } else if arrived.target.starts_with("/work") {
        answer.headers_mut().insert("set-cookie", "seen=yes".parse().unwrap());
    }
    answer
}

fn slow_login(login: Duration) -> Server {
    Server::start(move |arrived| answer(arrived, login))
}

/// Last parts of the paths that came below a prefix.
fn below(server: &Server, prefix: &str) -> Vec<String> {
    let targets = server.targets();
    let mut found: Vec<String> =
        targets.iter().filter_map(|target| Some(target.strip_prefix(prefix)?.to_owned())).collect();
    found.sort();
    found
}

#[test]
fn what_a_user_began_with_stays_with_it() {
    let server = slow_login(Duration::from_secs(2));
    let executor = json!({"perVUIterations": {"vus": 3, "iterations": 4}});
    let outcome = run(config(test(&server, executor)));
    let users = ["1", "2", "3"];
    assert_eq!(below(&server, "/login/"), users);
    assert_eq!(below(&server, "/logout/"), users);
    assert_eq!(below(&server, "/work/"), users.map(|user| vec![user; 4]).concat());
    for request in server.arrived().iter().filter(|request| request.target.starts_with("/work")) {
        let token = request.target.rsplit('/').next().unwrap();
        // The cookie of the start is there each time, that of the iteration before is not.
        assert_eq!(request.headers["cookie"], format!("session={token}"));
    }
    assert_eq!((outcome.count("started_iterations"), outcome.count("iterations")), (12, 12));
    assert_eq!(outcome.count("http_reqs"), 18);
    // The start took two seconds, and is no part of any iteration.
    assert!(outcome.percentile("iteration_duration", 100.0) < 2_000.0);
    assert!(outcome.percentile("schedule_lag", 100.0) < 2_000.0);
    let selector = Selector { request: Some("work".into()), ..Selector::default() };
    assert!(outcome.metrics.trend("http_req_response_time", &selector).percentile(100.0) < 2_000.0);
    assert!(outcome.percentile("group_duration", 0.0) >= 1_999.0, "the group of the start");
}

#[test]
fn who_cannot_begin_tries_again_with_the_next_iteration() {
    let attempts = AtomicUsize::new(0);
    let server = Server::start(move |arrived| {
        let refused = arrived.target.starts_with("/login") && attempts.fetch_add(1, Ordering::SeqCst) < 2;
        async move { if refused { server::status(503) } else { answer(arrived, Duration::ZERO).await } }
    });
    let executor = json!({"sharedIterations": {"vus": 1, "iterations": 10}});
    let outcome = run(config(test(&server, executor)));
    let counts = ["/login/", "/work/", "/logout/"].map(|prefix| below(&server, prefix).len());
    assert_eq!(counts, [3, 8, 1]);
    assert_eq!((outcome.count("started_iterations"), outcome.count("iterations")), (10, 8));
    assert_eq!(outcome.checks("onStart"), (0, 2));
    assert_eq!(outcome.checks("onStop"), (0, 0));
}

#[test]
fn users_of_an_arrival_rate_begin_once_each() {
    let server = slow_login(Duration::from_secs(1));
    let executor = json!({"constantArrivalRate": {"rate": 20, "duration": "3s", "preAllocatedVUs": 4}});
    let mut test = test(&server, executor);
    test["variables"] = json!({"names": ["a", "b", "c", "d", "e", "f", "g", "h"]});
    test["scenarios"][0]["onStart"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"set": [{"name": "first", "value": "{{ names }}"}]}));
    test["scenarios"][0]["steps"] =
        json!([{"request": {"name": "work", "url": "/work/{{ user }}/{{ token }}/{{ first }}{{ names }}"}}]);
    let outcome = run(config(test));
    let logins = below(&server, "/login/");
    assert_eq!(logins, ["1", "2", "3", "4"]);
    assert_eq!(below(&server, "/logout/"), logins);
    let work = below(&server, "/work/");
    assert!(work.len() >= 20, "{}", work.len());
    assert!(
        work.iter().all(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            // The token is that of the user, who also keeps what it took of a list.
            parts[0] == parts[1] && parts[2][..1] == parts[2][1..]
        }),
        "{work:?}"
    );
    assert_eq!(outcome.count("iterations"), work.len() as u64);
    let planned = outcome.count("iterations") + outcome.count("dropped_iterations");
    assert!((60..=61).contains(&planned), "{planned}");
}

#[rstest]
#[case::in_time("30s", true)]
#[case::cut_off("0s", false)]
fn users_who_leave_end_what_they_began(#[case] graceful: &str, #[case] ends: bool) {
    // Those who are to be cut off are in the middle of something that never ends.
    let server = Server::start(move |arrived| async move {
        if !ends && arrived.target.starts_with("/work") {
            std::future::pending::<()>().await;
        }
        answer(arrived, Duration::ZERO).await
    });
    let executor = json!({"gracefulStop": graceful, "rampingVUs": {"startVUs": 4, "stages": [{"duration": "2s", "target": 0}], "gracefulRampDown": graceful}});
    let mut test = test(&server, executor);
    test["scenarios"][0]["steps"].as_array_mut().unwrap().push(json!({"think": {"min": "50ms"}}));
    run(config(test));
    let users: &[&str] = &["1", "2", "3", "4"];
    assert_eq!(below(&server, "/login/"), users);
    assert_eq!(below(&server, "/logout/"), if ends { users } else { &[] });
}

#[test]
fn a_load_that_is_stopped_lets_its_users_end() {
    let server = slow_login(Duration::ZERO);
    let executor = json!({"gracefulStop": "30s", "constantVUs": {"vus": 3, "duration": "10m"}});
    let mut test = test(&server, executor);
    test["scenarios"][0]["steps"].as_array_mut().unwrap().push(json!({"think": {"min": "50ms"}}));
    crate::load::run_until(config(test), |engine, metrics| {
        let enough = metrics.count("iterations", &Selector::default()) >= 6.0;
        if enough {
            engine.stop(true);
        }
        enough
    });
    assert_eq!(below(&server, "/login/").len(), 3);
    assert_eq!(below(&server, "/logout/").len(), 3);
}

#[test]
fn each_scenario_is_begun_for_itself() {
    let server = slow_login(Duration::ZERO);
    let mut test = test(&server, json!({"sharedIterations": {"vus": 1, "iterations": 20}}));
    let mut other = test["scenarios"][0].clone();
    (other["name"], other["onStart"]) =
        ("other".into(), json!([{"set": [{"name": "token", "value": "other"}]}]));
    test["scenarios"].as_array_mut().unwrap().push(other);
    run(config(test));
    assert_eq!(below(&server, "/login/"), ["1"]);
    let work = below(&server, "/work/");
    let others = work.iter().filter(|token| *token == "other").count();
    assert_eq!((work.len(), others), (20, 10));
    assert_eq!(below(&server, "/logout/"), ["1", "other"]);
}
