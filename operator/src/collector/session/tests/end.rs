// SPDX-License-Identifier: Apache-2.0
//! How a load ends: early, by itself, and what is done once it has.

use upsurge_core::series::{Course, MOST_VALUES, SeriesAnswer};

use super::*;

#[test]
fn stop_reaches_runners_that_wait_and_runners_that_run() {
    let mut session = Session::new(&plan(2, false), None);
    session.deltas(&batch(1, 0, &[1]), &pod(1), 0).unwrap();
    session.stop("aborted by spec.abort");
    session.stop("something else");
    let reason = "aborted by spec.abort".to_owned();
    assert_eq!(says(&mut session, &hello(0), 0), HelloCommand::Stop { reason: reason.clone() });
    assert_eq!(session.state().runners[0].end, Some(RunnerEnd::Stopped { reason: reason.clone() }));
    let mut last = batch(1, 0, &[2]);
    last.deltas[0].done = Some(RunnerEnd::Stopped { reason: reason.clone() });
    let reply = session.deltas(&last, &pod(1), 0).unwrap();
    assert_eq!(reply.command, DeltaCommand::Stop { reason });
    assert!(session.is_urgent() && !session.all_done());
    save(&mut session, 0);
    assert!(session.all_done());
}

#[test]
fn a_runner_that_goes_on_after_its_end_makes_no_checkpoint_urgent() {
    let mut session = Session::new(&plan(1, false), None);
    let mut last = batch(0, 0, &[1]);
    last.deltas[0].done = Some(RunnerEnd::Completed);
    session.deltas(&last, &pod(0), 0).unwrap();
    let mark = session.begin();
    session.deltas(&batch(0, 0, &[2]), &pod(0), 0).unwrap();
    session.saved(&mark, 0);
    assert!(!session.is_urgent() && session.all_done());
}

#[test]
fn after_is_done_by_one_runner_when_the_load_of_all_has_ended() {
    let plan = plan(2, false);
    let mut session = Session::new(&plan, None);
    let command = |session: &mut Session, runner| {
        session.deltas(&batch(runner, 0, &[]), &pod(runner), 0).unwrap().command
    };
    for runner in [0, 1] {
        let mut last = batch(runner, 0, &[1]);
        last.deltas[0].done = Some(RunnerEnd::Completed);
        let reply = session.deltas(&last, &pod(runner), 0).unwrap();
        assert_eq!(reply.command, DeltaCommand::Continue, "who says that it is due is the controller");
    }
    session.run_after();
    assert_eq!(command(&mut session, 1), DeltaCommand::Continue);
    assert_eq!(command(&mut session, 0), DeltaCommand::RunAfter);
    save(&mut session, 0);
    let mut session = restarted(&session, &plan);
    session.stop("deadline");
    session.run_after();
    assert_eq!(command(&mut session, 0), DeltaCommand::RunAfter, "told again, also when the run was stopped");
    let mut outcome = batch(0, 0, &[2]);
    outcome.deltas[0].after = Some(AfterOutcome { result: Err("503".into()), verified: None });
    save(&mut session, 0);
    assert!(!session.is_urgent());
    assert!(matches!(session.deltas(&outcome, &pod(0), 0).unwrap().command, DeltaCommand::Stop { .. }));
    assert!(session.is_urgent(), "the runner waits for it");
    save(&mut session, 0);
    assert!(!session.is_urgent() && session.all_done());
    let restored = restarted(&session, &plan);
    assert_eq!(restored.state().after, Some(AfterOutcome { result: Err("503".into()), verified: None }));
}

#[test]
fn the_runner_that_verifies_is_told_the_counters_of_all() {
    let mut plan = plan(2, false);
    plan.test.verify = serde_json::from_value(json!([{"request": {"url": "/count"}}])).unwrap();
    plan.test.metrics = serde_json::from_value(json!([{"name": "confirmed", "type": "Counter"}])).unwrap();
    let mut session = Session::new(&plan, None);
    for (runner, confirmed) in [(0, 30.0), (1, 12.0)] {
        let mut last = batch(runner, 0, &[1]);
        let key = SeriesKey { metric: "confirmed".into(), tags: Tags::default() };
        last.deltas[0].metrics.add(key, &Sink::Counter(confirmed));
        last.deltas[0].done = Some(RunnerEnd::Completed);
        assert_eq!(session.deltas(&last, &pod(runner), 0).unwrap().counters, None);
    }
    session.run_after();
    assert_eq!(session.deltas(&batch(1, 0, &[]), &pod(1), 0).unwrap().counters, None);
    let told = |session: &mut Session| session.deltas(&batch(0, 0, &[]), &pod(0), 0).unwrap().counters;
    let confirmed = |session: &mut Session| told(session).map(|counters| counters["confirmed"].clone());
    assert_eq!(confirmed(&mut session), Some(json!(42)));
    save(&mut session, 0);
    let mut session = restarted(&session, &plan);
    session.run_after();
    assert_eq!(confirmed(&mut session), Some(json!(42)), "told again by the next operator");
    let mut outcome = batch(0, 0, &[2]);
    outcome.deltas[0].after = Some(AfterOutcome { result: Ok(()), verified: Some(Err("41".into())) });
    session.deltas(&outcome, &pod(0), 0).unwrap();
    assert_eq!(told(&mut session), None);
    save(&mut session, 0);
    let verified = restarted(&session, &plan).state().after.clone().and_then(|after| after.verified);
    assert_eq!(verified, Some(Err("41".into())));
}

#[test]
fn prometheus_is_asked_by_one_runner_and_its_answers_are_bounded() {
    let mut plan = plan(2, false);
    let checks = ["one", "two"].map(|name| json!({"name": name, "query": "up", "condition": "> 0"}));
    let series = json!([{"name": "connections", "query": "up"}]);
    let prometheus = json!({"url": "http://prometheus:9090", "checks": checks, "series": series});
    plan.test.prometheus = serde_json::from_value(prometheus).unwrap();
    let mut session = Session::new(&plan, None);
    let command = |session: &mut Session, runner| {
        session.deltas(&batch(runner, 0, &[]), &pod(runner), 0).unwrap().command
    };
    for runner in [0, 1] {
        let mut last = batch(runner, 0, &[1]);
        last.deltas[0].done = Some(RunnerEnd::Completed);
        session.deltas(&last, &pod(runner), 0).unwrap();
    }
    assert_eq!(
        command(&mut session, 0),
        DeltaCommand::Continue,
        "who says that it is time is the controller"
    );
    session.run_after();
    session.ask_prometheus(5, 9);
    assert_eq!(command(&mut session, 0), DeltaCommand::RunAfter, "the steps of after come first");
    let mut outcome = batch(0, 0, &[2]);
    outcome.deltas[0].after = Some(AfterOutcome { result: Ok(()), verified: None });
    session.deltas(&outcome, &pod(0), 0).unwrap();
    assert_eq!(command(&mut session, 1), DeltaCommand::Continue);
    assert_eq!(command(&mut session, 0), DeltaCommand::AskPrometheus { start: 5, end: 9 });
    save(&mut session, 0);
    let mut session = restarted(&session, &plan);
    session.ask_prometheus(5, 9);
    assert_eq!(command(&mut session, 0), DeltaCommand::AskPrometheus { start: 5, end: 9 }, "told again");
    let long = CheckAnswer::Problem("x".repeat(1_000_000));
    let answers = |runner, number, answer: &CheckAnswer| {
        let mut batch = batch(runner, 0, &[number]);
        batch.deltas[0].checks = Some(vec![answer.clone(); 1_000]);
        let wild = Course { start: 0, step: 0, values: vec![Some(f64::INFINITY); 1_000] };
        batch.deltas[0].series = vec![SeriesAnswer::Course(wild); 10];
        batch
    };
    session.deltas(&answers(1, 2, &long), &pod(1), 0).unwrap();
    assert_eq!(session.state().checks, None, "of another runner nobody asked");
    save(&mut session, 0);
    session.deltas(&answers(0, 3, &long), &pod(0), 0).unwrap();
    assert_eq!(command(&mut session, 0), DeltaCommand::Continue);
    assert!(session.is_urgent(), "the runner waits for it");
    session.deltas(&answers(0, 4, &CheckAnswer::Value("1".into())), &pod(0), 0).unwrap();
    save(&mut session, 0);
    let restored = restarted(&session, &plan);
    let bounded = CheckAnswer::Problem("x".repeat(LONGEST_WORDS));
    assert_eq!(restored.state().checks, Some(vec![bounded.clone(), bounded]), "the first answer stays");
    let course = Course { start: 0, step: 1, values: vec![None; MOST_VALUES] };
    assert_eq!(restored.state().series, [SeriesAnswer::Course(course)]);
}

#[test]
fn of_a_load_that_was_cut_short_prometheus_is_not_asked() {
    let mut session = Session::new(&plan(1, false), None);
    session.deltas(&batch(0, 0, &[1]), &pod(0), 0).unwrap();
    session.stop("abort");
    session.ask_prometheus(5, 9);
    let reply = session.deltas(&batch(0, 0, &[]), &pod(0), 0).unwrap();
    assert_eq!(reply.command, DeltaCommand::Stop { reason: "abort".into() });
}

#[test]
fn how_outputs_fare_is_known_by_the_last_word_and_outlives_the_operator() {
    use upsurge_core::outputs::OutputReport;
    let plan = plan(1, false);
    let mut session = Session::new(&plan, None);
    let told = |delivered| vec![OutputReport { delivered, ..OutputReport::default() }];
    let mut words = batch(0, 0, &[1, 2, 3]);
    words.deltas[0].outputs = told(5);
    words.deltas[1].outputs = told(9);
    session.deltas(&words, &pod(0), 0).unwrap();
    assert_eq!(session.state().runners[0].outputs, told(9), "who says nothing takes nothing back");
    let restored = restarted(&session, &plan);
    assert_eq!(restored.state().runners[0].outputs, told(9));
}
