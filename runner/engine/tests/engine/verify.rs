// SPDX-License-Identifier: Apache-2.0
//! Expectations on answers that count as failed, and those that decide the verdict after the load.

use rstest::rstest;
use serde_json::{Map, Value, json};
use upsurge_engine::run_verify;

use crate::{
    load::{config, run, spec, times},
    server::{self, Server},
};

/// Turns away every second order with a body that says why, and knows how many it has taken.
fn shop(taken: u64) -> Server {
    Server::start(move |arrived| async move {
        if arrived.target.starts_with("/count") {
            return server::json(format!(r#"{{"orders": {taken}}}"#));
        }
        if arrived.target.ends_with(['1', '3', '5', '7', '9']) {
            let mut answer = server::json(r#"{"error": {"message": "come back later"}}"#);
            *answer.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
            return answer;
        }
        server::json(r#"{"order": 7}"#)
    })
}

#[test]
fn an_expectation_on_failed_answers_looks_at_them_alone() {
    let server = shop(0);
    let steps = json!([{"request": {"name": "order", "url": "/order/{{ iteration }}", "expect": [
        {"name": "says why", "jsonPath": "$.error.message", "contains": "later", "when": "Failed"},
        {"name": "is 429", "status": [429], "when": "Failed"},
        {"name": "says when", "jsonPath": "$.error.retryAfter", "exists": true, "when": "Failed"},
        {"name": "has a number", "jsonPath": "$.order", "exists": true, "when": "Always"},
        {"name": "is odd", "condition": "iteration % 2 == 1", "when": "Failed"}
    ]}}]);
    let outcome = run(config(spec(&server.url(), times(10), steps)));
    // That 429 is expected of failed answers makes it no success.
    assert_eq!(outcome.rate("http_req_failed"), (5, 10));
    let checks =
        ["says why", "is 429", "says when", "has a number", "is odd"].map(|check| outcome.checks(check));
    assert_eq!(checks, [(5, 5), (5, 5), (0, 5), (5, 10), (5, 5)]);
}

#[test]
fn a_request_that_is_not_answered_is_no_failed_answer() {
    let steps = json!([{"request": {"url": "/", "expect": [
        {"name": "body", "body": true, "exists": true, "when": "Failed"}, {"name": "all", "body": true, "exists": true}
    ]}}]);
    // Nobody listens at port 9.
    let outcome = run(config(spec("http://127.0.0.1:9", times(3), steps)));
    assert_eq!(
        (outcome.rate("http_req_failed"), outcome.checks("body"), outcome.checks("all")),
        ((3, 3), (0, 0), (0, 3))
    );
}

#[rstest]
#[case::as_many_as_were_confirmed(42, None)]
#[case::one_is_missing(41, Some("expected that orders == run.confirmed"))]
fn what_verify_expects_sees_the_counters_of_the_run(#[case] taken: u64, #[case] refused: Option<&str>) {
    let server = shop(taken);
    let mut test = spec(&server.url(), times(1), json!([{"request": {"url": "/"}}]));
    test["metrics"] = json!([{"name": "confirmed", "type": "Counter"}]);
    test["variables"] = json!({"place": "nowhere"});
    test["verify"] = json!([{"request": {"name": "count", "url": "/count?of={{ run.confirmed }}&in={{ place }}",
        "capture": [{"name": "orders", "jsonPath": "$.orders"}],
        "expect": [{"condition": "orders == run.confirmed"}, {"condition": "run.iterations >= 42"}]}}]);
    let config = config(test);
    let counters = json!({"confirmed": 42, "iterations": 50}).as_object().cloned().unwrap();
    let before: Map<String, Value> = json!({"place": "Wellington"}).as_object().cloned().unwrap();
    let verified = run_verify(&config.valid, &config.test, &config.secrets, &config.files, &before, counters);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let verified = runtime.block_on(verified);
    assert_eq!(server.targets(), ["/count?of=42&in=Wellington"]);
    match refused {
        None => assert_eq!(verified, Ok(())),
        Some(words) => {
            let message = verified.unwrap_err();
            assert!(
                message.starts_with("spec.verify: request \"count\"") && message.contains(words),
                "{message}"
            );
        }
    }
}
