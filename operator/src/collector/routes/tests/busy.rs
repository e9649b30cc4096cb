// SPDX-License-Identifier: Apache-2.0
//! Many at once, and a session that is busy.

use futures::future::join_all;

use super::*;
use crate::collector::{admission::RUN_BODIES, cell::Cell};

#[tokio::test]
async fn runners_of_a_large_run_that_nobody_has_seen_yet_are_let_in_all_at_once() {
    let asked = Asked::default();
    let sessions = serving_seen(&asked, Value::Null, 500, Cache::default()).await;
    let hellos = (0..500).map(|runner| {
        let (sessions, pod) = (sessions.clone(), pod(runner).name);
        async move {
            let body = Body::from(hello(runner, &pod).to_string());
            post(&sessions, "hello", &token(&pod), body).await
        }
    });
    for (status, reply) in join_all(hellos).await {
        assert_eq!(status, StatusCode::OK, "{reply}");
    }
}

#[tokio::test]
async fn last_words_that_wait_for_their_checkpoint_keep_nobody_else_waiting() {
    let sessions = serving_seen(&Asked::default(), Value::Null, 20, Cache::default()).await;
    let start = now();
    let last_words = (0..20).map(|runner| {
        let pod = pod(runner).name;
        let delta = json!({"number": 1, "fromMs": 0, "toMs": 1_000, "metrics": [], "done": "completed",
            "generator": {"cpuSeconds": 0.1, "periods": 0, "throttledPeriods": 0}});
        let body =
            json!({"version": 2, "runner": runner, "pod": pod, "start": start, "startedAt": start, "deltas": [delta]});
        let (sessions, token) = (sessions.clone(), token(&pod));
        async move { post(&sessions, "deltas", &token, Body::from(body.to_string())).await }
    });
    // Two bodies are dealt with at the same time, and who waits longer than five seconds for that is turned away.
    for (status, reply) in join_all(last_words).await {
        assert_eq!(
            (status, &reply["received"], &reply["acknowledged"]),
            (StatusCode::OK, &json!(1), &json!(0))
        );
    }
}

#[test]
fn whoever_waits_for_a_session_that_is_busy_keeps_no_thread_from_others() {
    let (done, is_done) = std::sync::mpsc::channel();
    // One thread for all that is asynchronous: one who waits on it for a session would keep it from who ends the merge.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(while_a_merge_is_under_way());
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(120)).expect("all wait for one session");
}

async fn while_a_merge_is_under_way() {
    let sessions = serving(&Asked::default()).await;
    let (cell, bearer) = (cell_of(&sessions), token("checkout-1-0"));
    let says = || Body::from(hello(0, "checkout-1-0").to_string());
    assert_eq!(post(&sessions, "hello", &bearer, says()).await.0, StatusCode::OK);
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let (end, is_ended) = std::sync::mpsc::channel();
    let merging = {
        let cell = cell.clone();
        spawn_blocking(move || {
            futures::executor::block_on(cell.speak(0, |session| {
                begun.send(session.state().runners[0].pod.clone()).unwrap();
                is_ended.recv().unwrap();
            }));
        })
    };
    let bound = is_begun.await.unwrap();
    let before = cell.last_heard(0, bound.as_ref()).expect("it said hello");
    let asks = {
        let sessions = sessions.clone();
        tokio::spawn(async move { post(&sessions, "hello", &bearer, says()).await.0 })
    };
    let looks = {
        let cell = cell.clone();
        tokio::spawn(async move { cell.snapshot().await.runners.len() })
    };
    // Its runner is let in and heard all the same.
    while cell.last_heard(0, bound.as_ref()) == Some(before) {
        tokio::task::yield_now().await;
    }
    assert!(!asks.is_finished() && !looks.is_finished());
    end.send(()).unwrap();
    merging.await.unwrap();
    assert_eq!((asks.await.unwrap(), looks.await.unwrap()), (StatusCode::OK, 1));
}

fn cell_of(sessions: &Sessions) -> Arc<Cell> {
    sessions.cell(&RunKey::new("shop", "checkout-1")).unwrap()
}

#[tokio::test]
async fn one_run_takes_one_turn_however_many_of_its_messages_wait() {
    let sessions = serving(&Asked::default()).await;
    let (cell, bearer) = (cell_of(&sessions), token("checkout-1-0"));
    let held = cell.turn.clone().acquire_owned().await.unwrap();
    let says = Body::from(hello(0, "checkout-1-0").to_string());
    let waiting = {
        let sessions = sessions.clone();
        tokio::spawn(async move { post(&sessions, "hello", &bearer, says).await.0 })
    };
    // It was let in, and its body read.
    while cell.bodies.available_permits() == RUN_BODIES {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    assert!(sessions.room().has_all_turns(), "the places of others are free");
    drop(held);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
}
