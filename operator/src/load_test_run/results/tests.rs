//! From what the collector holds to status and verdict.

use rstest::rstest;
use serde_json::json;
use upsurge_core::metrics::{SeriesKey, Sink, Tags, Trend};

use super::*;
use crate::load_test_run::{
    fixtures::{at, plan, pods, session},
    pods::PodEnd,
};
use upsurge_core::protocol::Readiness;

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
    let outcome = conclude(&mut status, &plan(&spec), snapshot, &pods(), cause.as_ref(), &[], at(61));
    (status, outcome)
}

fn threshold(condition: &str) -> serde_json::Value {
    json!({"thresholds": [{"metric": "http_req_failed", "condition": condition}], "target": {"baseUrl": "http://checkout"}})
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
fn requests_that_never_got_an_answer_are_told_and_fail_the_run() {
    let mut snapshot = measured();
    let mut waited = Trend::default();
    [2, 31, 35].into_iter().for_each(|seconds| waited.record(std::time::Duration::from_secs(seconds)));
    snapshot.metrics.add(key("http_req_interrupted"), &Sink::Trend(waited));
    let (status, outcome) = concluded(threshold("rate < 50%"), &snapshot, None);
    assert_eq!(
        (outcome.verdict, outcome.reason.as_str()),
        (Verdict::Failed, reasons::REQUESTS_UNANSWERED),
        "{outcome:?}"
    );
    assert_eq!(status.summary.unwrap().unanswered_requests, Some(2));
}

#[test]
fn a_run_stopped_for_a_breach_stays_failed_even_if_the_figure_recovered() {
    let cause = Cause::breach("http_req_failed rate < 50%: observed 61%");
    let (_, outcome) = concluded(threshold("rate < 50%"), &measured(), Some(cause));
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert_eq!(outcome.message, "http_req_failed rate < 50%: observed 61%");
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
    snapshot.after = result.map(|result| AfterOutcome { result });
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
