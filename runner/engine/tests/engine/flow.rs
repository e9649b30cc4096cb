// SPDX-License-Identifier: Apache-2.0
//! Steps side by side, loops over lists, variables, pauses, metrics of one's own, and early ends.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use upsurge_core::metrics::Selector;

use crate::{
    load::{config, run, spec, times},
    server::{self, Server},
};

/// One iteration by one user.
/// A server that answers only once so many requests are under way at the same time.
fn crowd(size: usize) -> Server {
    let arrived = Arc::new(Semaphore::new(0));
    Server::start(move |request| {
        let arrived = Arc::clone(&arrived);
        async move {
            if request.target.starts_with("/together") {
                arrived.add_permits(1);
                // Nobody takes permits for good: all go on once there are enough.
                drop(arrived.acquire_many(size as u32).await.unwrap());
            }
            server::json(format!("{{\"seen\": \"{}\"}}", request.target))
        }
    })
}

#[test]
fn branches_are_under_way_together_each_with_its_own_connection() {
    let server = crowd(3);
    let branch = |name: &str| json!({"request": {"url": format!("/together/{name}"), "capture": [{"name": name, "jsonPath": "$.seen"}]}});
    let steps = json!([
        {"set": [{"name": "seed", "value": "s"}]},
        {"parallel": {"limit": 3, "steps": [
            branch("a"), branch("b"),
            {"group": {"name": "pair", "steps": [branch("c"), {"set": [{"name": "d", "value": "{{ seed }}{{ c }}"}]}]}},
        ]}},
        {"request": {"url": "/end", "query": {"q": "{{ a }},{{ b }},{{ d }}"}}},
    ]);
    let outcome = run(config(spec(&server.url(), times(1), steps)));
    let mut targets = server.targets();
    assert_eq!(targets.pop().unwrap(), "/end?q=%2Ftogether%2Fa%2C%2Ftogether%2Fb%2Cs%2Ftogether%2Fc");
    targets.sort();
    assert_eq!(targets, ["/together/a", "/together/b", "/together/c"]);
    assert_eq!(server.connections.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert_eq!(outcome.count("http_reqs"), 4);
    assert_eq!(outcome.rate("http_req_failed"), (0, 4));
    let pair = Selector { group: Some("pair".into()), ..Selector::default() };
    assert_eq!(outcome.metrics.count("http_reqs", &pair), 1.0);
}

#[test]
fn no_more_branches_than_the_limit_are_under_way() {
    let now = Arc::new(std::sync::Mutex::new((0, 0)));
    let levels = Arc::clone(&now);
    let server = Server::start(move |_| {
        let levels = Arc::clone(&levels);
        async move {
            {
                let mut levels = levels.lock().unwrap();
                levels.0 += 1;
                levels.1 = levels.1.max(levels.0);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            levels.lock().unwrap().0 -= 1;
            server::json("{}")
        }
    });
    let branches: Vec<Value> = (0..7).map(|n| json!({"request": {"url": format!("/{n}")}})).collect();
    let outcome =
        run(config(spec(&server.url(), times(1), json!([{"parallel": {"limit": 2, "steps": branches}}]))));
    assert_eq!(now.lock().unwrap().1, 2);
    assert_eq!((outcome.count("http_reqs"), outcome.count("iterations")), (7, 1));
    assert_eq!(server.connections.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn a_branch_that_fails_ends_the_iteration_after_the_others() {
    let server = Server::simple();
    let steps = json!([
        {"parallel": {"steps": [
            {"group": {"name": "bad", "steps": [{"fail": {"message": "no stock"}}, {"request": {"url": "/never"}}]}},
            {"request": {"url": "/other"}},
        ]}},
        {"request": {"url": "/after"}},
    ]);
    let outcome = run(config(spec(&server.url(), times(1), steps)));
    assert_eq!(server.targets(), ["/other"]);
    assert_eq!(outcome.checks("fail: no stock"), (0, 1));
    assert_eq!(outcome.count("iterations"), 1);
}

#[test]
fn cookies_of_branches_are_those_of_the_user() {
    let server = Server::start(|arrived| async move {
        match arrived.target.as_str() {
            "/set" => server::with_headers(200, &[("set-cookie", "id=7; Path=/")], "{}"),
            _ => server::json("{}"),
        }
    });
    let steps =
        json!([{"parallel": {"steps": [{"request": {"url": "/set"}}]}}, {"request": {"url": "/end"}}]);
    run(config(spec(&server.url(), times(1), steps)));
    let arrived = server.arrived();
    assert_eq!(arrived[1].headers["cookie"], "id=7");
}

#[test]
fn loops_go_over_lists_and_count_by_expression() {
    let server = Server::start(|_| async { server::json(r#"{"items": [{"id": 4}, {"id": 2}]}"#) });
    let steps = json!([
        {"request": {"url": "/list", "capture": [{"name": "items", "jsonPath": "$.items"}]}},
        {"loop": {"over": "items", "steps": [
            {"request": {"url": "/{{ loopCount }}/{{ loopElement.id }}"}},
            {"loop": {"over": ["x", "{{ loopElement.id }}"], "as": "inner", "steps": [{"request": {"url": "/{{ inner }}/{{ loopElement.id }}"}}]}},
        ]}},
        {"loop": {"count": "size(items) - 1", "steps": [{"request": {"url": "/counted"}}]}},
        {"loop": {"over": "[7, 8, 9]", "count": 2, "steps": [{"request": {"url": "/few/{{ loopElement }}"}}]}},
        {"request": {"url": "/end{{ loopCount }}{{ loopElement }}"}},
    ]);
    run(config(spec(&server.url(), times(1), steps)));
    let expected =
        ["/list", "/1/4", "/x/4", "/4/4", "/2/2", "/x/2", "/2/2", "/counted", "/few/7", "/few/8", "/end0"];
    assert_eq!(server.targets(), expected);
}

#[test]
fn a_range_gives_every_number_of_repetitions() {
    let server = Server::simple();
    let steps = json!([{"loop": {"count": "1-3", "steps": [{"request": {"url": "/{{ iteration }}"}}]}}]);
    let mut test = spec(&server.url(), times(60), steps);
    test["seed"] = json!(1);
    run(config(test));
    let mut counts = BTreeMap::<String, u32>::new();
    server.targets().into_iter().for_each(|target| *counts.entry(target).or_default() += 1);
    let found: std::collections::BTreeSet<u32> = counts.values().copied().collect();
    assert_eq!(found, [1, 2, 3].into());
    assert_eq!(counts.len(), 60);
}

#[test]
fn variables_are_set_by_value_and_expression_for_one_iteration() {
    let server = Server::simple();
    let steps = json!([
        {"request": {"url": "/{{ total }}."}},
        {"set": [
            {"name": "price", "value": 4}, {"name": "total", "expression": "price * amount + 1"},
            {"name": "order", "value": {"id": "{{ total }}", "text": "n{{ total }}"}},
            {"name": "amount", "expression": "amount + 1"},
        ]},
        {"request": {"url": "/{{ total }}/{{ order.text }}/{{ amount }}", "method": "POST", "json": "{{ order }}"}},
    ]);
    let mut test = spec(&server.url(), times(2), steps);
    test["variables"] = json!({"amount": 5});
    run(config(test));
    assert_eq!(server.targets(), ["/.", "/21/n21/6", "/.", "/21/n21/6"]);
    let body: Value = serde_json::from_slice(&server.arrived()[1].body).unwrap();
    assert_eq!(body, json!({"id": 21, "text": "n21"}));
}

#[test]
fn failing_steps_count_and_end_the_iteration() {
    let server = Server::simple();
    let steps = json!([
        {"fail": {"message": "odd", "if": "iteration % 2 == 1"}},
        {"request": {"url": "/even"}},
    ]);
    let outcome = run(config(spec(&server.url(), times(10), steps)));
    assert_eq!(outcome.checks("fail: odd"), (0, 5));
    assert_eq!((server.targets().len(), outcome.count("iterations")), (5, 10));
}

#[test]
fn abort_ends_the_load_on_all_cores_and_says_why() {
    let server = Server::simple();
    let steps = json!([
        {"request": {"url": "/a"}},
        {"abort": {"reason": "user {{ user }} had enough", "if": "iteration >= 3"}},
        {"think": {"min": "1h"}},
    ]);
    let load = json!({"unit": "IterationsPerSecond", "constant": {"level": 20, "duration": "1h"}});
    let config = config(spec(&server.url(), load, steps));
    let engine = upsurge_engine::Engine::start(config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ended =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), engine.wait()).await });
    assert!(ended.is_ok() && engine.finished());
    let reason = engine.aborted().unwrap();
    assert!(reason.starts_with("user ") && reason.ends_with(" had enough"), "{reason}");
    assert!(engine.progress().started < 1_000);
}

#[test]
fn metrics_of_the_test_take_values_with_tags() {
    let server = Server::simple();
    let steps = json!([
        {"set": [{"name": "text", "value": "2.5"}]},
        {"record": {"metric": "orders"}},
        {"record": {"metric": "orders", "value": "2", "tags": {"kind": "big"}}},
        {"record": {"metric": "value", "value": "text"}},
        {"record": {"metric": "good", "value": "iteration % 2 == 0"}},
        {"request": {"url": "/", "tags": {"part": "front"}}},
        {"record": {"metric": "value", "value": "[1]"}},
        {"request": {"url": "/never"}},
    ]);
    let mut test = spec(&server.url(), times(10), steps);
    test["metrics"] = json!([{"name": "orders", "type": "Counter"}, {"name": "value", "type": "Trend"}, {"name": "good", "type": "Rate"}]);
    test["tags"] = json!({"team": "a", "part": "all"});
    test["scenarios"][0]["tags"] = json!({"journey": "j"});
    let outcome = run(config(test));
    let tagged = |name: &str, value: &str| Selector {
        tags: [(name.to_owned(), value.to_owned())].into(),
        ..Selector::default()
    };
    assert_eq!(outcome.count("orders"), 30);
    assert_eq!(outcome.metrics.count("orders", &tagged("kind", "big")), 20.0);
    assert_eq!(outcome.metrics.count("orders", &tagged("journey", "j")), 30.0);
    assert_eq!(outcome.metrics.count("orders", &tagged("team", "a")), 30.0);
    assert_eq!(outcome.metrics.count("http_reqs", &tagged("part", "front")), 10.0);
    assert_eq!(outcome.metrics.count("orders", &tagged("part", "all")), 30.0);
    assert_eq!(outcome.rate("good"), (5, 10));
    assert_eq!(outcome.metrics.trend("value", &Selector::default()).count(), 10);
    assert_eq!(outcome.checks("condition [1]"), (0, 10));
    assert_eq!(server.targets().len(), 10);
}

#[test]
fn a_group_may_leave_pauses_out_of_its_time() {
    let server = Server::simple();
    let group = |name: &str, exclude: bool| {
        json!({"group": {"name": name, "excludeThinkTime": exclude, "steps": [
            {"request": {"url": "/"}}, {"think": {"min": "1s"}},
        ]}})
    };
    let steps = json!([group("with", false), group("without", true)]);
    let outcome = run(config(spec(&server.url(), times(1), steps)));
    let time = |name: &str| {
        let group = Selector { group: Some(name.into()), ..Selector::default() };
        outcome.metrics.trend("group_duration", &group).percentile(50.0)
    };
    assert!(time("with") >= 1_000.0, "{}", time("with"));
    assert!(time("without") < time("with") - 900.0, "{} {}", time("without"), time("with"));
}

#[test]
fn a_pace_makes_up_for_what_the_steps_took() {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server::json("{}")
    });
    let steps = json!([
        {"loop": {"count": 5, "steps": [{"request": {"url": "/"}}, {"pace": {"every": "300ms"}}]}},
    ]);
    let begun = Instant::now();
    let outcome = run(config(spec(&server.url(), times(1), steps)));
    // From the test's start and not the iteration's own: one that begins late is late for none of its steps.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1_500) && took < Duration::from_secs(50), "{took:?}");
    assert_eq!(server.arrived().len(), 5);
    // Pauses of 300 ms behind steps of 100 ms each would take 2 s, and its last one ends the iteration.
    assert!(outcome.percentile("iteration_duration", 50.0) < 2_000.0);
}

#[test]
fn pacing_keeps_the_starts_of_iterations_apart_and_counts_delays() {
    let slow = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let server = Server::start(move |_| {
        let first = slow.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        async move {
            if first {
                tokio::time::sleep(Duration::from_millis(1_000)).await;
            }
            server::json("{}")
        }
    });
    let load = json!({"executors": [{"name": "e", "perVUIterations": {"vus": 1, "iterations": 6}}]});
    let mut test = spec(&server.url(), load, json!([{"request": {"url": "/"}}]));
    test["scenarios"][0]["pacing"] = json!("250ms");
    let outcome = run(config(test));
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 6);
    // The sixth is due 1.25 s after the first, whatever the first one took.
    assert!(arrived[5].at - arrived[0].at >= Duration::from_millis(1_100));
    // Those behind the slow one were due 750, 500 and 250 ms before it ended.
    let responses = outcome.metrics.trend("http_req_response_time", &Selector::default());
    assert!(responses.percentile(75.0) >= 700.0, "{}", responses.percentile(75.0));
    let services = outcome.metrics.trend("http_req_duration", &Selector::default());
    assert!(services.percentile(75.0) < 700.0, "{}", services.percentile(75.0));
    // The generator is no cause of the delays of those three: only of the first one and of those that were waited
    // for is it told how late it was.
    let lag = outcome.metrics.trend("schedule_lag", &Selector::default()).count();
    assert!((1..=3).contains(&lag), "{lag}");
}
