// SPDX-License-Identifier: Apache-2.0
//! The test cases: the verdict, and each thing that was asked for.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{CheckCount, ExpectationResult, PrometheusCheckResult, ThresholdResult, Verdict},
};

use super::Judged;
use crate::{findings::Line, judged::told as told_of, verdict::Outcome};

fn passed() -> TestCaseStatus {
    TestCaseStatus::success()
}

fn failure(message: &str, kind: &str) -> TestCaseStatus {
    not_passed(NonSuccessKind::Failure, message, kind)
}

fn error(message: &str, kind: &str) -> TestCaseStatus {
    not_passed(NonSuccessKind::Error, message, kind)
}

fn not_passed(how: NonSuccessKind, message: &str, kind: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(how);
    // Some readers show the one, some the other.
    status.set_message(message).set_type(kind).set_description(message);
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

/// All cases of a run.
pub(super) fn of(judged: &Judged<'_>) -> Vec<TestCase> {
    let expectations = judged.autoscaling.iter().flat_map(|autoscaling| &autoscaling.expectations);
    let of_autoscaler = [reasons::AUTOSCALING_EXPECTATION_MISSED, reasons::OBSERVATION_INCOMPLETE];
    let of_usage = [reasons::USAGE_EXCEEDED, reasons::USAGE_UNKNOWN];
    let of_soak = [reasons::LATENCY_GREW, reasons::LATENCY_GROWTH_UNKNOWN];
    let of_part = |part: &str| {
        let lines = judged.findings.lines().into_iter().filter(|line| line.part == part);
        lines.map(|line| finding(&line)).collect::<Vec<_>>()
    };
    let classes: [(&str, Vec<TestCase>); 12] = [
        ("run", vec![verdict(judged)]),
        ("thresholds", judged.thresholds.iter().map(threshold).collect()),
        ("verification", of_part("verification")),
        ("stress", of_part("stress")),
        ("spikes", of_part("spikes")),
        ("autoscaling", expectations.map(|one| expectation(one, of_autoscaler)).collect()),
        ("usage", judged.usage.iter().map(|one| expectation(one, of_usage)).collect()),
        ("soak", judged.soak.iter().map(|one| expectation(one, of_soak)).collect()),
        ("prometheus", judged.prometheus.iter().map(prometheus).collect()),
        ("checks", judged.checks.iter().map(check).collect()),
        ("cluster", judged.not_judged.iter().map(|part| told(part)).collect()),
        ("warnings", judged.warnings.iter().map(|warning| told(warning)).collect()),
    ];
    let of_class = |(class, cases): (&str, Vec<TestCase>)| {
        let class = format!("{}.{class}", judged.name);
        cases.into_iter().map(move |mut case| {
            case.set_classname(&class);
            case.time.get_or_insert_default();
            case
        })
    };
    classes.into_iter().flat_map(of_class).collect()
}

/// A case; `output` is told whatever the result.
fn case(name: &str, result: TestCaseStatus, output: Option<&str>) -> TestCase {
    let mut case = TestCase::new(name, result);
    if let Some(output) = output {
        case.set_system_out(output);
    }
    case
}

fn verdict(judged: &Judged<'_>) -> TestCase {
    let Outcome { verdict, reason, message } = &judged.outcome;
    let result = match verdict {
        Verdict::Passed => passed(),
        Verdict::Failed => failure(message, reason),
        Verdict::Error | Verdict::Inconclusive | Verdict::Aborted => error(message, reason),
    };
    let mut case = case("verdict", result, Some(&judged.outcome.headline()));
    case.set_time(judged.elapsed);
    case
}

fn threshold(threshold: &ThresholdResult) -> TestCase {
    let ThresholdResult { metric, condition, observed, detail, .. } = threshold;
    let detail = detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
    let observed = &format!("{observed}{detail}");
    if threshold.undecided {
        let message = format!("observed {observed}");
        return case(&format!("{metric} {condition}"), error(&message, reasons::NO_DATA), Some(&message));
    }
    observation(&format!("{metric} {condition}"), threshold.passed, observed, "threshold")
}

/// Something that was asked for, with the reasons of a run that missed it, or of which nobody can say.
fn expectation(expectation: &ExpectationResult, [missed, unknown]: [&str; 2]) -> TestCase {
    let ExpectationResult { name, expected, .. } = expectation;
    let observed = told_of(expectation);
    if expectation.undecided {
        let message = format!("observed {observed}");
        let result = error(&message, unknown);
        return case(&format!("{name} {expected}"), result, Some(&message));
    }
    observation(&format!("{name} {expected}"), expectation.passed, &observed, missed)
}

fn finding(line: &Line) -> TestCase {
    let result = match (line.passed, line.undecided) {
        (true, _) => passed(),
        (false, true) => error(&line.told, line.reason),
        (false, false) => failure(&line.told, line.reason),
    };
    case(&line.name, result, Some(&line.told))
}

fn prometheus(check: &PrometheusCheckResult) -> TestCase {
    let name = format!("{} {}", check.name, check.condition);
    match &check.observed {
        Some(observed) => observation(&name, check.passed, observed, reasons::CHECKS_BREACHED),
        None => {
            let message = check.message.as_deref().unwrap_or("Prometheus gave no value");
            case(&name, error(message, reasons::CHECK_UNANSWERED), None)
        }
    }
}

/// What held or did not, by what was seen; `kind` is the type of the failure.
fn observation(name: &str, held: bool, observed: &str, kind: &str) -> TestCase {
    let message = format!("observed {observed}");
    let result = if held { passed() } else { failure(&message, kind) };
    case(name, result, Some(&message))
}

fn check(check: &CheckCount) -> TestCase {
    let message = format!("{} of {} held", check.passes, check.passes + check.fails);
    let result =
        if check.fails == 0 { passed() } else { skipped(&format!("{message}; only thresholds decide")) };
    case(&format!("{} · {}", check.request, check.name), result, Some(&message))
}

/// What is told, and decides nothing; named by what stands before its first colon.
fn told(text: &str) -> TestCase {
    case(text.split(':').next().unwrap_or(text), skipped(text), None)
}
