// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 servers that break off: what is counted, what is sent again, and what stays open.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use h2::{Reason, server};
use http::Response;
use serde_json::{Value, json};
use upsurge_core::metrics::Selector;

use crate::load::{Outcome, config, refusal, run, spec, times};

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Act {
    Answer,
    /// Answers with 413 and takes no more of the request.
    Refuse,
    /// Begins to answer at once, and ends the answer when it has all of the request.
    AnswerEarly,
    /// Resets the stream.
    Reset(Reason),
    /// Ends the connection with GOAWAY.
    GoAway(Reason),
}

/// A server that acts by the number of a request on its connection, from 0.
fn start(act: impl Fn(usize) -> Act + Send + Sync + Copy + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                stream.set_nonblocking(true).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
                    let Ok(mut connection) = server::handshake(stream).await else { return };
                    let mut number = 0;
                    // Clients that hang up end the connection.
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        match act(number) {
                            Act::Answer => drop(respond.send_response(Response::new(()), true)),
                            Act::Refuse => {
                                let response = Response::builder().status(413).body(()).unwrap();
                                drop(respond.send_response(response, true));
                            }
                            Act::AnswerEarly => {
                                let mut answer = respond.send_response(Response::new(()), false).unwrap();
                                tokio::spawn(async move {
                                    let mut body = request.into_body();
                                    let mut length = 0;
                                    while let Some(Ok(part)) = body.data().await {
                                        length += part.len();
                                        let _ = body.flow_control().release_capacity(part.len());
                                    }
                                    let _ = answer.send_data(format!("{length}").into(), true);
                                });
                            }
                            Act::Reset(reason) => respond.send_reset(reason),
                            Act::GoAway(reason) => connection.abrupt_shutdown(reason),
                        }
                        number += 1;
                    }
                });
            });
        }
    });
    (address, connections)
}

fn go(address: SocketAddr, method: &str, mode: &str) -> Outcome {
    let load = json!({"constant": {"level": 1, "duration": "500ms"}});
    let steps: Value =
        json!([{"request": {"name": "r", "url": "/", "method": method}}, {"think": {"min": "10ms"}}]);
    let mut test = spec(&format!("http://{address}"), load, steps);
    test["http"] = json!({"version": "HTTP2", "connections": {"mode": mode}});
    let mut config = config(test);
    // A machine that stands still must not make an end look late.
    let rules = &mut Arc::get_mut(&mut config.valid).unwrap().http.rules;
    rules.resend.stale.as_mut().unwrap().within = Duration::from_secs(20);
    run(config)
}

#[test]
fn a_stream_that_is_reset_is_a_failure_and_no_more() {
    for mode in ["PerUser", "Shared"] {
        let (address, connections) = start(|number| match number % 2 {
            0 => Act::Answer,
            _ => Act::Reset(Reason::INTERNAL_ERROR),
        });
        let outcome = go(address, "GET", mode);
        let (failed, all) = outcome.rate("http_req_failed");
        assert!(all > 4 && failed.abs_diff(all / 2) <= 1, "{mode}: {failed} of {all}");
        assert_eq!(outcome.count_of("request_errors", "http/2"), failed);
        if mode == "Shared" {
            assert_eq!(connections.load(Ordering::SeqCst), 1, "the connection goes on");
        }
    }
}

#[test]
fn a_body_goes_on_its_way_while_the_answer_has_begun() {
    // More than a stream may send unless the server takes it.
    let body = "x".repeat(250_000);
    let (address, _) = start(|_| Act::AnswerEarly);
    let steps = json!([{"request": {"name": "r", "url": "/", "method": "POST", "body": body, "timeout": "20s",
        "expect": [{"bodyContains": "250000"}]}}]);
    let mut test = spec(&format!("http://{address}"), times(3), steps);
    test["http"] = json!({"version": "HTTP2"});
    let outcome = run(config(test));
    assert_eq!(outcome.rate("http_req_failed"), (0, 3));
    assert_eq!(outcome.rate("checks"), (3, 3));
}

#[test]
fn a_request_that_meets_a_server_going_away_is_sent_again_if_that_is_safe() {
    let leaving = |number| match number {
        0..3 => Act::Answer,
        _ => Act::GoAway(Reason::ENHANCE_YOUR_CALM),
    };
    for mode in ["PerUser", "Shared"] {
        let (address, connections) = start(leaving);
        let outcome = go(address, "GET", mode);
        assert_eq!(outcome.rate("http_req_failed").0, 0, "{mode}: {:?}", outcome.metrics);
        assert!(outcome.count("http_reqs") > 6 && connections.load(Ordering::SeqCst) > 2);
        let (address, _) = start(leaving);
        let outcome = go(address, "POST", mode);
        let (failed, all) = outcome.rate("http_req_failed");
        assert!(failed > 0 && failed < all, "{mode}: {failed} of {all}");
        // A stream that the server may have looked at ends with the connection, not with the GOAWAY.
        let counted = ["http/2", "reset"].map(|kind| outcome.count_of("request_errors", kind));
        assert_eq!(counted.iter().sum::<u64>(), failed, "{counted:?}");
        let statuses = Selector { request: Some("r".into()), ..Selector::default() };
        assert_eq!(outcome.metrics.rate("http_req_failed", &statuses), (failed, all));
    }
}

#[test]
fn a_server_that_speaks_something_else_is_counted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 1024];
            // The client may be gone already.
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    for mode in ["PerUser", "Shared"] {
        let outcome = go(address, "GET", mode);
        let (failed, all) = outcome.rate("http_req_failed");
        assert!(all > 0 && failed == all, "{mode}: {failed} of {all}");
        assert_eq!(outcome.count_of("request_errors", "protocol"), all, "{:?}", outcome.metrics);
        let mut test = spec(&format!("http://{address}"), times(1), json!([{"request": {"url": "/"}}]));
        test["http"] = json!({"version": "HTTP2", "connections": {"mode": mode}});
        let message = refusal(test);
        assert!(message.contains("the server does not speak HTTP/2: it answers with HTTP/1"), "{message}");
    }
}

#[test]
fn an_answer_counts_although_the_server_does_not_want_the_rest_of_the_request() {
    // The library resets the stream with NO_ERROR when it has answered a request whose body it did not take.
    let (address, connections) = start(|_| Act::Refuse);
    let steps = json!([{"request": {"url": "/", "method": "POST", "generated": {"size": "5Mi"}, "expect": [{"status": [413]}]}}]);
    let mut test = spec(&format!("http://{address}"), times(4), steps);
    test["http"] = json!({"version": "HTTP2"});
    let outcome = run(config(test));
    assert_eq!(outcome.rate("checks"), (4, 4));
    assert_eq!(outcome.count("request_errors"), 0);
    assert_eq!(connections.load(Ordering::SeqCst), 1, "the connection is in order");
}

/// A server that answers each request on bare frames, by its number on its connection; no frame ends the connection.
fn frames(act: impl Fn(usize, u32) -> Vec<u8> + Send + Copy + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counter) = (stream.unwrap(), Arc::clone(&counter));
            thread::spawn(move || {
                // The client may hang up at any time.
                let mut serve = || -> std::io::Result<()> {
                    stream.read_exact(&mut [0; 24])?;
                    stream.write_all(&frame(4, 0, 0, &[]))?;
                    let mut number = 0;
                    loop {
                        let mut head = [0; 9];
                        stream.read_exact(&mut head)?;
                        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                        stream.read_exact(&mut vec![0; length as usize])?;
                        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                        match (head[3], head[4] & 1) {
                            (4, 0) => stream.write_all(&frame(4, 1, 0, &[]))?,
                            (1, _) => {
                                counter.fetch_add(1, Ordering::SeqCst);
                                let answer = act(number, id);
                                if answer.is_empty() {
                                    return Ok(());
                                }
                                stream.write_all(&answer)?;
                                number += 1;
                            }
                            _ => {}
                        }
                    }
                };
                let _ = serve();
            });
        }
    });
    (address, requests)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `:status: 200` and the end of the stream.
fn ok(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, &[0x88])
}

#[test]
fn what_the_server_did_not_look_at_is_sent_again_whatever_the_method() {
    let refused = |number, id| match number {
        1 => frame(3, 0, id, &7_u32.to_be_bytes()),
        _ => ok(id),
    };
    // The last stream that was looked at is the one before.
    let going_away = |number, id: u32| match number {
        1 => frame(7, 0, 0, &[(id - 2).to_be_bytes(), [0; 4]].concat()),
        _ => ok(id),
    };
    let stubborn = |_, id| frame(3, 0, id, &7_u32.to_be_bytes());
    for mode in ["PerUser", "Shared"] {
        let post = |address: SocketAddr| {
            let steps = json!([{"request": {"url": "/", "method": "POST", "body": "x"}}]);
            let mut test = spec(&format!("http://{address}"), times(4), steps);
            test["http"] = json!({"version": "HTTP2", "connections": {"mode": mode}});
            run(config(test))
        };
        let (address, requests) = frames(refused);
        let outcome = post(address);
        assert_eq!(
            (outcome.rate("http_req_failed"), outcome.count("http_req_resent")),
            ((0, 4), 1),
            "{mode}"
        );
        assert_eq!(requests.load(Ordering::SeqCst), 5);
        let (address, requests) = frames(going_away);
        let outcome = post(address);
        let resent = outcome.count("http_req_resent");
        assert_eq!((outcome.rate("http_req_failed"), resent > 0), ((0, 4), true), "{mode}");
        assert_eq!(requests.load(Ordering::SeqCst) as u64, 4 + resent);
        let (address, requests) = frames(stubborn);
        let outcome = post(address);
        assert_eq!(
            (outcome.rate("http_req_failed"), outcome.count("http_req_resent")),
            ((4, 4), 24),
            "{mode}"
        );
        assert_eq!(requests.load(Ordering::SeqCst), 28, "{mode}: there is an end to it");
    }
}

#[test]
fn an_end_is_soon_by_what_the_connection_has_shown() {
    // As over HTTP/1: three times the least time to the first byte, which is 200 ms at least.
    let (soon, _) = frames(|number, id| answer_or_end(number, id, 250));
    let (late, _) = frames(|number, id| answer_or_end(number, id, 2_500));
    for mode in ["PerUser", "Shared"] {
        for (address, failed, resent) in [(soon, 0, 1), (late, 1, 0)] {
            let mut test = spec(&format!("http://{address}"), times(2), json!([{"request": {"url": "/"}}]));
            test["http"] = json!({"version": "HTTP2", "connections": {"mode": mode}});
            let outcome = run(config(test));
            let counted = (outcome.rate("http_req_failed"), outcome.count("http_req_resent"));
            assert_eq!(counted, ((failed, 2), resent), "{mode}");
        }
    }
}

/// The first request is answered after 200 ms; the second meets the end of the connection.
fn answer_or_end(number: usize, id: u32, wait: u64) -> Vec<u8> {
    thread::sleep(Duration::from_millis(if number == 0 { 200 } else { wait }));
    if number == 0 { ok(id) } else { Vec::new() }
}

#[test]
fn headers_of_a_connection_are_left_out() {
    let (address, _) = start(|_| Act::Answer);
    let headers =
        json!({"Keep-Alive": "timeout=5", "Proxy-Connection": "keep-alive", "Upgrade": "x", "TE": "gzip"});
    let steps = json!([{"request": {"url": "/", "headers": headers}}]);
    let mut test = spec(&format!("http://{address}"), times(2), steps);
    test["http"] = json!({"version": "HTTP2"});
    assert_eq!(run(config(test)).rate("http_req_failed"), (0, 2));
}
