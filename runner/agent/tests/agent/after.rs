// SPDX-License-Identifier: Apache-2.0
//! The steps after the load, and the step that ends a run.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};
use upsurge_agent::{Ending, run_with};
use upsurge_core::protocol::{AfterOutcome, RunnerEnd};

use crate::{
    PATIENCE, agent, arrivals,
    collector::{Collector, Seen},
    get, load, run, run_while,
    server::{self, Server},
    wait_until,
};

/// A target that takes everything but `DELETE`, which it answers with this.
fn target(code: u16) -> Server {
    Server::start(move |arrived| async move {
        if arrived.method == "DELETE" { server::status(code) } else { server::json("{}") }
    })
}

fn deletions(target: &Server) -> usize {
    target.arrived().iter().filter(|arrived| arrived.method == "DELETE").count()
}

fn tidied(target: &Server, load: Value, steps: Value) -> Value {
    let mut test = load::spec(&target.url(), load, steps);
    test["after"] = json!([{"request": {"name": "tidy up", "method": "DELETE", "url": "/rows",
        "expect": [{"status": [204]}]}}]);
    test
}

#[tokio::test]
async fn the_steps_after_the_load_wait_for_the_word_and_are_done_once() {
    let target = target(204);
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent("after", &collector, tidied(&target, arrivals(20, "1s"), get()));
    let seen = Arc::clone(&collector.seen);
    let ending = run_while(config, async {
        wait_until("the end of the load", || seen.lock().unwrap().ended()).await;
        // Others still make load: it asks on, and waits.
        let messages = seen.lock().unwrap().messages;
        wait_until("more messages", || seen.lock().unwrap().messages >= messages + 3).await;
        assert_eq!(deletions(&target), 0);
        seen.lock().unwrap().run_after = true;
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!(deletions(&target), 1);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    assert_eq!(collector.requests(), 20.0, "after is not part of the load");
    let seen = collector.seen.lock().unwrap();
    assert_eq!(seen.after(), Some(AfterOutcome { result: Ok(()), verified: None }));
    let last = seen.deltas.values().last().unwrap();
    assert_eq!(last.from_ms, last.to_ms, "nor is its time");
}

#[tokio::test]
async fn a_step_after_the_load_that_fails_is_told() {
    let target = target(503);
    // What became of it must survive an operator that forgets it.
    let collector =
        Collector::start(Seen { run_after: true, statuses: vec![200, 200, 500], ..Seen::default() });
    let (config, _scratch) = agent("after-fails", &collector, tidied(&target, arrivals(20, "1s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(deletions(&target), 1);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    let Some(AfterOutcome { result: Err(message), .. }) = collector.seen.lock().unwrap().after() else {
        panic!("it did not fail")
    };
    assert!(message.contains("spec.after") && message.contains("503"), "{message}");
}

/// A test that expects as many rows after the load as the run has iterations, and so many more.
fn verified(target: &Server, name: &str, more: u64) -> (Value, Seen) {
    let mut test = tidied(target, arrivals(20, "1s"), get());
    let expect = format!("rows + {more} == run.iterations");
    test["verify"] = json!([{"request": {"name": name, "url": "/rows/count?run={{ run.iterations }}",
        "capture": [{"name": "rows", "jsonPath": "$.rows"}], "expect": [{"condition": expect}]}}]);
    // What all runners did together: more than this one.
    let counters = json!({"iterations": 60}).as_object().cloned();
    (test, Seen { run_after: true, counters, ..Seen::default() })
}

#[tokio::test]
async fn what_is_verified_sees_the_counters_of_all_runners_and_comes_before_the_steps_of_after() {
    for (more, held) in [(0, true), (1, false)] {
        let target = Server::start(move |arrived| async move {
            if arrived.method == "DELETE" { server::status(204) } else { server::json(r#"{"rows": 60}"#) }
        });
        let (test, seen) = verified(&target, "count rows", more);
        let collector = Collector::start(seen);
        let (config, _scratch) = agent(&format!("verify-{more}"), &collector, test);
        assert_eq!(run(config).await, Ending::Done);
        let arrived = target.arrived();
        let last: Vec<&str> =
            arrived[arrived.len() - 2..].iter().map(|arrived| arrived.target.as_str()).collect();
        assert_eq!(last, ["/rows/count?run=60", "/rows"]);
        let outcome = collector.seen.lock().unwrap().after().unwrap();
        assert_eq!(outcome.result, Ok(()));
        match outcome.verified {
            Some(Ok(())) => assert!(held),
            Some(Err(message)) => {
                assert!(
                    !held && message.contains("\"count rows\": expected that rows + 1 == run.iterations"),
                    "{message}"
                );
            }
            None => panic!("nothing was told of it"),
        }
    }
}

#[tokio::test]
async fn without_the_counters_of_the_run_nothing_is_verified() {
    let target = target(204);
    let (test, seen) = verified(&target, "count rows", 0);
    let collector = Collector::start(Seen { counters: None, ..seen });
    let (config, _scratch) = agent("verify-unknown", &collector, test);
    assert_eq!(run(config).await, Ending::Done);
    let outcome = collector.seen.lock().unwrap().after();
    assert_eq!(outcome, Some(AfterOutcome { result: Ok(()), verified: None }));
    assert_eq!(deletions(&target), 1);
}

/// What is told of the steps of a runner that is terminated when its load has ended.
async fn terminated(name: &str, test: Value) -> Result<(), String> {
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent(name, &collector, test);
    let (terminate, receiver) = watch::channel(false);
    let (ending, ()) = tokio::join!(timeout(PATIENCE, run_with(config, receiver)), async {
        wait_until("the end of the load", || collector.end().is_some()).await;
        terminate.send_replace(true);
    });
    assert_eq!(ending.unwrap(), Ending::Terminated);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    let after = collector.seen.lock().unwrap().after();
    after.expect("nothing was told").result
}

#[tokio::test]
async fn a_runner_that_is_terminated_tidies_up_first() {
    let target = target(204);
    let test = tidied(&target, arrivals(20, "1s"), get());
    assert_eq!(terminated("after-terminated", test).await, Ok(()));
    assert_eq!(deletions(&target), 1);
}

#[tokio::test]
async fn a_runner_that_is_terminated_says_that_it_had_no_time_to_tidy_up() {
    let target = target(204);
    let mut test = tidied(&target, arrivals(20, "1s"), get());
    test["after"] = json!([{"think": {"min": "10m"}}]);
    let message = terminated("after-too-long", test).await.unwrap_err();
    assert!(message.contains("SIGTERM") && message.contains("20 s"), "{message}");
}

#[tokio::test]
async fn a_test_that_ends_itself_says_why_and_tidies_up_all_the_same() {
    let target = target(204);
    let collector = Collector::start(Seen { run_after: true, ..Seen::default() });
    let steps = json!([
        {"request": {"url": "/"}},
        {"abort": {"reason": "sold out at {{ iteration }}", "if": "iteration == 30"}},
    ]);
    let (config, _scratch) = agent("abort", &collector, tidied(&target, arrivals(50, "10m"), steps));
    // The runner did what it was asked to: its pod is no failed one, which would end the others at once.
    assert_eq!(run(config).await, Ending::Done);
    let Some(RunnerEnd::Failed { reason, message }) = collector.end() else {
        panic!("{:?}", collector.end())
    };
    assert_eq!(reason, "AbortedByTest");
    assert_eq!(message, "the test ended itself: sold out at 30");
    assert_eq!(deletions(&target), 1);
}
