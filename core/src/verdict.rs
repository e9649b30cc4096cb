//! The verdict, from all that is known of a finished run.
//!
//! What stopped or broke the run comes before what was measured, and doubts about the data come before
//! what the data say: Aborted, Error, Inconclusive, Failed, Passed, in this order.

#[cfg(test)]
mod tests;

use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        AutoscalingResult, ExpectationResult, GeneratorResult, LoadTestSpec, PrometheusCheckResult,
        RunSummary, ThresholdResult, Verdict,
    },
};

use crate::{autoscaling::Doubt, metrics::names, thresholds::Target};

/// All that a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What was asked for.
    pub test: &'a LoadTestSpec,
    /// Who or what stopped the run early, if somebody did. A threshold with `abortOnFail` is not meant.
    pub aborted: Option<&'a str>,
    /// What broke in the test system, if something did.
    pub breakdown: Option<&'a Breakdown>,
    /// Doubts about the data, besides those about the generator and the checks, which are seen here.
    pub doubts: &'a [Doubt],
    /// Figures of the whole load; absent when no load was made.
    pub summary: Option<&'a RunSummary>,
    /// Thresholds, evaluated at the end.
    pub thresholds: &'a [ThresholdResult],
    /// What the autoscaler did.
    pub autoscaling: Option<&'a AutoscalingResult>,
    /// Prometheus checks.
    pub checks: &'a [PrometheusCheckResult],
    /// How the generator fared.
    pub generator: Option<&'a GeneratorResult>,
}

/// Something that broke in the test system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: String,
    /// What, where, and what to do.
    pub message: String,
}

/// A verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one word: one of `upsurge_crds::names::reasons`.
    pub reason: String,
    /// Why, in a sentence with numbers.
    pub message: String,
}

/// Judges a run.
pub fn judge(evidence: &Evidence<'_>) -> Outcome {
    let outcome =
        |verdict, reason: &str, message: String| Outcome { verdict, reason: reason.into(), message };
    if let Some(why) = evidence.aborted {
        return outcome(Verdict::Aborted, reasons::ABORTED, why.into());
    }
    if let Some(Breakdown { reason, message }) = evidence.breakdown {
        return outcome(Verdict::Error, reason, message.clone());
    }
    if let Some(message) = nothing(evidence) {
        return outcome(Verdict::Error, reasons::NO_DATA, message);
    }
    for (verdict, findings) in
        [(Verdict::Inconclusive, doubts(evidence)), (Verdict::Failed, failures(evidence))]
    {
        if let Some(first) = findings.first() {
            let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
            return outcome(verdict, first.reason, messages.join("; "));
        }
    }
    outcome(Verdict::Passed, reasons::THRESHOLDS_MET, praise(evidence))
}

/// Says that there is nothing to judge, if so. A target that hung from the first request to the last is something,
/// unless the test itself allows that.
fn nothing(evidence: &Evidence<'_>) -> Option<String> {
    let nothing = "not one request was finished: there is nothing to judge";
    let Some(summary) = evidence.summary else { return Some(nothing.into()) };
    match summary.unanswered_requests {
        _ if summary.requests > 0 || unanswered(evidence).is_some() => None,
        Some(count) => Some(format!("{nothing}; {count} requests had no answer when the load was cut off")),
        None => Some(nothing.into()),
    }
}

/// Why the data can't carry a verdict.
fn doubts(evidence: &Evidence<'_>) -> Vec<Doubt> {
    let generator = evidence.generator.filter(|generator| !generator.healthy).map(|generator| Doubt {
        reason: reasons::GENERATOR_LIMITED,
        message: format!("the load was not generated as asked: {}", generator.problems.join("; ")),
    });
    let unanswered = evidence.checks.iter().filter(|check| check.observed.is_none()).map(|check| {
        let why = check.message.as_deref().unwrap_or("Prometheus gave no value");
        Doubt {
            reason: reasons::CHECK_UNANSWERED,
            message: format!("check {:?} has no answer: {why}", check.name),
        }
    });
    generator.into_iter().chain(evidence.doubts.iter().cloned()).chain(unanswered).collect()
}

/// What was asked for and did not hold.
fn failures(evidence: &Evidence<'_>) -> Vec<Doubt> {
    let thresholds =
        evidence.thresholds.iter().filter(|threshold| !threshold.passed).map(|threshold| Doubt {
            reason: reasons::THRESHOLDS_BREACHED,
            message: format!("{} {}: observed {}", threshold.metric, threshold.condition, threshold.observed),
        });
    let expectations = evidence
        .autoscaling
        .iter()
        .flat_map(|autoscaling| &autoscaling.expectations)
        .filter(|expectation| !expectation.passed)
        .map(missed);
    let checks = evidence.checks.iter().filter(|check| !check.passed).filter_map(|check| {
        let observed = check.observed.as_ref()?;
        let message = format!("check {:?} {}: observed {observed}", check.name, check.condition);
        Some(Doubt { reason: reasons::CHECKS_BREACHED, message })
    });
    let by_rule = dropped(evidence).into_iter().chain(unanswered(evidence));
    thresholds.chain(expectations).chain(checks).chain(by_rule).collect()
}

fn missed(expectation: &ExpectationResult) -> Doubt {
    let ExpectationResult { name, expected, observed, message, .. } = expectation;
    let why = message.as_ref().unwrap_or(observed);
    Doubt { reason: reasons::AUTOSCALING_EXPECTATION_MISSED, message: format!("{name} {expected}: {why}") }
}

/// Requests that never got an answer fail a run that does not set its own limit on them: a target that hangs until
/// the end would else look better than one that is slow.
fn unanswered(evidence: &Evidence<'_>) -> Option<Doubt> {
    let unanswered = evidence.summary?.unanswered_requests?;
    (!is_limited(evidence.test, names::HTTP_REQ_INTERRUPTED)).then(|| Doubt {
        reason: reasons::REQUESTS_UNANSWERED,
        message: format!(
            "{unanswered} requests had no answer when the load was cut off, after all of gracefulStop: the target \
             hung, or is slower than that; a longer gracefulStop or a shorter timeout of the requests tells which, \
             and a threshold on {} sets a limit of your own",
            names::HTTP_REQ_INTERRUPTED
        ),
    })
}

/// Whether the test has a threshold of its own on all of a metric.
fn is_limited(test: &LoadTestSpec, metric: &str) -> bool {
    let mut targets = test
        .thresholds
        .iter()
        .flat_map(|threshold| Target::new(&threshold.metric, threshold.selector.as_ref()));
    targets.any(|target| target.metric == metric && !target.is_part())
}

/// Dropped iterations fail a run that does not set its own limit on them.
fn dropped(evidence: &Evidence<'_>) -> Option<Doubt> {
    let dropped = evidence.summary?.dropped_iterations;
    let limited = is_limited(evidence.test, names::DROPPED_ITERATIONS);
    (dropped > 0 && !limited).then(|| Doubt {
        reason: reasons::ITERATIONS_DROPPED,
        message: format!(
            "{dropped} planned iterations found no free user: the target was too slow for the load, or raise \
             spec.load.maxUsers; a threshold on dropped_iterations sets a limit of your own"
        ),
    })
}

fn praise(evidence: &Evidence<'_>) -> String {
    let Some(summary) = evidence.summary else { return String::new() };
    let mut text =
        format!("{} requests, p95 {}, {} failed", summary.requests, summary.latency.p95, summary.error_rate);
    let count = |count: usize, what: &str| match count {
        0 => String::new(),
        1 => format!("; 1 {what} held"),
        many => format!("; {many} {what}s held"),
    };
    text += &count(evidence.thresholds.len(), "threshold");
    if let Some(autoscaling) = evidence.autoscaling {
        text += &count(autoscaling.expectations.len(), "autoscaling expectation");
        text += &format!("; replicas {}", autoscaling.replicas);
    }
    text + &count(evidence.checks.len(), "check")
}
