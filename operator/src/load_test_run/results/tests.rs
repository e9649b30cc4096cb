// SPDX-License-Identifier: Apache-2.0
//! From what the collector holds to status and verdict.

mod usage;

use rstest::rstest;
use serde_json::json;
use upsurge_core::metrics::{SeriesKey, Sink, Tags, Trend};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Autoscaler, Event, Life, Scaling, Source, What},
    workload::Workload,
};

use super::*;
use crate::load_test_run::{
    fixtures::{at, plan, pods, search, session, standing},
    pods::PodEnd,
};
use upsurge_core::protocol::Readiness;
use upsurge_crds::v1alpha1::{EpochOutcome, EpochResult, RunSummary};

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
const ALONE: Beside<'_> = Beside { checks: &[], company: &[] };

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
fn lost_requests_are_held_against_the_times_of_pods() {
    let mut spec = threshold("rate < 50%");
    spec["target"]["workloads"] = json!([{"name": "checkout"}]);
    let mut snapshot = measured();
    let pod = |life| What::Pod { pod: "checkout-a".into(), life };
    snapshot.workload.note(Event::found(at(-30), What::Listed { source: Source::Pods }));
    snapshot.workload.note(Event::live(at(20), pod(Life::Terminating)));
    snapshot.workload.note(Event::live(at(21), pod(Life::Stopped)));
    for millisecond in [20_400, 20_500, 40_000] {
        let at = std::time::Duration::from_millis(millisecond);
        snapshot.losses.record(at, at, upsurge_core::losses::LossKind::Reset);
    }
    let (status, outcome) = concluded(spec, &snapshot, None);
    let found = status.autoscaling.unwrap().requests_while_scaling_down.unwrap();
    assert_eq!((found.requests, found.failed, found.pods), (2, 36, 1));
    assert!(
        outcome.message.contains("2 of 36 failed requests were in flight while pods were ending"),
        "{outcome:?}"
    );
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

/// What was recorded of a spike: one replica, two from 20 s on that the autoscaler decided at 12 s, and no more, as its
/// bound is 2.
fn spiked(spec: &serde_json::Value) -> SessionSnapshot {
    let mut snapshot = measured();
    let windowed = upsurge_core::thresholds::Windowed::of(plan(spec).test());
    for second in 0..60_u64 {
        let mut durations = Trend::default();
        let time = if (8..22).contains(&second) { 900 } else { 20 };
        durations.record_many(std::time::Duration::from_millis(time), 6);
        let (from_ms, to_ms) = (second * 1_000, second * 1_000 + 1_000);
        let slice =
            upsurge_core::slices::Slice { from_ms, to_ms, requests: 6.0, durations, ..Default::default() };
        windowed.add_slice(&mut snapshot.windows, &slice);
    }
    windowed.close(&mut snapshot.windows, snapshot.elapsed, &Default::default());
    let mut record = Workload::new(Demand::declared(10.0).unwrap());
    let [kind, name] = ["HorizontalPodAutoscaler", "checkout"].map(str::to_owned);
    let autoscaler = Autoscaler { kind, name, min: 1, max: 2, down_window: 300, ..Autoscaler::default() };
    let scaling = |desired, current| What::Scaling(Scaling { desired, current, ..Scaling::default() });
    let pod = |name: &str, life| What::Pod { pod: format!("checkout-{name}"), life };
    let mut first = vec![
        What::Autoscaler(autoscaler),
        scaling(1, 1),
        What::Asked { replicas: 1 },
        What::Existing { replicas: 1 },
        pod("a", Life::Ready),
        pod("a", Life::Serving),
    ];
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    first.extend(sources.map(|source| What::Listed { source }));
    first.into_iter().for_each(|what| record.note(Event::found(at(-30), what)));
    let later = [
        (12, scaling(2, 1)),
        (12, What::Asked { replicas: 2 }),
        (12, pod("b", Life::Created)),
        (13, What::Existing { replicas: 2 }),
        (13, pod("b", Life::SCHEDULED)),
        (14, pod("b", Life::Started)),
        (20, pod("b", Life::Ready)),
        (20, pod("b", Life::Serving)),
    ];
    later.into_iter().for_each(|(second, what)| record.note(Event::live(at(second), what)));
    snapshot.workload = record.into();
    snapshot
}

/// A step from 10 to 40 iterations per second after 5 s, for a workload that serves 10 per replica.
fn step(expect: serde_json::Value) -> serde_json::Value {
    json!({
        "target": {
            "baseURL": "http://checkout:8080",
            "workloads": [{"name": "checkout", "capacityPerReplica": 10, "expect": expect}]
        },
        "load": {"stages": [
            {"name": "base", "duration": "5s", "target": 10, "jump": true}, {"name": "peak", "duration": "55s", "target": 40, "jump": true}
        ]},
        "thresholds": [{"metric": "http_req_duration", "condition": "max < 200ms", "selector": {"stage": "peak"}}]
    })
}

#[test]
fn a_bound_that_is_too_low_is_told_with_its_figures_its_limit_and_what_to_change() {
    let spec = step(json!({
        "maxUnderProvisionedPercent": 10, "maxDirectionChanges": 0, "maxOverProvisionedPercent": 5,
        "recoverWithin": "10s", "maxFailedRequestsWhileScalingDown": 0
    }));
    let (status, outcome) = concluded(spec.clone(), &spiked(&spec), None);
    let autoscaling = status.autoscaling.unwrap();
    assert_eq!(autoscaling.limited_by.as_deref(), Some("MaxReplicas"));
    let workload = &autoscaling.workloads[0];
    let [up] = &workload.scale_ups[..] else { panic!("{workload:?}") };
    assert_eq!((up.from, up.to, up.seconds, up.largest.as_deref()), (1, 2, 12.0, Some("decided")));
    assert_eq!((up.split.decided.as_deref(), up.split.ready.as_deref()), (Some("7s"), Some("6s")));
    let elasticity = workload.elasticity.as_ref().unwrap();
    assert_eq!((elasticity.demand_source.as_str(), elasticity.peak_demand), ("Declared", Some(4)));
    // Of four, three are missing for 15 s and two for 40 s, of 61 s until the observation ended; of two, one for 15 s.
    let missing = |figures: &Option<upsurge_crds::v1alpha1::ProvisioningResult>| {
        figures.as_ref().unwrap().under_provisioned.clone().unwrap()
    };
    assert_eq!(missing(&elasticity.unclamped), format!("{:.2}%", 100.0 * (15.0 * 0.75 + 40.0 * 0.5) / 61.0));
    assert_eq!(missing(&elasticity.clamped), format!("{:.1}%", 100.0 * (15.0 * 0.5) / 61.0));
    let outcomes: Vec<(&str, bool, bool)> =
        autoscaling.expectations.iter().map(|one| (one.name.as_str(), one.passed, one.undecided)).collect();
    let expected = [
        ("maxDirectionChanges", true, false),
        ("maxUnderProvisionedPercent", false, false),
        ("maxOverProvisionedPercent", true, false),
        ("recoverWithin", false, false),
        ("maxFailedRequestsWhileScalingDown", true, false),
    ];
    assert_eq!(outcomes, expected, "{:?}", autoscaling.expectations);
    let patch = workload.recommendation.as_ref().unwrap().patch.as_deref();
    assert_eq!(patch, Some(r#"{"spec":{"maxReplicas":4}}"#));
    assert_eq!(
        (outcome.verdict, &*outcome.reason),
        (Verdict::Failed, reasons::AUTOSCALING_EXPECTATION_MISSED)
    );
    assert!(outcome.message.contains("; to change: raise maxReplicas from 2 to at least 4"), "{outcome:?}");
}

#[test]
fn an_expectation_that_hangs_on_what_was_not_seen_is_inconclusive_and_names_it() {
    let spec = step(json!({"maxUnderProvisionedPercent": 100}));
    let mut snapshot = spiked(&spec);
    snapshot.metrics = measured().metrics;
    let lost = What::Lost { source: Source::Pods, message: "pods is forbidden".into() };
    snapshot.workload.note(Event::live(at(30), lost));
    let mut without = spec.clone();
    without["thresholds"] = json!([]);
    let (status, outcome) = concluded(without, &snapshot, None);
    assert_eq!(
        (outcome.verdict, &*outcome.reason),
        (Verdict::Inconclusive, reasons::OBSERVATION_INCOMPLETE),
        "{outcome:?}"
    );
    assert!(outcome.message.contains("pods were not seen for 31s"), "{outcome:?}");
    assert!(status.autoscaling.unwrap().expectations[0].undecided);
}

#[test]
fn without_a_capacity_the_status_says_how_to_find_it_out() {
    let mut spec = step(json!({"minPeakReplicas": 2}));
    spec["target"]["workloads"][0].as_object_mut().unwrap().remove("capacityPerReplica");
    let (status, _) = concluded(spec.clone(), &spiked(&spec), None);
    let workload = &status.autoscaling.as_ref().unwrap().workloads[0];
    let elasticity = workload.elasticity.as_ref().unwrap();
    assert_eq!((elasticity.demand_source.as_str(), &elasticity.unclamped), ("None", &None));
    assert!(
        elasticity.advice.as_ref().unwrap().contains("upsurge quick http://checkout:8080"),
        "{elasticity:?}"
    );
    assert_eq!(elasticity.direction_changes, Some(0), "what needs no demand is told all the same");
}

#[test]
fn a_gap_is_told_with_its_reason_and_its_time() {
    let spec = step(json!({"maxUnderProvisionedPercent": 100}));
    let mut snapshot = spiked(&spec);
    let lost = What::Lost { source: Source::Endpoints, message: "the operator was restarted".into() };
    snapshot.workload.note(Event::live(at(30), lost));
    snapshot.workload.note(Event::live(at(39), What::Listed { source: Source::Endpoints }));
    let (status, _) = concluded(spec, &snapshot, None);
    let autoscaling = status.autoscaling.unwrap();
    assert_eq!(autoscaling.workloads[0].gaps, ["EndpointSlices were not seen for 9s"]);
    let problem = "EndpointSlices were not seen from 30 s to 39 s of the run: the operator was restarted";
    assert_eq!(autoscaling.problems, [problem]);
}

#[test]
fn a_search_that_ends_between_two_probes_tells_what_is_known_of_its_load() {
    let mut spec = search();
    spec["after"] = json!([{"request": {"name": "tidy up", "url": "/"}}]);
    let plan = plan(&spec);
    let first = plan.epochs().unwrap().under_way(&[]).under_way(Some(MicroTime(at(0)))).unwrap();
    let mut snapshot = session(Some(Readiness::Preparing), None);
    snapshot.epochs =
        Some(standing(&plan, vec![EpochResult { outcome: Some(EpochOutcome::Passed), ..first }]));
    let company =
        [Company { namespace: "shop".into(), name: "load-2".into(), from: Time(at(3)), until: Time(at(9)) }];
    let beside = Beside { checks: &[], company: &company };
    let mut status = LoadTestRunStatus::default();
    let outcome = conclude(&mut status, &plan, &snapshot, &pods(), Some(&Cause::aborted()), &beside, at(20));
    assert_eq!(
        (outcome.verdict, outcome.message.contains("load-2")),
        (Verdict::Aborted, true),
        "{outcome:?}"
    );
    let [start, end] = [status.start_time, status.load_end_time].map(|time| time.unwrap().0);
    assert_eq!((start, end), (at(0), at(15)), "a probe takes 15 s");
    assert_eq!(status.company, company);
    assert!(matches!(&status.warnings[..], [told] if told.contains("was gone")), "{:?}", status.warnings);
    assert!(status.summary.is_none());
}

#[test]
fn the_figures_of_a_search_are_without_the_warm_up() {
    let plan = plan(&search());
    let mut snapshot = session(Some(Readiness::Ready), Some(at(0)));
    snapshot.elapsed = std::time::Duration::from_secs(15);
    snapshot.epochs = Some(standing(&plan, Vec::new()));
    let plan = plan.at(snapshot.epochs.as_ref().unwrap());
    for (stage, requests, failed) in [("warm-up", 50_u32, 50), ("measure", 100, 10)] {
        let key = |metric| {
            let key = key(metric);
            SeriesKey { tags: Tags { stage: Some(stage.into()), ..key.tags }, ..key }
        };
        snapshot.metrics.add(key("http_reqs"), &Sink::Counter(f64::from(requests)));
        let rate = Sink::Rate { passes: failed, total: requests.into() };
        snapshot.metrics.add(key("http_req_failed"), &rate);
    }
    let figures = finished(&plan, &snapshot).unwrap().figures;
    let of = |summary: &RunSummary| {
        (summary.requests, summary.requests_per_second.clone(), summary.error_rate.clone())
    };
    let measured = (100, "10".to_owned(), "10%".to_owned());
    assert_eq!((of(&figures.summary), of(&figures.requests[0].summary)), (measured.clone(), measured));
    let stages: Vec<(&str, i64)> =
        figures.stages.iter().map(|stage| (stage.name.as_str(), stage.summary.requests)).collect();
    assert_eq!(stages, [("warm-up", 50), ("measure", 100)]);
}
