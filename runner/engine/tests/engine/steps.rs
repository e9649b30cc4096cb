// SPDX-License-Identifier: Apache-2.0
//! What users do, as a server sees it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use upsurge_core::{http::Reach, metrics::Selector};
use upsurge_engine::{preflight, run_before};

use crate::{
    load::{config, run, spec, times},
    server::{self, Server},
};

/// One iteration by one user.
#[test]
fn values_are_captured_and_used() {
    let server = Server::start(|arrived| async move {
        match arrived.target.as_str() {
            "/login" => server::with_headers(
                201,
                &[("content-type", "application/json"), ("x-session", "s-7")],
                r#"{"token": "t-1", "user": {"id": 7, "roles": ["a", "b"]}, "text": "order=4711;"}"#,
            ),
            _ => server::json(r#"{"total": 12.0}"#),
        }
    });
    let mut test = spec(
        &server.url(),
        times(1),
        json!([
            {"request": {"name": "log in", "method": "POST", "url": "/login",
                "json": {"email": "a@example.com", "password": "{{ secrets.password }}", "n": "{{ amount }}", "list": [1, "{{ amount }}"]},
                "capture": [
                    {"name": "token", "jsonPath": "$.token"}, {"name": "person", "jsonPath": "$.user"},
                    {"name": "session", "header": "X-Session"}, {"name": "order", "regex": "order=([0-9]+)"},
                    {"name": "absent", "jsonPath": "$.nothing", "default": "none"},
                ],
                "expect": [{"status": [200, 201]}, {"contentType": "application/json"}, {"jsonPath": "$.user.id", "equals": 7},
                    {"jsonPath": "$.error", "exists": false}, {"bodyContains": "order"}, {"header": "x-session", "equals": "s-7"},
                    {"name": "wrong", "jsonPath": "$.user.id", "equals": 8}, {"responseTime": "30s"}]}},
            {"request": {"name": "pay", "url": "/orders/{{ order }}/{{ person.roles[1] }}", "query": {"q": "{{ absent }} & {{ amount }}"},
                "headers": {"Authorization": "Bearer {{ token }}", "X-S": "{{ session }}"},
                "expect": [{"jsonPath": "$.total", "equals": 12}]}},
            {"request": {"name": "form", "method": "POST", "url": "/form", "form": {"a": "1 2", "b": "{{ token }}"}}},
        ]),
    );
    test["variables"] = json!({"amount": 5});
    test["secrets"] = json!([{"name": "password", "secretKeyRef": {"name": "s", "key": "k"}}]);
    let mut config = config(test);
    config.secrets.insert("password".into(), "ge\"heim".into());
    let outcome = run(config);
    let arrived = server.arrived();
    assert_eq!(server.targets(), ["/login", "/orders/4711/b?q=none%20%26%205", "/form"]);
    let body: Value = serde_json::from_slice(&arrived[0].body).unwrap();
    assert_eq!(body, json!({"email": "a@example.com", "password": "ge\"heim", "n": 5, "list": [1, 5]}));
    assert_eq!(arrived[0].headers["content-type"], "application/json");
    assert!(arrived[0].headers["user-agent"].to_str().unwrap().starts_with("upsurge/"));
    assert_eq!(arrived[1].headers["authorization"], "Bearer t-1");
    assert_eq!(arrived[1].headers["x-s"], "s-7");
    assert_eq!(arrived[2].body, "a=1%202&b=t-1");
    assert_eq!(outcome.rate("checks"), (13, 14), "expectations and captures");
    assert_eq!(outcome.checks("wrong"), (0, 1));
    assert_eq!(outcome.rate("http_req_failed"), (0, 3));
}

#[test]
fn a_capture_that_finds_nothing_ends_the_iteration_with_a_failed_check() {
    let server = Server::simple();
    let steps = json!([
        {"request": {"url": "/a", "capture": [{"name": "token", "jsonPath": "$.token"}]}},
        {"request": {"url": "/b?{{ token }}"}},
    ]);
    let outcome = run(config(spec(&server.url(), times(1), steps)));
    assert_eq!(server.targets(), ["/a"]);
    assert_eq!(outcome.checks("capture token"), (0, 1));
    assert_eq!(outcome.count("iterations"), 1);
}

#[test]
fn captures_that_find_something_are_counted_as_those_that_do_not() {
    let server = Server::start(|arrived| async move {
        let found = !arrived.target.ends_with('3');
        server::json(if found { r#"{"token": "t"}"# } else { "{}" })
    });
    let steps = json!([{"request": {"url": "/{{ iteration }}", "capture": [
        {"name": "other", "jsonPath": "$.other", "default": ""}, {"name": "token", "jsonPath": "$.token"}]}}]);
    let outcome = run(config(spec(&server.url(), times(5), steps)));
    assert_eq!(outcome.checks("capture token"), (4, 5));
    assert_eq!(outcome.checks("capture other"), (5, 5), "a default is a value");
    assert_eq!(outcome.rate("checks"), (9, 10));
}

#[test]
fn conditions_loops_and_groups_go_the_way_they_are_written() {
    let server = Server::simple();
    let steps = json!([
        {"if": {"condition": "mode == 'x'", "then": [{"request": {"url": "/then"}}], "else": [{"request": {"url": "/else"}}]}},
        {"if": {"condition": "mode != 'x'", "then": [{"request": {"url": "/never"}}]}},
        {"group": {"name": "outer", "steps": [
            {"loop": {"count": 2, "steps": [
                {"request": {"url": "/o{{ loopCount }}"}},
                {"loop": {"while": "loopCount <= 2", "steps": [{"request": {"url": "/i{{ loopCount }}"}}]}},
                {"request": {"name": "after", "url": "/p{{ loopCount }}"}},
            ]}},
        ]}},
        {"loop": {"count": 0, "steps": [{"request": {"url": "/zero"}}]}},
        {"request": {"url": "/end{{ loopCount }}"}},
    ]);
    let mut test = spec(&server.url(), times(1), steps);
    test["variables"] = json!({"mode": "x"});
    let outcome = run(config(test));
    assert_eq!(server.targets(), ["/then", "/o1", "/i1", "/i2", "/p1", "/o2", "/i1", "/i2", "/p2", "/end0"]);
    let group = Selector { group: Some("outer".into()), ..Selector::default() };
    assert_eq!(outcome.metrics.count("http_reqs", &group), 8.0);
    assert_eq!(outcome.metrics.trend("group_duration", &group).count(), 1);
}

#[test]
fn scenarios_come_by_weight_and_their_figures_are_kept_apart() {
    let server = Server::simple();
    let mut test = spec(&server.url(), times(100), json!([]));
    test["scenarios"] = json!([
        {"name": "browse", "weight": 3, "steps": [{"request": {"url": "/{{ scenario }}"}}]},
        {"name": "buy", "weight": 1, "steps": [{"request": {"url": "/{{ scenario }}"}}]},
    ]);
    let outcome = run(config(test));
    let buys = server.targets().iter().filter(|target| *target == "/buy").count();
    assert_eq!((buys, server.arrived().len()), (25, 100));
    let buy = Selector { scenario: Some("buy".into()), ..Selector::default() };
    assert_eq!(outcome.metrics.count("iterations", &buy), 25.0);
    assert_eq!(outcome.metrics.count("http_reqs", &buy), 25.0);
}

#[test]
fn redirects_are_followed_with_cookies_unless_they_are_what_is_expected() {
    let server = Server::start(|arrived| async move {
        match arrived.target.as_str() {
            "/start" => {
                server::with_headers(302, &[("location", "/next?a=1"), ("set-cookie", "sid=42; Path=/")], "")
            }
            "/again" => server::with_headers(307, &[("location", "/kept")], ""),
            "/loop" => server::with_headers(301, &[("location", "/loop")], ""),
            _ => server::json("{}"),
        }
    });
    let steps = json!([
        {"request": {"method": "POST", "url": "/start", "body": "x", "expect": [{"status": [200]}]}},
        {"request": {"method": "POST", "url": "/again", "body": "y"}},
        {"request": {"url": "/start", "expect": [{"status": [302]}]}},
        {"request": {"url": "/loop"}},
    ]);
    let outcome = run(config(spec(&server.url(), times(1), steps)));
    let arrived = server.arrived();
    let seen: Vec<String> = arrived.iter().take(5).map(|a| format!("{} {}", a.method, a.target)).collect();
    assert_eq!(seen, ["POST /start", "GET /next?a=1", "POST /again", "POST /kept", "GET /start"]);
    assert_eq!(arrived[1].headers["cookie"], "sid=42");
    assert_eq!(arrived[3].body, "y");
    assert_eq!(arrived.len(), 5 + 11, "the first request and ten redirects");
    assert_eq!(outcome.rate("http_req_failed"), (1, 16), "the endless one");
    assert_eq!(outcome.rate("checks"), (2, 2));
}

#[test]
fn each_user_keeps_its_own_element_of_a_list() {
    let server = Server::simple();
    let mut test = spec(
        &server.url(),
        json!({"constant": {"level": 8, "duration": "300ms"}}),
        json!([{"request": {"url": "/{{ user }}/{{ email }}"}}, {"think": {"min": "10ms"}}]),
    );
    test["variables"] = json!({"email": ["a", "b", "c", "d", "e", "f", "g", "h"]});
    run(config(test));
    let mut chosen = BTreeMap::<String, String>::new();
    for target in server.targets() {
        let (user, email) = target[1..].split_once('/').map(|(u, e)| (u.to_owned(), e.to_owned())).unwrap();
        let first = chosen.entry(user).or_insert_with(|| email.clone());
        assert_eq!(*first, email, "a user changed its value");
    }
    assert_eq!(chosen.len(), 8);
}

#[test]
fn a_url_that_turns_out_wrong_is_a_failed_request() {
    let server = Server::simple();
    let mut test = spec(
        &server.url(),
        times(1),
        json!([
            {"request": {"url": "{{ place }}/x"}}, {"request": {"url": "/a b/{{ place }}"}}
        ]),
    );
    test["scenarios"][0]["steps"][1]["request"]["url"] = "/{{ text }}/ü".into();
    test["variables"] = json!({"place": "http://", "text": "a b"});
    let outcome = run(config(test));
    assert_eq!(outcome.count_of("request_errors", "invalid request"), 1);
    assert_eq!(outcome.rate("http_req_failed"), (1, 2));
    assert_eq!(server.targets(), ["/a%20b/%C3%BC"]);
}

#[tokio::test]
async fn before_runs_once_and_gives_its_captures_to_all() {
    let server = Server::start(|arrived| async move {
        if arrived.target == "/setup" {
            server::json(r#"{"tenant": {"id": 9}}"#)
        } else {
            server::status(404)
        }
    });
    let mut test = spec(
        &server.url(),
        times(1),
        json!([{"request": {"url": "/t/{{ tenant.id }}", "expect": [{"status": [404]}]}}]),
    );
    test["before"] =
        json!([{"request": {"url": "/setup", "capture": [{"name": "tenant", "jsonPath": "$.tenant"}]}}]);
    let mut engine = config(test.clone());
    let variables = run_before(&engine.valid, &engine.test, &BTreeMap::new(), &engine.files).await.unwrap();
    assert_eq!(Value::Object(variables.clone()), json!({"tenant": {"id": 9}}));
    engine.variables = variables;
    let outcome = tokio::task::spawn_blocking(move || run(engine)).await.unwrap();
    assert_eq!(server.targets(), ["/setup", "/t/9"]);
    assert_eq!(outcome.rate("http_req_failed"), (0, 1));

    for (steps, words) in [
        (json!([{"request": {"name": "broken", "url": "/nothing"}}]), "request \"broken\": status 404"),
        (json!([{"request": {"url": "/setup", "capture": [{"name": "x", "jsonPath": "$.x"}]}}]), "capture"),
        (json!([{"request": {"url": "/setup", "expect": [{"bodyContains": "zzz"}]}}]), "body contains"),
        (json!([{"request": {"url": "http://127.0.0.1:1/"}}]), "refused"),
    ] {
        test["before"] = steps;
        test["scenarios"][0]["steps"] = json!([{"request": {"url": "/"}}]);
        let engine = config(test.clone());
        let error =
            run_before(&engine.valid, &engine.test, &BTreeMap::new(), &engine.files).await.unwrap_err();
        assert!(error.starts_with("spec.before: ") && error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn preflight_tells_unresolved_from_unreachable() {
    let test = |url: &str| {
        let config = config(spec(url, times(1), json!([{"request": {"url": "/"}}])));
        Arc::clone(&config.test)
    };
    let server = Server::simple();
    assert_eq!(preflight(&test(&server.url()), &Reach::default()).await, Ok(()));
    let unresolved = preflight(&test("http://nowhere.invalid:8080"), &Reach::default()).await.unwrap_err();
    assert_eq!(unresolved.reason, "TargetUnresolved");
    assert!(unresolved.message.contains("nowhere.invalid"), "{unresolved}");
    let unreachable = preflight(&test("http://127.0.0.1:1"), &Reach::default()).await.unwrap_err();
    assert_eq!(unreachable.reason, "TargetUnreachable");
}
