// SPDX-License-Identifier: Apache-2.0
//! What the session answers.

mod end;
mod epochs;
mod room;
mod start;
mod turning;

use serde_json::json;
use upsurge_core::{
    format::LONGEST_WORDS,
    metrics::{SeriesKey, Sink, Tags},
    protocol::{AfterOutcome, CheckAnswer, Delta, PROTOCOL_VERSION},
};
use upsurge_crds::names::reasons;

use super::{
    super::checkpoint::{pack, unpack},
    *,
};

const SECOND: i64 = 1_000_000_000;

pub fn plan(runners: u32, before: bool) -> RunPlan {
    let request = json!({"request": {"name": "seed", "url": "/"}});
    let spec = json!({
        "target": {"baseURL": "http://checkout.shop.svc"},
        "before": if before { vec![request.clone()] } else { vec![] },
        "scenarios": [{"name": "browse", "steps": [request]}],
        "load": {"unit": "Users", "constant": {"level": 1, "duration": "1m"}},
    });
    RunPlan {
        namespace: "shop".into(),
        run: "checkout-1".into(),
        uid: "5d1c".into(),
        runners,
        test: serde_json::from_value(spec).unwrap(),
        epoch: 1,
        more: false,
        reach: Default::default(),
    }
}

pub fn pod(index: u32) -> Pod {
    Pod { name: format!("checkout-1-{index}"), uid: format!("uid-{index}") }
}

fn hello(runner: u32) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        runner,
        pod: pod(runner).name,
        sent_at: 0,
        readiness: Readiness::Ready,
        accepted_start: None,
        before: None,
        wants_plan: false,
        epoch: 1,
    }
}

fn says(session: &mut Session, hello: &Hello, now: i64) -> HelloCommand {
    session.hello(hello, &pod(hello.runner), now).unwrap()
}

fn save(session: &mut Session, now: i64) {
    let mark = session.mark();
    session.saved(&mark, now);
}

/// What an operator that starts now makes of the last checkpoint.
fn restarted(session: &Session, plan: &RunPlan) -> Session {
    let bytes = pack(session.state(), None).unwrap();
    Session::new(plan, Some(unpack(&bytes).unwrap().0))
}

fn batch(runner: u32, start: i64, numbers: &[u64]) -> DeltaBatch {
    let deltas = numbers.iter().map(|number| Delta { number: *number, ..Delta::default() }).collect();
    DeltaBatch {
        version: PROTOCOL_VERSION,
        runner,
        pod: pod(runner).name,
        epoch: 1,
        start,
        started_at: start + 5,
        session: None,
        deltas,
    }
}

#[test]
fn deltas_are_acknowledged_once_they_are_durable() {
    let mut session = Session::new(&plan(1, false), None);
    let reply = session.deltas(&batch(0, 0, &[1, 2]), &pod(0), 0).unwrap();
    assert_eq!((reply.received, reply.acknowledged), (2, 0));
    let mark = session.mark();
    session.deltas(&batch(0, 0, &[2, 3]), &pod(0), 0).unwrap();
    session.saved(&mark, 0);
    let reply = session.deltas(&batch(0, 0, &[]), &pod(0), 0).unwrap();
    assert_eq!((reply.received, reply.acknowledged), (3, 2));
    assert!(session.is_dirty());
    assert_eq!(session.state().runners[0].started_at, Some(5));
}

#[test]
fn a_gap_is_refused_with_what_was_received() {
    let mut session = Session::new(&plan(1, false), None);
    let refusal = session.deltas(&batch(0, 0, &[1, 2, 4]), &pod(0), 0).unwrap_err();
    let (session, interval_ms, command) = (Some(1), None, DeltaCommand::Continue);
    let reply = DeltaReply {
        acknowledged: 0,
        received: 2,
        command,
        session,
        cut: 0,
        counters: None,
        interval_ms,
        turn: None,
    };
    assert_eq!(refusal, Refusal::Gap(reply));
}

#[test]
fn a_merged_delta_is_taken_whole_or_not_at_all() {
    let merged = |first, number| {
        let mut batch = batch(0, 0, &[number]);
        batch.deltas[0].first = Some(first);
        batch
    };
    let mut session = Session::new(&plan(1, false), None);
    let mut send = |batch: &DeltaBatch| session.deltas(batch, &pod(0), 0);
    assert_eq!(send(&merged(1, 5)).unwrap().received, 5);
    assert_eq!(send(&merged(2, 4)).unwrap().received, 5, "it was taken before");
    assert!(matches!(send(&merged(7, 9)), Err(Refusal::Gap(_))));
    assert_eq!(send(&merged(4, 9)), Err(Refusal::Overlap { runner: 0, first: 4, number: 9, received: 5 }));
    assert_eq!(send(&merged(6, 9)).unwrap().received, 9);
}

#[test]
fn what_was_meant_for_an_operator_before_is_not_taken_and_its_sender_learns_of_the_new_one() {
    let plan = plan(1, false);
    let mut session = Session::new(&plan, None);
    let old = DeltaBatch { session: Some(session.number()), ..batch(0, 0, &[1]) };
    assert_eq!(session.deltas(&old, &pod(0), 0).unwrap().received, 1);
    save(&mut session, 0);
    let mut session = restarted(&session, &plan);
    let late = DeltaBatch { session: old.session, ..batch(0, 0, &[2]) };
    let reply = session.deltas(&late, &pod(0), 0).unwrap();
    assert_eq!((reply.received, reply.session, reply.cut), (1, Some(2), 1));
    let meant = DeltaBatch { session: Some(2), ..batch(0, 0, &[2]) };
    assert_eq!(session.deltas(&meant, &pod(0), 0).unwrap().received, 2);
}

#[test]
fn nothing_may_be_merged_over_the_end_of_a_checkpoint_under_way() {
    let mut session = Session::new(&plan(2, false), None);
    let cut = |session: &mut Session, numbers: &[u64]| {
        let reply = session.deltas(&batch(0, 0, numbers), &pod(0), 0).unwrap();
        (reply.received, reply.cut, reply.acknowledged)
    };
    assert_eq!(cut(&mut session, &[1, 2]), (2, 0, 0));
    let mark = session.begin();
    assert_eq!(cut(&mut session, &[3]), (3, 2, 0));
    session.saved(&mark, 0);
    assert_eq!(cut(&mut session, &[4]), (4, 2, 2));
}

#[test]
fn a_share_that_was_begun_is_not_given_to_another_pod() {
    let mut session = Session::new(&plan(2, false), None);
    let other = Pod { name: "checkout-1-0-again".into(), uid: "other".into() };
    assert!(session.hello(&hello(0), &pod(0), 0).is_ok());
    assert!(session.hello(&hello(0), &other, 0).is_ok(), "nothing was begun");
    session.deltas(&batch(0, 0, &[1]), &other, 0).unwrap();
    let refusal = session.hello(&hello(0), &pod(0), 0).unwrap_err();
    assert_eq!(refusal, Refusal::Taken { runner: 0, pod: other.name });
    assert!(matches!(session.hello(&hello(2), &pod(2), 0), Err(Refusal::Index { runner: 2, runners: 2 })));
    let refusal = session.deltas(&batch(1, 77, &[1]), &pod(1), 0).unwrap_err();
    assert_eq!(refusal, Refusal::OtherStart { runner: 1, theirs: 77, ours: 0 });
}

#[test]
fn a_restored_session_knows_all_that_was_durable() {
    let plan = plan(2, true);
    let mut session = Session::new(&plan, None);
    let mut last = batch(0, 9, &[1]);
    last.deltas[0].done = Some(RunnerEnd::Completed);
    session.deltas(&last, &pod(0), 0).unwrap();
    session.stop("deadline");
    let restored = restarted(&session, &plan);
    assert_eq!(restored.state(), &Durable { session: 2, ..session.state().clone() });
    assert_eq!((restored.t0(), restored.presence()[0].acknowledged), (Some(9), 1));
    assert!(restored.presence()[0].end_durable);
}

#[test]
fn a_runner_of_another_version_ends_the_run_and_that_outlives_the_operator() {
    let plan = plan(2, false);
    let mut session = Session::new(&plan, None);
    says(&mut session, &hello(0), 0);
    let reply = session.not_understood(1, &pod(1), "version 9 is not served", 0).unwrap();
    assert_eq!(reply.command, DeltaCommand::Stop { reason: "version 9 is not served".into() });
    let ended = RunnerEnd::Failed {
        reason: reasons::PROTOCOL_MISMATCH.into(),
        message: "version 9 is not served".into(),
    };
    assert_eq!(session.state().runners[1].end, Some(ended.clone()));
    assert!(session.is_dirty() && session.t0().is_none());
    assert_eq!(restarted(&session, &plan).state().runners[1].end, Some(ended));
}
