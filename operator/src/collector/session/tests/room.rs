// SPDX-License-Identifier: Apache-2.0
//! What is given up where there is no room, and what can't be.

use upsurge_core::metrics::Selector;

use super::*;
use crate::collector::{folding::COARSEST, totals::Totals};

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
    assert_eq!(totals.folds.len(), usize::from(COARSEST));
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
