// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use upsurge_crds::v1alpha1::{LatencySummary, RequestsWhileScalingDown, Threshold};

use super::*;
use crate::findings::NO_FINDINGS;

/// A run of which every part can be spoilt.
#[derive(Clone)]
struct Run {
    test: LoadTestSpec,
    aborted: Option<String>,
    breakdown: Option<Breakdown>,
    doubts: Vec<Doubt>,
    summary: Option<RunSummary>,
    unlimited: u64,
    thresholds: Vec<ThresholdResult>,
    autoscaling: Option<AutoscalingResult>,
    checks: Vec<PrometheusCheckResult>,
    limits: Vec<Judged>,
    generator: GeneratorResult,
}

fn passed() -> Run {
    let test = serde_json::json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
        "load": {"constant": {"level": 1, "duration": "1s"}}
    });
    Run {
        test: serde_json::from_value(test).unwrap(),
        aborted: None,
        breakdown: None,
        doubts: Vec::new(),
        summary: Some(RunSummary {
            requests: 1000,
            error_rate: "0%".into(),
            latency: LatencySummary { p95: "182.4ms".into(), ..Default::default() },
            ..Default::default()
        }),
        unlimited: 0,
        thresholds: vec![threshold("http_req_duration", "p(95) < 200ms", "182.4ms", true)],
        autoscaling: Some(AutoscalingResult {
            replicas: "1→4→1".into(),
            expectations: vec![expectation("4", true, None)],
            ..Default::default()
        }),
        checks: vec![check(Some("0.05"), true)],
        limits: Vec::new(),
        generator: GeneratorResult { healthy: true, ..Default::default() },
    }
}

fn threshold(metric: &str, condition: &str, observed: &str, passed: bool) -> ThresholdResult {
    ThresholdResult {
        metric: metric.into(),
        condition: condition.into(),
        observed: observed.into(),
        passed,
        detail: None,
        undecided: false,
    }
}

fn expectation(observed: &str, passed: bool, message: Option<&str>) -> ExpectationResult {
    ExpectationResult {
        name: "minPeakReplicas".into(),
        expected: "4".into(),
        observed: observed.into(),
        passed,
        undecided: false,
        message: message.map(Into::into),
        basis: None,
    }
}

fn check(observed: Option<&str>, passed: bool) -> PrometheusCheckResult {
    PrometheusCheckResult {
        name: "db p95".into(),
        condition: "< 0.1".into(),
        observed: observed.map(Into::into),
        passed,
        message: observed.is_none().then(|| "connection refused".into()),
    }
}

impl Run {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn aborted(self) -> Self {
        self.with(|run| run.aborted = Some("spec.abort was set".into()))
    }

    fn broken(self) -> Self {
        self.with(|run| {
            run.breakdown = Some(Breakdown {
                reason: reasons::RUNNER_OOM_KILLED.into(),
                message: "runner 1 ran out of memory".into(),
            });
        })
    }

    fn saturated(self) -> Self {
        self.with(|run| {
            run.generator =
                GeneratorResult { problems: vec!["started late".into()], ..GeneratorResult::default() };
        })
    }

    fn doubtful(self) -> Self {
        self.with(|run| {
            run.doubts.push(Doubt { reason: reasons::METRICS_UNAVAILABLE, message: "no metrics".into() });
        })
    }

    fn unanswered(self) -> Self {
        self.with(|run| run.checks = vec![check(None, false)])
    }

    fn slow(self) -> Self {
        self.with(|run| {
            run.thresholds = vec![threshold("http_req_duration", "p(95) < 200ms", "431.2ms", false)];
        })
    }

    fn limited(self) -> Self {
        let why = "peak was 2, limited by maxReplicas 2 of HorizontalPodAutoscaler/checkout";
        self.with(|run| {
            run.autoscaling = Some(AutoscalingResult {
                expectations: vec![expectation("2", false, Some(why))],
                ..Default::default()
            });
        })
    }

    fn over_the_check(self) -> Self {
        self.with(|run| run.checks = vec![check(Some("0.2"), false)])
    }

    fn dropping(self) -> Self {
        self.with(|run| {
            if let Some(summary) = &mut run.summary {
                summary.dropped_iterations = Some(12);
            }
        })
    }

    fn hanging(self) -> Self {
        self.with(|run| {
            run.unlimited = 9;
            if let Some(summary) = &mut run.summary {
                summary.unanswered_requests = Some(9);
            }
        })
    }

    /// A threshold of the user's own speaks of the requests without an answer.
    fn limited_by(self, threshold: ThresholdResult) -> Self {
        self.with(|run| {
            run.unlimited = 0;
            run.thresholds = vec![threshold];
        })
    }

    fn without_data(self) -> Self {
        self.with(|run| {
            let mut undecided = threshold("checks", "rate > 99%", "no data", false);
            undecided.undecided = true;
            run.thresholds.push(undecided);
        })
    }

    fn silent(self) -> Self {
        self.with(|run| run.summary = Some(RunSummary::default()))
    }

    /// With a limit on usage that was missed, or of which nothing is known.
    fn used(self, undecided: bool) -> Self {
        let result = ExpectationResult {
            name: "Memory maxGrowthPercentPerHour".into(),
            undecided,
            ..expectation(
                "31%",
                false,
                Some("memory of pod a grew by 31%/h (28% to 34%), and may grow by 5%/h"),
            )
        };
        let (missed, unknown) = (reasons::USAGE_EXCEEDED, reasons::USAGE_UNKNOWN);
        self.with(|run| run.limits.push(Judged { result, missed, unknown }))
    }

    fn incomplete(self) -> Self {
        let message = "\"pay\" was measured 3 times instead of 20".to_owned();
        self.with(|run| run.doubts.push(Doubt { reason: reasons::BENCHMARK_INCOMPLETE, message }))
    }

    fn never_ready(self) -> Self {
        let message = "2 of 3 replicas are ready".into();
        self.with(|run| run.breakdown = Some(Breakdown { reason: reasons::TARGET_NOT_READY.into(), message }))
    }

    fn judged(&self) -> Outcome {
        judge(&Evidence {
            test: &self.test,
            aborted: self.aborted.as_deref(),
            breakdown: self.breakdown.as_ref(),
            doubts: &self.doubts,
            summary: self.summary.as_ref(),
            unlimited: self.unlimited,
            thresholds: &self.thresholds,
            autoscaling: self.autoscaling.as_ref(),
            findings: &NO_FINDINGS,
            checks: &self.checks,
            limits: &self.limits,
            generator: Some(&self.generator),
        })
    }
}

#[rstest]
#[case::passed(passed(), Verdict::Passed, "ThresholdsMet")]
#[case::threshold(passed().slow(), Verdict::Failed, "ThresholdsBreached")]
#[case::expectation(passed().limited(), Verdict::Failed, "AutoscalingExpectationMissed")]
#[case::check(passed().over_the_check(), Verdict::Failed, "ChecksBreached")]
#[case::usage(passed().used(false), Verdict::Failed, "UsageExceeded")]
#[case::unknown_usage(passed().used(true), Verdict::Inconclusive, "UsageUnknown")]
#[case::unknown_usage_hides_no_failure(passed().used(true).slow(), Verdict::Failed, "ThresholdsBreached")]
#[case::dropped(passed().dropping(), Verdict::Failed, "IterationsDropped")]
#[case::hanging(passed().hanging(), Verdict::Failed, "RequestsUnanswered")]
#[case::threshold_comes_first(passed().dropping().limited().slow(), Verdict::Failed, "ThresholdsBreached")]
#[case::no_data(passed().without_data(), Verdict::Inconclusive, "NoData")]
#[case::a_breach_beside_no_data(passed().slow().without_data(), Verdict::Failed, "ThresholdsBreached")]
#[case::generator(passed().slow().saturated(), Verdict::Inconclusive, "GeneratorLimited")]
#[case::doubt(passed().slow().doubtful(), Verdict::Inconclusive, "MetricsUnavailable")]
#[case::incomplete(passed().incomplete(), Verdict::Inconclusive, "BenchmarkIncomplete")]
#[case::incomplete_hides_no_failure(passed().incomplete().slow(), Verdict::Failed, "ThresholdsBreached")]
#[case::unanswered(passed().slow().unanswered(), Verdict::Inconclusive, "CheckUnanswered")]
#[case::generator_comes_first(passed().unanswered().doubtful().saturated(), Verdict::Inconclusive, "GeneratorLimited")]
#[case::nothing_measured(passed().silent().slow().saturated(), Verdict::Error, "NoData")]
#[case::hanging_from_the_start(passed().silent().hanging(), Verdict::Failed, "RequestsUnanswered")]
#[case::hanging_in_doubt(passed().silent().hanging().saturated(), Verdict::Inconclusive, "GeneratorLimited")]
#[case::never_started(passed().with(|run| run.summary = None), Verdict::Error, "NoData")]
#[case::broken(passed().saturated().slow().broken(), Verdict::Error, "RunnerOOMKilled")]
#[case::broken_before_data(passed().silent().broken(), Verdict::Error, "RunnerOOMKilled")]
#[case::never_ready(passed().slow().never_ready(), Verdict::Inconclusive, "TargetNotReady")]
#[case::aborted(passed().broken().slow().aborted(), Verdict::Aborted, "Aborted")]
fn the_gravest_finding_makes_the_verdict(#[case] run: Run, #[case] verdict: Verdict, #[case] reason: &str) {
    let outcome = run.judged();
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason), "{outcome:?}");
    assert!(!outcome.message.is_empty() && !outcome.message.contains("  "), "{:?}", outcome.message);
}

#[test]
fn messages_carry_the_numbers_of_everything_that_failed() {
    assert_eq!(
        passed().slow().limited().over_the_check().judged().message,
        "http_req_duration p(95) < 200ms: observed 431.2ms; minPeakReplicas 4: peak was 2, limited by maxReplicas 2 \
         of HorizontalPodAutoscaler/checkout; check \"db p95\" < 0.1: observed 0.2"
    );
    assert_eq!(
        passed().judged().message,
        "1000 requests, p95 182.4ms, 0% failed; 1 threshold held; 1 autoscaling expectation held; replicas 1→4→1; \
         1 check held"
    );
    assert!(passed().dropping().judged().message.starts_with("12 planned iterations found no free user"));
    assert_eq!(passed().unanswered().judged().message, "check \"db p95\" has no answer: connection refused");
}

#[rstest]
#[case::dropped(passed().dropping(), "dropped_iterations", Verdict::Passed)]
#[case::dropped_of_a_part(passed().dropping(), "dropped_iterations{scenario:a}", Verdict::Failed)]
fn a_threshold_of_the_users_own_on_the_whole_metric_replaces_the_built_in_one(
    #[case] run: Run,
    #[case] metric: &str,
    #[case] verdict: Verdict,
) {
    let run = run.with(|run| {
        run.test.thresholds = vec![Threshold { metric: metric.into(), ..Threshold::default() }];
    });
    assert_eq!(run.judged().verdict, verdict);
}

#[test]
fn a_threshold_of_the_users_own_on_failures_decides_over_requests_without_an_answer() {
    let kept =
        passed().hanging().limited_by(threshold("http_req_failed", "rate < 1%", "0.9%", true)).judged();
    assert_eq!(kept.verdict, Verdict::Passed);
    assert!(kept.message.contains("(9 had no answer when they were cut off)"), "{}", kept.message);
    let mut breached = threshold("http_req_failed", "rate < 1%", "1.1%", false);
    breached.detail = Some("9 had no answer when they were cut off".into());
    let failed = passed().hanging().limited_by(breached).judged();
    assert_eq!((failed.verdict, &*failed.reason), (Verdict::Failed, reasons::THRESHOLDS_BREACHED));
    let told = "http_req_failed rate < 1%: observed 1.1% (9 had no answer when they were cut off)";
    assert_eq!(failed.message, told);
}

#[rstest]
#[case::breached(false, Verdict::Failed)]
#[case::allowed(true, Verdict::Error)]
fn a_target_that_answered_nothing_is_judged_by_the_users_own_limit(
    #[case] passes: bool,
    #[case] verdict: Verdict,
) {
    let limit = threshold("http_req_failed", "rate < 1%", "100%", passes);
    let run = passed().silent().hanging().limited_by(limit);
    assert_eq!(run.judged().verdict, verdict);
}

#[test]
fn failed_requests_while_pods_ended_are_named_and_not_blamed() {
    let ending =
        RequestsWhileScalingDown { requests: 12, failed: 13, pods: 2, ..RequestsWhileScalingDown::default() };
    let with_ending = |run: Run| {
        run.with(|run| {
            if let Some(autoscaling) = &mut run.autoscaling {
                autoscaling.requests_while_scaling_down = Some(ending.clone());
            }
        })
    };
    let told =
        "12 of 13 failed requests were in flight while pods were ending (coincident, not shown to be caused)";
    for judged in [with_ending(passed()).judged(), with_ending(passed().slow()).judged()] {
        assert!(judged.message.contains(told), "{}", judged.message);
    }
}

#[test]
fn how_pods_should_stop_is_told_once_where_most_failures_were_while_they_did() {
    let message = |failed: i64, is_expected: bool| {
        let kinds = [("refused".to_owned(), 12)].into();
        let ending = RequestsWhileScalingDown { requests: 12, failed, pods: 2, kinds, ..Default::default() };
        let run = passed().slow().with(|run| {
            let autoscaling = run.autoscaling.get_or_insert_default();
            autoscaling.requests_while_scaling_down = Some(ending.clone());
            if is_expected {
                let missed = expectation("12", false, Some("12 were in flight; (a preStop sleep)"));
                let name = "maxFailedRequestsWhileScalingDown".into();
                autoscaling.expectations.push(ExpectationResult { name, ..missed });
            }
        });
        run.judged().message
    };
    for (failed, is_expected, times) in [(13, false, 1), (13, true, 1), (24, false, 0)] {
        let message = message(failed, is_expected);
        assert_eq!(message.matches("a preStop sleep").count(), times, "{message}");
    }
}

#[test]
fn an_expectation_that_hangs_on_a_gap_is_inconclusive_and_hides_no_failure() {
    let gap = |run: Run| {
        run.with(|run| {
            let autoscaling = run.autoscaling.get_or_insert_default();
            let known = expectation("12%", false, Some("12s of the run are not known"));
            autoscaling.expectations.push(ExpectationResult { undecided: true, ..known });
        })
    };
    let judged = gap(passed()).judged();
    assert_eq!((judged.verdict, &*judged.reason), (Verdict::Inconclusive, reasons::OBSERVATION_INCOMPLETE));
    assert_eq!(judged.message, "minPeakReplicas 4: 12s of the run are not known");
    assert!(!judged.is_without_data());
    assert_eq!(gap(passed().slow()).judged().reason, reasons::THRESHOLDS_BREACHED);
}

#[test]
fn a_missed_expectation_is_told_with_what_limited_and_what_to_change() {
    use upsurge_crds::v1alpha1::{RecommendationResult, WorkloadResult};
    let change = RecommendationResult { text: "raise maxReplicas".into(), ..Default::default() };
    let with_change = |run: Run| {
        run.with(|run| {
            let workload = WorkloadResult { recommendation: Some(change.clone()), ..Default::default() };
            run.autoscaling.get_or_insert_default().workloads.push(workload);
        })
    };
    assert!(with_change(passed().limited()).judged().message.ends_with("; to change: raise maxReplicas"));
    let other = with_change(passed().slow()).judged().message;
    assert!(!other.contains("to change"), "nothing was expected that did not hold: {other}");
}
