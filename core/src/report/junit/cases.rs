//! The test cases: the verdict, and each thing that was asked for.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{CheckCount, ExpectationResult, PrometheusCheckResult, ThresholdResult, Verdict},
};

use super::Judged;

/// One test case and how it went.
pub(super) struct Case {
    pub(super) class: &'static str,
    pub(super) name: String,
    pub(super) seconds: f64,
    pub(super) result: Ending,
    /// Told whatever the result.
    pub(super) output: String,
}

pub(super) enum Ending {
    Passed,
    Skipped { message: String },
    Failure { message: String, kind: String },
    Error { message: String, kind: String },
}

impl Ending {
    fn of(passed: bool, message: &str, kind: &str) -> Self {
        if passed { Self::Passed } else { Self::Failure { message: message.into(), kind: kind.into() } }
    }
}

/// All cases of a run.
pub(super) fn of(judged: &Judged<'_>) -> Vec<Case> {
    let expectations = judged.autoscaling.iter().flat_map(|autoscaling| &autoscaling.expectations);
    std::iter::once(verdict(judged))
        .chain(judged.thresholds.iter().map(threshold))
        .chain(expectations.map(expectation))
        .chain(judged.prometheus.iter().map(prometheus))
        .chain(judged.checks.iter().map(check))
        .chain(judged.not_judged.iter().map(|part| skipped("cluster", part)))
        .chain(judged.warnings.iter().map(|warning| skipped("warnings", warning)))
        .collect()
}

fn verdict(judged: &Judged<'_>) -> Case {
    let outcome = &judged.outcome;
    let (message, kind) = (outcome.message.clone(), outcome.reason.clone());
    Case {
        class: "run",
        name: "verdict".into(),
        seconds: judged.elapsed.as_secs_f64(),
        result: match outcome.verdict {
            Verdict::Passed => Ending::Passed,
            Verdict::Failed => Ending::Failure { message, kind },
            Verdict::Error | Verdict::Inconclusive | Verdict::Aborted => Ending::Error { message, kind },
        },
        output: format!("{:?} ({}): {}", outcome.verdict, outcome.reason, outcome.message),
    }
}

fn threshold(threshold: &ThresholdResult) -> Case {
    let message = format!("observed {}", threshold.observed);
    Case {
        class: "thresholds",
        name: format!("{} {}", threshold.metric, threshold.condition),
        seconds: 0.0,
        result: Ending::of(threshold.passed, &message, "threshold"),
        output: message,
    }
}

fn expectation(expectation: &ExpectationResult) -> Case {
    let message = match &expectation.message {
        Some(why) => format!("observed {}: {why}", expectation.observed),
        None => format!("observed {}", expectation.observed),
    };
    Case {
        class: "autoscaling",
        name: format!("{} {}", expectation.name, expectation.expected),
        seconds: 0.0,
        result: Ending::of(expectation.passed, &message, reasons::AUTOSCALING_EXPECTATION_MISSED),
        output: message,
    }
}

fn prometheus(check: &PrometheusCheckResult) -> Case {
    let (result, output) = match &check.observed {
        Some(observed) => {
            let message = format!("observed {observed}");
            (Ending::of(check.passed, &message, reasons::CHECKS_BREACHED), message)
        }
        None => {
            let message = check.message.clone().unwrap_or_else(|| "Prometheus gave no value".into());
            (Ending::Error { message, kind: reasons::CHECK_UNANSWERED.into() }, String::new())
        }
    };
    let name = format!("{} {}", check.name, check.condition);
    Case { class: "prometheus", name, seconds: 0.0, result, output }
}

fn check(check: &CheckCount) -> Case {
    let message = format!("{} of {} held", check.passes, check.passes + check.fails);
    Case {
        class: "checks",
        name: format!("{} · {}", check.request, check.name),
        seconds: 0.0,
        result: if check.fails == 0 {
            Ending::Passed
        } else {
            Ending::Skipped { message: format!("{message}; only thresholds decide") }
        },
        output: message,
    }
}

/// What is told, and decides nothing; named by what stands before its first colon.
fn skipped(class: &'static str, text: &str) -> Case {
    Case {
        class,
        name: text.split(':').next().unwrap_or(text).into(),
        seconds: 0.0,
        result: Ending::Skipped { message: text.into() },
        output: String::new(),
    }
}
