// SPDX-License-Identifier: Apache-2.0
//! Connections: kept, replaced, refused, broken; and what is counted then.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use upsurge_core::{metrics::Selector, thresholds::Target};

use crate::{
    load::{Outcome, config, run, spec, times},
    server::{self, Server},
};

fn users(level: u32, duration: &str) -> Value {
    json!({"constant": {"level": level, "duration": duration}})
}

fn request(method: &str, think: &str) -> Value {
    json!([{"request": {"name": "r", "method": method, "url": "/"}}, {"think": {"min": think}}])
}

#[test]
fn a_request_beyond_its_timeout_counts_with_the_timeout_as_duration() {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        server::json("{}")
    });
    let steps =
        json!([{"request": {"name": "slow", "url": "/", "timeout": "200ms", "expect": [{"status": [200]}]}}]);
    let outcome = run(config(spec(&server.url(), times(10), steps)));
    assert_eq!(outcome.rate("http_req_failed"), (10, 10));
    assert_eq!(outcome.count_of("request_errors", "timeout"), 10);
    assert_eq!(outcome.checks("status is 200"), (0, 10));
    let duration = outcome.metrics.trend("http_req_duration", &Selector::default());
    assert_eq!((duration.count(), duration.min(), duration.max()), (10, 200.0, 200.0));
    let waiting = outcome.metrics.trend("http_req_waiting", &Selector::default());
    assert!(waiting.count() == 10 && waiting.max() > 100.0, "no answer is no short wait: {}", waiting.max());
    assert_eq!(outcome.count("iterations"), 10);
}

#[test]
fn refused_connections_are_failures_and_the_load_still_ends() {
    // A port that was just free: nothing listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = run(config(spec(&format!("http://{address}"), users(3, "300ms"), request("GET", "0s"))));
    let requests = outcome.count("http_reqs");
    assert!(requests > 0);
    assert_eq!(outcome.count_of("request_errors", "refused"), requests);
    let target = Target::new("http_reqs{error_code:1212}", None).unwrap();
    assert_eq!(outcome.metrics.count(&target.metric, &target.selector), requests as f64);
    assert_eq!(outcome.rate("http_req_failed"), (requests, requests));
    assert!(requests < 5_000, "{requests} requests: users must not spin");
}

#[test]
fn names_that_do_not_resolve_are_counted_as_such() {
    let outcome = run(config(spec("http://nowhere.invalid", users(1, "200ms"), request("GET", "50ms"))));
    let requests = outcome.count("http_reqs");
    assert!(requests > 0);
    assert_eq!(outcome.count_of("request_errors", "dns"), requests);
}

#[test]
fn answers_that_are_not_http_are_counted_as_such() {
    let address = raw(|_| (b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(), false));
    let outcome = run(config(spec(&format!("http://{address}"), users(1, "200ms"), request("GET", "50ms"))));
    assert!(outcome.count("http_reqs") > 0);
    assert_eq!(outcome.count_of("request_errors", "protocol"), outcome.count("http_reqs"));
}

#[test]
fn a_server_that_closes_idle_connections_makes_no_failures() {
    let address = raw(|_| (OK.to_vec(), false));
    let outcome = run(config(spec(&format!("http://{address}"), users(2, "600ms"), request("POST", "20ms"))));
    let requests = outcome.count("http_reqs");
    assert!(requests > 10, "{requests}");
    assert_eq!(outcome.rate("http_req_failed"), (0, requests));
}

#[test]
fn a_request_that_meets_a_closing_connection_is_sent_again_only_if_that_is_safe() {
    // Every second request of a connection is read and answered with the end of the connection.
    let closing =
        |number: usize| if number.is_multiple_of(2) { (OK.to_vec(), true) } else { (Vec::new(), false) };
    let address = raw(closing);
    let mut test = config(spec(&format!("http://{address}"), users(1, "500ms"), request("GET", "10ms")));
    // A machine that stands still must not make an end look late.
    let rules = &mut std::sync::Arc::get_mut(&mut test.valid).unwrap().http.rules;
    rules.resend.stale.as_mut().unwrap().within = Duration::from_secs(20);
    let outcome: Outcome = run(test);
    assert!(outcome.count("http_reqs") > 4);
    assert!(outcome.count("http_req_resent") > 0);
    assert_eq!(outcome.rate("http_req_failed").0, 0, "GET may be repeated");
    let address = raw(closing);
    let outcome = run(config(spec(&format!("http://{address}"), users(1, "500ms"), request("POST", "10ms"))));
    let (failed, all) = outcome.rate("http_req_failed");
    assert!(failed > 0 && failed < all, "{failed} of {all}");
    assert_eq!(outcome.count_of("request_errors", "reset"), failed);
}

#[test]
fn a_user_replaces_its_connection_when_it_is_old() {
    let server = Server::simple();
    let outcome = run(config(spec(&server.url(), users(1, "16s"), request("GET", "100ms"))));
    assert_eq!(server.connections(), 2, "10 to 15 s old connections are replaced");
    let requests = outcome.count("http_reqs");
    assert_eq!(outcome.rate("http_req_failed"), (0, requests));
    assert_eq!(server.arrived().len() as u64, requests);
}

#[test]
fn certificates_are_verified_unless_that_is_turned_off() {
    let server = Server::tls();
    let url = format!("https://localhost:{}", server.address.port());
    let refused = run(config(spec(&url, users(1, "200ms"), request("GET", "50ms"))));
    assert!(refused.count("http_reqs") > 0);
    assert_eq!(refused.count_of("request_errors", "tls unknown authority"), refused.count("http_reqs"));
    assert_eq!(server.arrived().len(), 0);

    let mut trusting = spec(&url, users(1, "300ms"), request("GET", "50ms"));
    trusting["http"] = json!({"insecureSkipTLSVerify": true});
    let outcome = run(config(trusting));
    let requests = outcome.count("http_reqs");
    assert!(requests > 1);
    assert_eq!(outcome.rate("http_req_failed"), (0, requests));
    let handshaking = outcome.metrics.trend("http_req_tls_handshaking", &Selector::default());
    assert_eq!(handshaking.count(), requests);
    assert!(handshaking.max() > 0.0 && handshaking.percentile(1.0) == 0.0 || requests < 3);
}

#[test]
fn bytes_and_phases_are_counted() {
    let server = Server::start(|_| async { server::json(vec![b' '; 10_000]) });
    let outcome = run(config(spec(&server.url(), times(20), request("GET", "0s"))));
    assert_eq!(outcome.count("http_reqs"), 20);
    assert!(outcome.count("data_received") > 200_000 && outcome.count("data_received") < 210_000);
    assert!(outcome.count("data_sent") > 20 * 40 && outcome.count("data_sent") < 20 * 400);
    let sum = |metric: &str| outcome.metrics.trend(metric, &Selector::default()).sum();
    let parts = sum("http_req_sending") + sum("http_req_waiting") + sum("http_req_receiving");
    assert!((parts - sum("http_req_duration")).abs() < 0.01 * 20.0, "{parts} {}", sum("http_req_duration"));
    assert!(sum("http_req_blocked") >= sum("http_req_connecting"));
    assert!(sum("http_req_connecting") > 0.0);
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// A server on bare sockets: for each request, by its number on its connection, the bytes to answer and
/// whether to keep the connection.
fn raw(answer: impl Fn(usize) -> (Vec<u8>, bool) + Send + Copy + 'static) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                for number in 0.. {
                    let mut head = Vec::new();
                    let mut buffer = [0; 4096];
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut buffer) {
                            Ok(count) if count > 0 => head.extend_from_slice(&buffer[..count]),
                            _ => return,
                        }
                    }
                    let (bytes, keep) = answer(number);
                    if stream.write_all(&bytes).is_err() || !keep {
                        return;
                    }
                }
            });
        }
    });
    address
}
