// SPDX-License-Identifier: Apache-2.0
//! What the session answers.

mod end;
mod epochs;

use serde_json::{Map, json};
use upsurge_core::{
    metrics::{Selector, SeriesKey, Sink, Tags},
    protocol::{AfterOutcome, BeforeOutcome, CheckAnswer, Delta, LONGEST_WORDS, PROTOCOL_VERSION},
};
use upsurge_crds::names::reasons;

use super::{
    super::{
        checkpoint::{pack, unpack},
        start::{LEAD, LEAST_LEAD},
        totals::Totals,
    },
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
fn the_load_waits_for_the_first_look_at_the_target_but_not_for_ever() {
    let mut plan = plan(1, false);
    plan.test.target.workloads = serde_json::from_value(json!([{"name": "checkout"}])).unwrap();
    let starts = |session: &Session| matches!(session.start, Start::Chosen { .. });
    let mut session = Session::new(&plan, None);
    assert_eq!(says(&mut session, &hello(0), SECOND), HelloCommand::Wait);
    assert!(!starts(&session));
    session.looked();
    says(&mut session, &hello(0), 2 * SECOND);
    assert!(starts(&session));

    let mut session = Session::new(&plan, None);
    for second in 1..=10 {
        says(&mut session, &hello(0), second * SECOND);
        assert!(!starts(&session), "it never was looked at: {second} s");
    }
    says(&mut session, &hello(0), 11 * SECOND);
    assert!(starts(&session));
}

#[test]
fn load_starts_at_one_durable_instant_when_all_are_ready() {
    let mut session = Session::new(&plan(2, false), None);
    assert_eq!(says(&mut session, &hello(0), SECOND), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(1), 2 * SECOND), HelloCommand::Wait);
    assert!(session.is_urgent());
    assert_eq!(says(&mut session, &hello(0), 2 * SECOND), HelloCommand::Wait, "it is not durable yet");
    save(&mut session, 2 * SECOND + LEAST_LEAD);
    let start = HelloCommand::Start { at: 2 * SECOND + LEAD, variables: Map::new() };
    for runner in [0, 1, 1] {
        assert_eq!(says(&mut session, &hello(runner), 2 * SECOND + LEAST_LEAD), start);
    }
    assert_eq!(session.t0(), Some(2 * SECOND + LEAD));
}

#[test]
fn runners_that_prepare_or_fail_hold_the_start() {
    let mut session = Session::new(&plan(2, false), None);
    says(&mut session, &hello(0), 0);
    let failed = Readiness::Failed { reason: "TargetUnresolved".into(), message: "no such host".into() };
    for readiness in [Readiness::Preparing, failed] {
        assert_eq!(says(&mut session, &Hello { readiness, ..hello(1) }, 1), HelloCommand::Wait);
        assert!(!session.is_urgent());
    }
}

#[test]
fn before_is_done_by_one_runner_and_its_variables_reach_all() {
    let mut session = Session::new(&plan(2, true), None);
    assert_eq!(says(&mut session, &hello(0), 0), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(1), 1), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(0), 2), HelloCommand::RunBefore);
    let variables = json!({"token": "abc"}).as_object().unwrap().clone();
    let before = Some(BeforeOutcome { result: Ok(variables.clone()) });
    assert_eq!(says(&mut session, &Hello { before, ..hello(0) }, 3), HelloCommand::Wait);
    save(&mut session, 4);
    assert_eq!(says(&mut session, &hello(1), 5), HelloCommand::Start { at: 3 + LEAD, variables });
}

#[test]
fn a_failed_before_shows_as_the_failure_of_its_runner() {
    let mut session = Session::new(&plan(1, true), None);
    let before = Some(BeforeOutcome { result: Err("request \"seed\" got 503".into()) });
    assert_eq!(says(&mut session, &Hello { before, ..hello(0) }, 0), HelloCommand::Wait);
    let failed = Readiness::Failed {
        reason: reasons::BEFORE_FAILED.into(),
        message: "request \"seed\" got 503".into(),
    };
    assert_eq!(session.presence()[0].readiness, Some(failed));
}

#[test]
fn a_start_that_nobody_accepted_is_chosen_anew_after_a_restart() {
    let plan = plan(2, false);
    let mut session = Session::new(&plan, None);
    (0..2).for_each(|runner| drop(says(&mut session, &hello(runner), 0)));
    save(&mut session, 0);
    let mut session = restarted(&session, &plan);
    assert_eq!(says(&mut session, &hello(0), 60 * SECOND), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(1), 60 * SECOND), HelloCommand::Wait);
    save(&mut session, 60 * SECOND);
    assert_eq!(session.t0(), Some(60 * SECOND + LEAD));
}

#[test]
fn a_start_that_somebody_accepted_is_everybodys_after_a_restart() {
    let plan = plan(3, false);
    let mut session = Session::new(&plan, None);
    (0..3).for_each(|runner| drop(says(&mut session, &hello(runner), 0)));
    save(&mut session, 0);
    let same = HelloCommand::Start { at: LEAD, variables: Map::new() };
    let mut heard_by_hello = restarted(&session, &plan);
    assert_eq!(says(&mut heard_by_hello, &hello(0), SECOND), HelloCommand::Wait);
    says(&mut heard_by_hello, &Hello { accepted_start: Some(LEAD), ..hello(1) }, SECOND);
    assert_eq!(says(&mut heard_by_hello, &hello(2), SECOND), same);
    let mut heard_by_deltas = restarted(&session, &plan);
    heard_by_deltas.deltas(&batch(1, LEAD, &[1]), &pod(1), SECOND).unwrap();
    assert_eq!(says(&mut heard_by_deltas, &hello(0), SECOND), same);
    save(&mut heard_by_deltas, SECOND);
    let mut again = restarted(&heard_by_deltas, &plan);
    assert_eq!(says(&mut again, &hello(0), 2 * SECOND), same);
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
fn a_threshold_on_a_part_stops_the_run_after_all_tags_were_given_up() {
    let mut plan = plan(1, false);
    plan.test.thresholds = serde_json::from_value(json!([
        {"metric": "http_req_failed", "selector": {"request": "seed"}, "condition": "rate < 1%", "abortOnFail": true},
    ]))
    .unwrap();
    let mut session = Session::new(&plan, None);
    let delta = |number: u64| {
        let mut delta =
            Delta { number, from_ms: number * 1_000, to_ms: number * 1_000 + 1_000, ..Delta::default() };
        let tags = Tags { request: Some("seed".into()), ..Tags::default() };
        let key = SeriesKey { metric: "http_req_failed".into(), tags };
        delta.metrics.add(key, &Sink::Rate { passes: 1, total: 10 });
        delta
    };
    let report = |session: &mut Session, number| {
        let batch = DeltaBatch { deltas: vec![delta(number)], ..batch(0, 0, &[]) };
        session.deltas(&batch, &pod(0), 0).unwrap();
    };
    report(&mut session, 1);
    while session.fold() {}
    report(&mut session, 2);
    let session = restarted(&session, &plan);
    let totals = &session.state().totals;
    assert_eq!(totals.folds.len(), usize::from(super::super::folding::COARSEST));
    let timeline = upsurge_core::plan::Plan::compile(&plan.test.load, &["browse"]).unwrap().timeline;
    let recorded = upsurge_core::thresholds::Recorded {
        test: &plan.test,
        timeline: &timeline,
        metrics: &totals.metrics,
        windows: &totals.windows,
        elapsed: totals.elapsed(),
    };
    assert_eq!(recorded.breached_abort().map(|result| result.observed), Some("10%".into()));
}

#[test]
fn a_run_gives_up_tags_when_others_need_room_and_is_refused_only_beyond_its_share() {
    let mut session = Session::new(&plan(1, false), None);
    let report = |session: &mut Session, number: u64| {
        let mut batch = batch(0, 0, &[number]);
        for request in ["browse", "pay"] {
            let tags = Tags { request: Some(request.into()), ..Tags::default() };
            let key = SeriesKey { metric: "http_reqs".into(), tags };
            batch.deltas[0].metrics.add(key, &Sink::Counter(1.0));
        }
        session.deltas(&batch, &pod(0), 0).map(drop)
    };
    report(&mut session, 1).unwrap();
    assert_eq!(session.state().totals.folds.len(), 0);
    // Less than there is, and enough without the tags.
    session.limit_figures(session.figures() - 1);
    report(&mut session, 2).unwrap();
    report(&mut session, 3).unwrap();
    assert!(!session.state().totals.folds.is_empty() && session.figures() <= session.most_figures);
    let counted = |session: &Session| session.state().totals.metrics.count("http_reqs", &Selector::default());
    let all = counted(&session);
    assert!((all - 6.0).abs() < f64::EPSILON, "nothing but tags is lost: {all}");
    session.limit_figures(1);
    assert_eq!(report(&mut session, 4), Err(Refusal::Heavy { most: 1 }));
    assert!((counted(&session) - 6.0).abs() < f64::EPSILON, "taken whole or not at all");
    assert_eq!(session.received(0), 3);
}

#[test]
fn what_a_checkpoint_held_has_to_fit_too() {
    let mut plan = plan(1, false);
    let selector = |part: u32| json!({"status": 200 + part});
    plan.test.thresholds = (0..3)
        .map(|part| json!({"metric": "http_req_duration", "condition": "max < 9s", "selector": selector(part)}))
        .map(|threshold| serde_json::from_value(threshold).unwrap())
        .collect();
    let mut session = Session::new(&plan, None);
    let report = batch(0, 0, &[1]);
    session.deltas(&report, &pod(0), 0).unwrap();
    let durable = session.state().clone();
    assert_eq!(Session::restored(&plan, Some(durable.clone()), MOST_OF_ONE).problem(), None);
    let session = Session::restored(&plan, Some(durable), 1);
    let problem = session.problem().unwrap();
    assert_eq!(problem.reason, reasons::CHECKPOINT_TOO_LARGE);
    assert_eq!(session.state().totals, Totals::default(), "the memory is free again");
    assert!(session.is_dirty() && session.state().stop.is_some());
    // The next operator has room for what is left, and still knows that the run can't go on.
    let kept = serde_json::to_value(session.state()).unwrap();
    let next = Session::new(&plan, Some(serde_json::from_value(kept.clone()).unwrap()));
    assert_eq!(next.problem(), session.problem());
    // Checkpoints from before there was a place for it are read.
    let mut old = kept;
    assert!(old.as_object_mut().unwrap().remove("problem").is_some());
    let next = Session::new(&plan, Some(serde_json::from_value(old).unwrap()));
    assert_eq!((next.problem(), &next.state().stop), (None, &session.state().stop));
}

#[test]
fn why_a_run_breaks_off_is_kept_though_it_was_told_to_stop_before() {
    let plan = plan(1, false);
    let mut session = Session::new(&plan, None);
    session.stop("deadline");
    save(&mut session, 0);
    assert!(!session.is_dirty());
    session.break_off(reasons::CHECKPOINT_REFUSED, "quota");
    assert!(session.is_dirty() && session.state().stop.as_deref() == Some("deadline"));
    assert_eq!(restarted(&session, &plan).problem(), session.problem());
}

#[test]
fn a_gap_is_refused_with_what_was_received() {
    let mut session = Session::new(&plan(1, false), None);
    let refusal = session.deltas(&batch(0, 0, &[1, 2, 4]), &pod(0), 0).unwrap_err();
    let (session, interval_ms, command) = (Some(1), None, DeltaCommand::Continue);
    let reply =
        DeltaReply { acknowledged: 0, received: 2, command, session, cut: 0, counters: None, interval_ms };
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
