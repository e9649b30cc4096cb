// SPDX-License-Identifier: Apache-2.0
//! Loads of a single user: benchmarks and smoke tests.

use std::sync::mpsc::channel;

use serde_json::{Value, json};
use upsurge_core::{metrics::Selector, single};
use upsurge_engine::{EngineConfig, Traced};

use crate::{
    load::{config, run, spec},
    server::{self, Server},
};

fn steps() -> Value {
    json!([
        {"request": {"name": "log in", "url": "/login", "capture": [{"name": "token", "jsonPath": "$.token"}],
            "expect": [{"status": [200]}, {"jsonPath": "$.token", "exists": true}]}},
        {"think": {"min": "1ms", "max": "1ms"}},
        {"group": {"name": "buy", "steps": [
            {"request": {"name": "cart", "url": "/cart/{{ token }}"}},
            {"record": {"metric": "orders", "value": "1"}},
            {"if": {"condition": "loopCount > 0", "then": [{"request": {"name": "pay", "url": "/pay"}}]}},
        ]}},
    ])
}

fn server() -> Server {
    Server::start(|arrived| async move {
        match arrived.target.as_str() {
            "/login" => server::json(r#"{"token": "t-1"}"#),
            _ => server::json("{}"),
        }
    })
}

fn test(url: &str, load: Value) -> EngineConfig {
    let mut test = spec(url, load, steps());
    test["metrics"] = json!([{"name": "orders", "type": "Counter"}]);
    config(test)
}

#[test]
fn each_operation_is_done_in_a_row_and_its_warm_up_counts_nowhere() {
    let server = server();
    let test = test(&server.url(), json!({"benchmark": {"repeats": 30, "warmUp": 5}}));
    let valid = test.valid.clone();
    let outcome = run(test);
    let mut expected = vec!["/login"; 35];
    expected.extend(["/cart/t-1", "/pay"].into_iter().cycle().take(70));
    assert_eq!(server.targets(), expected);
    assert_eq!(outcome.count("http_reqs"), 90, "30 of three requests");
    assert_eq!((outcome.count("iterations"), outcome.count("orders")), (1, 30));
    assert_eq!(outcome.checks("$.token exists"), (30, 30), "{:?}", outcome.metrics);
    let trend = outcome.metrics.trend("group_duration", &Selector::default());
    assert_eq!(trend.count(), 30);
    let measured = single::measured(&valid.scenarios, &outcome.metrics);
    let told: Vec<_> = measured.iter().map(|one| (one.name.as_str(), one.samples(), one.failures)).collect();
    assert_eq!(told, [("log in", 30, 0), ("buy", 30, 0)]);
    assert!(single::incomplete(&measured).is_none());
}

#[test]
fn every_scenario_comes_once_and_each_request_is_told() {
    let server = server();
    let mut test = spec(&server.url(), json!({"smoke": {}}), steps());
    test["metrics"] = json!([{"name": "orders", "type": "Counter"}]);
    let broken = json!([
        {"request": {"name": "gone", "url": "http://127.0.0.1:1/"}},
        {"request": {"name": "none", "url": "/cart/1", "capture": [{"name": "id", "jsonPath": "$.id"}]}},
        {"request": {"name": "never", "url": "/"}},
    ]);
    let scenarios = test["scenarios"].as_array_mut().unwrap();
    scenarios[0]["weight"] = json!(50);
    scenarios.push(json!({"name": "broken", "weight": 0, "steps": broken}));
    let (sender, traced) = channel();
    let outcome = run(EngineConfig { trace: Some(sender), ..config(test) });
    assert_eq!(outcome.count("iterations"), 2);
    let mut requests = Vec::new();
    let mut ends = Vec::new();
    for step in traced.try_iter() {
        match step {
            Traced::Request(request) => requests.push(*request),
            Traced::Iteration { scenario, ended, .. } => ends.push((scenario, ended)),
        }
    }
    ends.sort();
    assert!(
        ends[0].1.as_ref().is_some_and(|why| why.contains("nothing found to capture as \"id\"")),
        "{ends:?}"
    );
    assert_eq!((ends.len(), &ends[1].1), (2, &None));
    let one = |name: &str| requests.iter().find(|request| request.name == name).unwrap();
    let login = one("log in");
    assert_eq!((login.status, login.failed, login.problem.as_deref()), (Some(200), false, None));
    assert_eq!(login.checks.iter().map(|(_, passed)| *passed).collect::<Vec<_>>(), [true, true]);
    assert_eq!(login.captures, [("token".to_owned(), Some("\"t-1\"".to_owned()))]);
    let gone = one("gone");
    assert!(gone.failed && gone.status.is_none() && gone.problem.is_some(), "{gone:?}");
    assert_eq!(one("none").captures, [("id".to_owned(), None)]);
    assert!(requests.iter().all(|request| request.name != "never"));
}
