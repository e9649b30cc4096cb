// SPDX-License-Identifier: Apache-2.0
//! From what the collector holds to status and verdict.

mod autoscaling;
mod search;
mod usage;

use rstest::rstest;
use serde_json::json;
use upsurge_core::{
    metrics::{SeriesKey, Sink, Tags, Trend},
    protocol::Readiness,
};

use super::*;
use crate::load_test_run::{
    fixtures::{at, plan, pods, session},
    pods::PodEnd,
};

fn key(metric: &str) -> SeriesKey {
    SeriesKey {
        metric: metric.into(),
        tags: Tags {
            request: Some("pay".into()),
            scenario: Some("pay".into()),
            stage: Some("constant".into()),
            ..Tags::default()
        },
    }
}

/// Nobody was asked, and nobody was there.
const ALONE: Beside<'_> = Beside { checks: &[], series: &[], company: &[] };

fn measured() -> SessionSnapshot {
    let mut snapshot = session(Some(Readiness::Ready), Some(at(0)));
    snapshot.elapsed = std::time::Duration::from_secs(60);
    snapshot.metrics.add(key("http_reqs"), &Sink::Counter(360.0));
    snapshot.metrics.add(key("http_req_failed"), &Sink::Rate { passes: 36, total: 360 });
    snapshot
}

fn concluded(
    spec: serde_json::Value,
    snapshot: &SessionSnapshot,
    cause: Option<Cause>,
) -> (LoadTestRunStatus, Outcome) {
    let mut status = LoadTestRunStatus::default();
    let outcome = conclude(&mut status, &plan(&spec), snapshot, &pods(), cause.as_ref(), &ALONE, at(61));
    (status, outcome)
}

fn threshold(condition: &str) -> serde_json::Value {
    json!({"thresholds": [{"metric": "http_req_failed", "condition": condition}], "target": {"baseURL": "http://checkout"}})
}

#[test]
fn a_breached_threshold_fails_the_run_with_its_figures() {
    let (status, outcome) = concluded(threshold("rate < 1%"), &measured(), None);
    assert_eq!(
        (outcome.verdict, outcome.reason.as_str()),
        (Verdict::Failed, reasons::THRESHOLDS_BREACHED),
        "{outcome:?}"
    );
    assert_eq!(status.summary.unwrap().requests, 360);
    assert_eq!((status.thresholds.len(), status.thresholds[0].passed), (1, false));
    assert_eq!((status.start_time.unwrap().0, status.runners.len()), (at(0), 3));
}

#[test]
fn of_a_request_no_iterations_are_told() {
    let (status, _) = concluded(threshold("rate < 50%"), &measured(), None);
    let summary = serde_json::to_value(&status.summary).unwrap();
    let request = serde_json::to_value(&status.requests[0]).unwrap();
    for field in ["iterations", "droppedIterations"] {
        assert!(summary.get(field).is_some() && request.get(field).is_none(), "{field} in {request}");
    }
    assert_eq!(request["requests"], 360, "{request}");
}

#[test]
fn a_limit_that_hardly_anybody_means_is_doubted_in_the_status() {
    let (status, outcome) = concluded(threshold("rate < 1"), &measured(), None);
    assert_eq!(outcome.verdict, Verdict::Passed, "{outcome:?}");
    let told = "spec.thresholds[0].condition: a rate is a share from 0 to 1";
    assert!(status.warnings.iter().any(|warning| warning.starts_with(told)), "{:?}", status.warnings);
}

/// What a session makes of requests that were cut off after so many seconds, among 13,600.
fn cut_off(spec: &serde_json::Value, seconds: u64, requests: u64) -> SessionSnapshot {
    let mut snapshot = session(Some(Readiness::Ready), Some(at(0)));
    snapshot.elapsed = std::time::Duration::from_secs(60);
    let mut metrics = upsurge_core::metrics::Metrics::default();
    let answered = 13_600 - requests;
    metrics.add(key("http_reqs"), &Sink::Counter(answered as f64));
    metrics.add(key("http_req_failed"), &Sink::Rate { passes: 0, total: answered });
    let mut waited = Trend::default();
    waited.record_many(std::time::Duration::from_secs(seconds), requests);
    metrics.add(key("http_req_interrupted"), &Sink::Trend(waited));
    let test = plan(spec).test().clone();
    let metrics = results::Unanswered::of(&test).counted(&metrics).unwrap_or(metrics);
    let windowed = upsurge_core::thresholds::Windowed::of(&test);
    windowed.add(&mut snapshot.windows, Default::default(), snapshot.elapsed, &metrics);
    snapshot.metrics = metrics.into();
    snapshot
}

#[rstest]
#[case::the_users_own_limit_holds(
    "rate < 1%",
    31,
    3,
    Verdict::Passed,
    "(3 had no answer when they were cut off)"
)]
#[case::and_does_not("rate < 1%", 31, 200, Verdict::Failed, "observed 1.47% (200 had no answer")]
#[case::they_did_not_have_all_of_it("rate < 1%", 2, 200, Verdict::Passed, "0% failed")]
#[test]
fn requests_without_an_answer_count_in_the_users_limit_on_failures(
    #[case] condition: &str,
    #[case] seconds: u64,
    #[case] requests: u64,
    #[case] verdict: Verdict,
    #[case] told: &str,
) {
    let spec = threshold(condition);
    let snapshot = cut_off(&spec, seconds, requests);
    let (status, outcome) = concluded(spec.clone(), &snapshot, None);
    assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    assert!(outcome.message.contains(told), "{outcome:?}");
    let unanswered = (seconds > 30).then_some(requests as i64);
    assert_eq!(status.summary.unwrap().unanswered_requests, unanswered);
    let mut shown = LoadTestRunStatus::default();
    show(&mut shown, &plan(&spec), &snapshot, &pods());
    assert_eq!(shown.summary.unwrap().unanswered_requests, unanswered, "while the load runs, too");
}

#[test]
fn requests_without_an_answer_fail_the_run_by_themselves_if_nothing_limits_them() {
    let mut spec = threshold("rate < 50%");
    spec["thresholds"] =
        json!([{"metric": "http_req_failed", "selector": {"status": 503}, "condition": "rate < 1%"}]);
    let (_, outcome) = concluded(spec.clone(), &cut_off(&spec, 31, 3), None);
    assert_eq!((outcome.verdict, &*outcome.reason), (Verdict::Failed, reasons::REQUESTS_UNANSWERED));
    assert!(outcome.message.starts_with("3 requests had no answer"), "{outcome:?}");
}

#[test]
fn what_was_given_up_is_told_with_its_time() {
    let mut snapshot = measured();
    snapshot.folds = [90, 312].map(std::time::Duration::from_secs).to_vec();
    let (status, _) = concluded(threshold("rate < 50%"), &snapshot, None);
    assert_eq!(status.warnings.len(), 2);
    assert!(status.warnings[1].contains("since 312 s of the load"), "{:?}", status.warnings);
    let mut shown = LoadTestRunStatus::default();
    show(&mut shown, &plan(&threshold("rate < 50%")), &snapshot, &pods());
    assert_eq!(shown.warnings, status.warnings);
}

#[test]
fn a_run_stopped_for_a_breach_has_failed_whatever_its_later_stages_lack() {
    let mut spec = threshold("rate < 50%");
    let later = json!({"metric": "group_duration", "condition": "max < 1s"});
    spec["thresholds"].as_array_mut().unwrap().push(later);
    let cause = || Cause::breach("http_req_failed rate < 50%: observed 61%");
    let (_, outcome) = concluded(spec.clone(), &measured(), Some(cause()));
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    let (_, outcome) = concluded(spec, &measured(), None);
    assert_eq!((outcome.verdict, &*outcome.reason), (Verdict::Inconclusive, reasons::NO_DATA), "{outcome:?}");
}

#[test]
fn a_run_stopped_for_a_breach_stays_failed_even_if_the_figure_recovered() {
    let cause = Cause::breach("http_req_failed rate < 50%: observed 61%");
    let (_, outcome) = concluded(threshold("rate < 50%"), &measured(), Some(cause));
    assert_eq!(outcome.verdict, Verdict::Failed);
    let expected =
        "http_req_failed rate < 50%: observed 61%; bottleneck: Errors (36 of 360 requests failed (10%))";
    assert_eq!(outcome.message, expected);
}

#[rstest]
#[case(Cause::aborted(), Verdict::Aborted)]
#[case(Cause::aborted_after_load(), Verdict::Aborted)]
#[case(Cause::breakdown(reasons::RUNNER_OOM_KILLED, "runner 1 of 3"), Verdict::Error)]
fn what_was_measured_before_an_early_end_is_kept(#[case] cause: Cause, #[case] verdict: Verdict) {
    let (status, outcome) = concluded(threshold("rate < 50%"), &measured(), Some(cause.clone()));
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, cause.reason()));
    assert_eq!(outcome.message, cause.message());
    assert_eq!(status.summary.unwrap().requests, 360);
    let (status, outcome) = concluded(threshold("rate < 50%"), &session(None, None), Some(cause));
    assert_eq!((outcome.verdict, status.summary), (verdict, None));
}

#[test]
fn a_test_that_ended_itself_is_aborted_with_its_reason() {
    let message = "runner 1 of 3 (pod pod-1): the test ended itself: sold out";
    let cause = Cause::breakdown(reasons::ABORTED_BY_TEST, message);
    let (status, outcome) = concluded(threshold("rate < 50%"), &measured(), Some(cause));
    let expected =
        Outcome { verdict: Verdict::Aborted, reason: reasons::ABORTED.into(), message: message.into() };
    assert_eq!(outcome, expected);
    assert_eq!(status.summary.unwrap().requests, 360);
}

#[rstest]
#[case::done(Some(Ok(())), None)]
#[case::failed(Some(Err("spec.after: request \"tidy up\" got 503".into())), Some("request \"tidy up\" got 503"))]
#[case::unknown(None, Some("runner 0"))]
fn steps_after_the_load_warn_and_change_no_verdict(
    #[case] result: Option<Result<(), String>>,
    #[case] warning: Option<&str>,
) {
    let mut snapshot = measured();
    snapshot.after = result.map(|result| AfterOutcome { result, verified: None });
    let mut spec = threshold("rate < 50%");
    let (without, as_it_was) = concluded(spec.clone(), &snapshot, None);
    assert_eq!(without.warnings, [""; 0], "the test has no such steps");
    spec["after"] = json!([{"request": {"name": "tidy up", "url": "/"}}]);
    let (status, outcome) = concluded(spec, &snapshot, None);
    assert_eq!(outcome, as_it_was);
    assert_eq!(status.warnings.len(), usize::from(warning.is_some()), "{:?}", status.warnings);
    if let Some(part) = warning {
        let told = &status.warnings[0];
        assert!(told.starts_with("the steps after the load failed: ") && told.contains(part), "{told}");
    }
}

#[rstest]
#[case::held(Some(Ok(())), Verdict::Passed, reasons::THRESHOLDS_MET)]
#[case::did_not_hold(Some(Err("expected that orders == run.confirmed".into())), Verdict::Failed, reasons::VERIFICATION_FAILED)]
#[case::unknown(None, Verdict::Inconclusive, reasons::NOT_VERIFIED)]
fn what_verify_expects_decides(
    #[case] verified: Option<Result<(), String>>,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    let mut snapshot = measured();
    let message = verified.clone().and_then(Result::err);
    snapshot.after = Some(AfterOutcome { result: Ok(()), verified });
    let mut spec = threshold("rate < 50%");
    spec["verify"] = json!([{"request": {"url": "/count"}}]);
    let (status, outcome) = concluded(spec, &snapshot, None);
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason), "{outcome:?}");
    assert_eq!(status.verification.map(|one| one.passed), Some(verdict == Verdict::Passed));
    assert!(message.is_none_or(|words| outcome.message.contains(&words)), "{outcome:?}");
}

#[test]
fn each_runner_shows_how_it_ended() {
    let mut snapshot = measured();
    snapshot.runners[0].end = Some(RunnerEnd::Completed);
    let mut pods = pods();
    pods[1].end = Some(PodEnd { exit_code: Some(137), reason: "OOMKilled".into(), ..PodEnd::default() });
    let runners = runners(&snapshot, &pods);
    let states: Vec<&str> = runners.iter().map(|runner| runner.state.as_str()).collect();
    assert_eq!(states, ["Completed", reasons::RUNNER_OOM_KILLED, "Running"]);
    assert!(runners[1].message.as_ref().unwrap().contains("out of memory"));
    assert_eq!(runners[2].start_time.as_ref().map(|time| time.0), Some(at(0)));
}

#[test]
fn outputs_that_got_nothing_are_told_and_change_no_verdict() {
    use upsurge_core::outputs::OutputReport;
    let spec = |outputs: serde_json::Value| {
        let mut spec = threshold("rate < 50%");
        spec["outputs"] = outputs;
        spec
    };
    let outputs =
        json!([{"name": "metrics", "prometheusRemoteWrite": {"url": "http://p:9090/api/v1/write"}}]);
    let mut snapshot = measured();
    let (_, without) = concluded(spec(json!([])), &snapshot, None);
    for (index, runner) in snapshot.runners.iter_mut().enumerate() {
        let problem = (index > 0).then(|| "it answered 503".to_owned());
        runner.outputs = vec![OutputReport { delivered: 10, lost: 20 * index as u64, others: 0, problem }];
    }
    let (status, outcome) = concluded(spec(outputs), &snapshot, None);
    assert_eq!(outcome, without);
    let told = &status.outputs[0];
    assert_eq!((told.name.as_str(), told.delivered_samples, told.lost_samples), ("metrics", 30, 60));
    assert_eq!(told.message.as_deref(), Some("runner 1: it answered 503; 1 more runner had trouble with it"));
}

#[test]
fn what_comes_of_a_load_that_turned_back_is_of_the_load_that_there_was() {
    let plan = plan(&json!({"load": {"unit": "IterationsPerSecond", "stress": {
        "start": 10, "increment": 10, "max": 100, "every": "10s", "brokenAt": {"errorRate": "5%"}}}}));
    let mut snapshot = session(Some(Readiness::Ready), Some(at(0)));
    snapshot.elapsed = std::time::Duration::from_secs(60);
    let turned =
        upsurge_core::plan::Turned { turn: upsurge_core::plan::Turn { last_step: 6 }, late: 0, never: false };
    snapshot.turned = crate::collector::TurnedView::of(turned, &plan.valid);
    let plan = plan.turned(snapshot.turned.as_ref().unwrap());
    for (step, failed) in [("step-4", 50), ("step-6", 60)] {
        let key = key("http_req_failed");
        let key = SeriesKey { tags: Tags { stage: Some(step.into()), ..key.tags }, ..key };
        snapshot.metrics.add(key, &Sink::Rate { passes: failed, total: 400 });
    }
    let mut status = LoadTestRunStatus::default();
    conclude(&mut status, &plan, &snapshot, &pods(), None, &ALONE, at(70));
    let stages: Vec<&str> = status.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!((stages.len(), stages.last()), (6, Some(&"step-6")));
    let planned = status.generator.unwrap().planned_iterations;
    assert_eq!(planned, Some(10 * (10 + 20 + 30 + 40 + 50 + 60)));
    let turned_back_after = status.stress.unwrap().turned_back_after;
    assert_eq!(turned_back_after.as_deref(), Some("step-6"));
}
