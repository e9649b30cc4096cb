use rstest::rstest;
use upsurge_crds::v1alpha1::{LatencySummary, Threshold};

use super::*;

/// A run of which every part can be spoilt.
#[derive(Clone)]
struct Run {
    test: LoadTestSpec,
    aborted: Option<String>,
    breakdown: Option<Breakdown>,
    doubts: Vec<Doubt>,
    summary: Option<RunSummary>,
    thresholds: Vec<ThresholdResult>,
    autoscaling: Option<AutoscalingResult>,
    checks: Vec<PrometheusCheckResult>,
    generator: GeneratorResult,
}

fn passed() -> Run {
    let test = serde_json::json!({
        "target": {"baseUrl": "http://shop"},
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
        thresholds: vec![threshold("http_req_duration", "p(95) < 200ms", "182.4ms", true)],
        autoscaling: Some(AutoscalingResult {
            replicas: "1→4→1".into(),
            expectations: vec![expectation("4", true, None)],
            ..Default::default()
        }),
        checks: vec![check(Some("0.05"), true)],
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
    }
}

fn expectation(observed: &str, passed: bool, message: Option<&str>) -> ExpectationResult {
    ExpectationResult {
        name: "minPeakReplicas".into(),
        expected: "4".into(),
        observed: observed.into(),
        passed,
        message: message.map(Into::into),
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
                summary.dropped_iterations = 12;
            }
        })
    }

    fn hanging(self) -> Self {
        self.with(|run| {
            if let Some(summary) = &mut run.summary {
                summary.unanswered_requests = Some(9);
            }
        })
    }

    fn silent(self) -> Self {
        self.with(|run| run.summary = Some(RunSummary::default()))
    }

    fn judged(&self) -> Outcome {
        judge(&Evidence {
            test: &self.test,
            aborted: self.aborted.as_deref(),
            breakdown: self.breakdown.as_ref(),
            doubts: &self.doubts,
            summary: self.summary.as_ref(),
            thresholds: &self.thresholds,
            autoscaling: self.autoscaling.as_ref(),
            checks: &self.checks,
            generator: Some(&self.generator),
        })
    }
}

#[rstest]
#[case::passed(passed(), Verdict::Passed, "ThresholdsMet")]
#[case::threshold(passed().slow(), Verdict::Failed, "ThresholdsBreached")]
#[case::expectation(passed().limited(), Verdict::Failed, "AutoscalingExpectationMissed")]
#[case::check(passed().over_the_check(), Verdict::Failed, "ChecksBreached")]
#[case::dropped(passed().dropping(), Verdict::Failed, "IterationsDropped")]
#[case::hanging(passed().hanging(), Verdict::Failed, "RequestsUnanswered")]
#[case::threshold_comes_first(passed().dropping().limited().slow(), Verdict::Failed, "ThresholdsBreached")]
#[case::generator(passed().slow().saturated(), Verdict::Inconclusive, "GeneratorLimited")]
#[case::doubt(passed().slow().doubtful(), Verdict::Inconclusive, "MetricsUnavailable")]
#[case::unanswered(passed().slow().unanswered(), Verdict::Inconclusive, "CheckUnanswered")]
#[case::generator_comes_first(passed().unanswered().doubtful().saturated(), Verdict::Inconclusive, "GeneratorLimited")]
#[case::nothing_measured(passed().silent().slow().saturated(), Verdict::Error, "NoData")]
#[case::hanging_from_the_start(passed().silent().hanging(), Verdict::Failed, "RequestsUnanswered")]
#[case::hanging_in_doubt(passed().silent().hanging().saturated(), Verdict::Inconclusive, "GeneratorLimited")]
#[case::never_started(passed().with(|run| run.summary = None), Verdict::Error, "NoData")]
#[case::broken(passed().saturated().slow().broken(), Verdict::Error, "RunnerOOMKilled")]
#[case::broken_before_data(passed().silent().broken(), Verdict::Error, "RunnerOOMKilled")]
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
#[case::unanswered(passed().hanging(), "http_req_interrupted", Verdict::Passed)]
#[case::all_unanswered(passed().silent().hanging(), "http_req_interrupted", Verdict::Error)]
#[case::unanswered_of_a_part(passed().hanging(), "http_req_interrupted{stage:a}", Verdict::Failed)]
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
