// SPDX-License-Identifier: Apache-2.0
//! Whom connections belong to, how many there are, and how long they are used.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use upsurge_core::metrics::Selector;

use crate::{
    certificates::Authority,
    load::{Outcome, config, run, spec, times},
    server::{self, Options, Server},
};

fn users(level: u32, duration: &str) -> Value {
    json!({"constant": {"level": level, "duration": duration}})
}

fn go(url: &str, http: Value, load: Value, steps: Value) -> Outcome {
    let mut test = spec(url, load, steps);
    test["http"] = http;
    run(config(test))
}

fn get() -> Value {
    json!([{"request": {"name": "r", "url": "/"}}, {"think": {"min": "10ms"}}])
}

/// How many requests came over each connection.
fn per_connection(server: &Server) -> Vec<usize> {
    let mut counts = vec![0; server.connections()];
    server.arrived().iter().for_each(|arrived| counts[arrived.connection - 1] += 1);
    counts
}

async fn slowly() -> server::Answer {
    tokio::time::sleep(Duration::from_millis(20)).await;
    server::json("{}")
}

#[test]
fn users_that_share_have_no_more_connections_than_allowed() {
    let server = Server::start(|_| slowly());
    let http = json!({"connections": {"mode": "Shared", "max": 4}});
    let outcome = go(&server.url(), http, users(20, "1s"), get());
    assert_eq!(server.connections(), 4, "two cores with two each");
    let requests = outcome.count("http_reqs");
    assert_eq!(outcome.rate("http_req_failed"), (0, requests));
    assert!(requests > 40, "{requests}");
    // With five users per connection and 20 ms per request, most wait for three or four others.
    let blocked = outcome.metrics.trend("http_req_blocked", &Selector::default());
    assert!(blocked.percentile(50.0) > 20.0, "{}", blocked.percentile(50.0));
    let duration = outcome.metrics.trend("http_req_duration", &Selector::default());
    assert!(duration.percentile(50.0) < blocked.percentile(50.0) + 20.0);
    assert!(per_connection(&server).iter().all(|count| *count > 5), "{:?}", per_connection(&server));
}

#[test]
fn a_request_that_gives_up_waiting_leaves_the_pool_in_order() {
    let server = Server::start(|arrived| async move {
        let wait = if arrived.target == "/slow" { 1_100 } else { 0 };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        server::json("{}")
    });
    let http = json!({"connections": {"mode": "Shared", "max": 1}});
    // Those who wait give up at 0.4 s and 1 s, and are at rest when the slow one is answered.
    let steps = json!([
        {"if": {"condition": "iteration == 0", "then": [{"request": {"name": "slow", "url": "/slow"}}],
            "else": [{"request": {"name": "fast", "url": "/fast", "timeout": "400ms"}}]}},
        {"think": {"min": "200ms"}},
    ]);
    let mut test = spec(&server.url(), users(3, "3s"), steps);
    test["http"] = http;
    let mut config = config(test);
    config.threads = 1;
    let outcome = run(config);
    assert_eq!(outcome.count_of("request_errors", "timeout"), outcome.rate("http_req_failed").0);
    let fast = outcome
        .metrics
        .rate("http_req_failed", &Selector { request: Some("fast".into()), ..Selector::default() });
    assert!(fast.0 >= 2, "{fast:?}: two users wait at first");
    assert!(fast.1 - fast.0 > 5, "{fast:?}: all goes well afterwards");
    assert_eq!(server.connections(), 1);
}

#[test]
fn connections_are_replaced_after_so_many_requests() {
    for mode in ["PerUser", "Shared"] {
        let server = Server::simple();
        let http = json!({"connections": {"mode": mode, "maxRequests": 3}});
        let outcome = go(&server.url(), http, users(1, "500ms"), get());
        let counts = per_connection(&server);
        assert!(
            counts.len() > 2 && counts[..counts.len() - 1].iter().all(|count| *count == 3),
            "{mode}: {counts:?}"
        );
        assert_eq!(outcome.rate("http_req_failed").0, 0);
    }
}

#[test]
fn connections_are_replaced_at_an_age_or_never() {
    let count = |age: &str| {
        let server = Server::simple();
        let outcome = go(&server.url(), json!({"connections": {"maxAge": age}}), users(1, "1500ms"), get());
        assert_eq!(outcome.rate("http_req_failed").0, 0);
        server.connections()
    };
    let replaced = count("100ms");
    assert!(
        (3..=16).contains(&replaced),
        "{replaced} connections of 100 to 150 ms and what a busy machine adds"
    );
    assert_eq!(count("0s"), 1);
}

#[test]
fn without_keep_alive_each_request_has_its_own_connection() {
    for mode in ["PerUser", "Shared"] {
        let server = Server::simple();
        let http = json!({"connections": {"mode": mode, "keepAlive": false}});
        let outcome = go(&server.url(), http, users(2, "300ms"), get());
        assert!(outcome.count("http_reqs") > 2);
        assert_eq!(server.connections() as u64, outcome.count("http_reqs"), "{mode}");
    }
}

#[test]
fn users_may_hang_up_after_each_iteration() {
    let server = Server::simple();
    let steps = json!([{"request": {"url": "/1"}}, {"request": {"url": "/2"}}, {"think": {"min": "20ms"}}]);
    let http = json!({"connections": {"closeAfterIteration": true}});
    let outcome = go(&server.url(), http, users(2, "300ms"), steps);
    assert_eq!(server.connections() as u64, outcome.count("iterations"));
    assert!(per_connection(&server).iter().all(|count| *count == 2), "{:?}", per_connection(&server));
}

#[test]
fn http2_without_tls_is_spoken_with_prior_knowledge() {
    let server = Server::with(Options { http2: true, ..Options::default() }, |arrived| async move {
        server::with_headers(200, &[("x-length", &arrived.body.len().to_string())], "hello")
    });
    // Larger than the windows of both sides at first.
    let body = "x".repeat(200_000);
    let steps = json!([
        {"request": {"url": "/a?b=c", "headers": {"Host": "shop.example.com", "X-One": "1"},
            "expect": [{"bodyContains": "hello"}]}},
        {"request": {"url": "/upload", "method": "POST", "body": body, "expect": [{"header": "x-length", "equals": "200000"}]}},
        {"think": {"min": "10ms"}},
    ]);
    let outcome = go(&server.url(), json!({"version": "HTTP2"}), users(2, "500ms"), steps);
    let requests = outcome.count("http_reqs");
    assert!(requests > 4);
    assert_eq!(outcome.rate("http_req_failed"), (0, requests));
    let (passed, checks) = outcome.rate("checks");
    assert_eq!(passed, checks);
    assert_eq!(server.connections(), 2, "one for each user");
    let arrived = server.arrived();
    assert!(arrived.iter().all(|arrived| arrived.version == http::Version::HTTP_2));
    assert_eq!(
        (arrived[0].target.as_str(), &arrived[0].headers["x-one"]),
        ("/a?b=c", &http::HeaderValue::from_static("1"))
    );
    assert!(outcome.count("data_sent") > 200_000 * (requests / 2));
    let sending = outcome.metrics.trend("http_req_sending", &Selector::default());
    assert!(sending.max() > 0.0);
}

#[test]
fn http2_is_chosen_by_alpn_and_can_be_forbidden() {
    let authority = Authority::new();
    let versions = [&rustls::version::TLS13];
    let start = |protocols: &[&str]| {
        let tls = Some(authority.server("localhost", protocols, &versions, false));
        Server::with(Options { tls, ..Options::default() }, |_| async { server::json("{}") })
    };
    let (both, old) = (start(&["h2", "http/1.1"]), start(&["http/1.1"]));
    let spoken = |server: &Server, version: &str| {
        let before = server.arrived().len();
        let url = format!("https://localhost:{}", server.address.port());
        let http = json!({"version": version, "tls": {"ca": {"text": authority.pem()}}});
        let outcome = go(&url, http, users(1, "200ms"), get());
        let seen: BTreeSet<String> =
            server.arrived()[before..].iter().map(|arrived| format!("{:?}", arrived.version)).collect();
        (seen.into_iter().collect::<Vec<_>>().join(" "), outcome)
    };
    for (server, version, expected) in [
        (&both, "Auto", "HTTP/2.0"),
        (&both, "HTTP1", "HTTP/1.1"),
        (&both, "HTTP2", "HTTP/2.0"),
        (&old, "Auto", "HTTP/1.1"),
    ] {
        let (seen, outcome) = spoken(server, version);
        assert_eq!((seen.as_str(), outcome.rate("http_req_failed").0), (expected, 0), "{version}");
    }
    let (seen, outcome) = spoken(&old, "HTTP2");
    assert_eq!(seen, "");
    assert_eq!(outcome.rate("http_req_failed").0, outcome.count("http_reqs"));
}

#[test]
fn lanes_carry_as_many_requests_as_they_may_and_no_more() {
    let most = Arc::new(std::sync::Mutex::new((0_i32, 0_i32)));
    let script = {
        let most = Arc::clone(&most);
        move |_| {
            let most = Arc::clone(&most);
            async move {
                {
                    let mut counts = most.lock().unwrap();
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                most.lock().unwrap().0 -= 1;
                server::json("{}")
            }
        }
    };
    let server = Server::with(Options { http2: true, ..Options::default() }, script);
    let http = json!({"version": "HTTP2", "connections": {"mode": "Shared", "max": 3, "maxStreams": 5}});
    let mut test = spec(&server.url(), users(40, "1s"), json!([{"request": {"url": "/"}}]));
    test["http"] = http;
    let mut config = config(test);
    config.threads = 1;
    let outcome = run(config);
    assert_eq!(server.connections(), 3);
    assert_eq!(most.lock().unwrap().1, 15, "three lanes with five requests at a time");
    let requests = outcome.count("http_reqs");
    assert_eq!(outcome.rate("http_req_failed"), (0, requests));
    assert!(per_connection(&server).iter().all(|count| *count > 5), "{:?}", per_connection(&server));
    assert!(outcome.metrics.trend("http_req_blocked", &Selector::default()).percentile(50.0) > 20.0);
}

#[test]
fn a_request_that_is_cut_off_leaves_its_lane_open() {
    let server = Server::with(Options { http2: true, ..Options::default() }, |arrived| async move {
        let wait = if arrived.target == "/slow" { 30_000 } else { 0 };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        server::json("{}")
    });
    let http = json!({"version": "HTTP2", "connections": {"mode": "Shared", "max": 1}});
    let steps = json!([
        {"request": {"name": "slow", "url": "/slow", "timeout": "100ms"}},
        {"request": {"name": "fast", "url": "/fast"}},
    ]);
    let mut test = spec(&server.url(), users(3, "1s"), steps);
    test["http"] = http;
    let mut config = config(test);
    config.threads = 1;
    let outcome = run(config);
    assert_eq!(server.connections(), 1);
    assert!(outcome.count_of("request_errors", "timeout") >= 3);
    let fast = Selector { request: Some("fast".into()), ..Selector::default() };
    let (failed, all) = outcome.metrics.rate("http_req_failed", &fast);
    assert!(failed == 0 && all >= 3, "{failed} of {all}");
}

#[test]
fn responses_may_not_be_larger_than_the_test_says() {
    let server =
        Server::start(
            |arrived| async move { server::json("x".repeat(arrived.target[1..].parse().unwrap())) },
        );
    let steps = json!([
        {"request": {"name": "small", "url": "/1000"}},
        {"request": {"name": "large", "url": "/1025"}},
        {"request": {"name": "looked at", "url": "/1025", "expect": [{"bodyContains": "x"}]}},
        {"request": {"name": "own", "url": "/1025", "maxResponseSize": 2000}},
    ]);
    let outcome = go(&server.url(), json!({"maxResponseSize": "1Ki"}), times(1), steps);
    assert_eq!(outcome.count_of("request_errors", "body too large"), 2);
    for (name, failed) in [("small", 0), ("large", 1), ("looked at", 1), ("own", 0)] {
        let selector = Selector { request: Some(name.into()), ..Selector::default() };
        assert_eq!(outcome.metrics.rate("http_req_failed", &selector), (failed, 1), "{name}");
    }
}
