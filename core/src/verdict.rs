// SPDX-License-Identifier: Apache-2.0
//! The verdict, from all that is known of a finished run.
//!
//! What stopped or broke the run comes before what was measured, and doubts about the data come before
//! what the data say: Aborted, Error, Inconclusive, Failed, Passed, in this order. That a threshold had no data is a doubt
//! about that threshold alone: what failed beside it has failed.

#[cfg(test)]
mod tests;

use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        AutoscalingResult, ExpectationResult, GeneratorResult, LoadTestSpec, PrometheusCheckResult,
        RunSummary, ThresholdResult, Verdict,
    },
};

pub use crate::outcome::{Outcome, headline};
use crate::{
    autoscaling::{Doubt, explained, how_to_stop, limited, lost},
    findings::Findings,
    judged::Judged,
    metrics::names,
    thresholds::Target,
};

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
    /// Requests without an answer that no threshold on failures speaks of.
    pub unlimited: u64,
    /// Thresholds, evaluated at the end.
    pub thresholds: &'a [ThresholdResult],
    /// What the autoscaler did.
    pub autoscaling: Option<&'a AutoscalingResult>,
    /// What came of what only some tests ask for.
    pub findings: &'a Findings,
    /// Prometheus checks.
    pub checks: &'a [PrometheusCheckResult],
    /// What is asked of usage and growth, held against what was seen.
    pub limits: &'a [Judged],
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

/// Judges a run.
pub fn judge(evidence: &Evidence<'_>) -> Outcome {
    let outcome =
        |verdict, reason: &str, message: String| Outcome { verdict, reason: reason.into(), message };
    if let Some(why) = evidence.aborted {
        return outcome(Verdict::Aborted, reasons::ABORTED, why.into());
    }
    if let Some(Breakdown { reason, message }) = evidence.breakdown {
        // A target that never became ready or quiet is no fault of the test system; nor does it say anything about it under load.
        let of_target = [reasons::TARGET_NOT_READY, reasons::TARGET_NOT_IDLE, reasons::METRICS_UNAVAILABLE];
        let verdict =
            if of_target.contains(&reason.as_str()) { Verdict::Inconclusive } else { Verdict::Error };
        return outcome(verdict, reason, message.clone());
    }
    if let Some(message) = nothing(evidence) {
        return outcome(Verdict::Error, reasons::NO_DATA, message);
    }
    for (verdict, findings, additions) in [
        (Verdict::Inconclusive, doubts(evidence), Vec::new()),
        (Verdict::Failed, failures(evidence), additions(evidence)),
        (Verdict::Inconclusive, undecided(evidence), Vec::new()),
    ] {
        if let Some(first) = findings.first() {
            let messages = findings.iter().map(|finding| finding.message.clone()).chain(additions);
            return outcome(verdict, first.reason, messages.collect::<Vec<_>>().join("; "));
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
        _ if summary.requests > 0 => None,
        Some(_) if !failures(evidence).is_empty() => None,
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
    let doubts = evidence.doubts.iter().filter(|doubt| !is_incomplete(doubt)).cloned();
    generator.into_iter().chain(doubts).chain(unanswered).collect()
}

/// That something was measured less often than asked is no doubt about what was: a limit that was broken stays broken.
fn is_incomplete(doubt: &Doubt) -> bool {
    doubt.reason == reasons::BENCHMARK_INCOMPLETE
}

/// What was asked for and did not hold.
fn failures(evidence: &Evidence<'_>) -> Vec<Doubt> {
    let breached = evidence.thresholds.iter().filter(|threshold| !threshold.passed && !threshold.undecided);
    let thresholds =
        breached.map(|threshold| Doubt { reason: reasons::THRESHOLDS_BREACHED, message: told(threshold) });
    let expectations = evidence
        .autoscaling
        .iter()
        .flat_map(|autoscaling| &autoscaling.expectations)
        .filter(|expectation| !expectation.passed && !expectation.undecided)
        .map(missed);
    let checks = evidence.checks.iter().filter(|check| !check.passed).filter_map(|check| {
        let observed = check.observed.as_ref()?;
        let message = format!("check {:?} {}: observed {observed}", check.name, check.condition);
        Some(Doubt { reason: reasons::CHECKS_BREACHED, message })
    });
    let limits = evidence.limits.iter().filter(|limit| !limit.result.passed && !limit.result.undecided);
    let limits = limits.map(|limit| Doubt { reason: limit.missed, message: limit.sentence() });
    let by_rule = dropped(evidence).into_iter().chain(unanswered(evidence));
    let findings = evidence.findings.failures();
    thresholds.chain(findings).chain(expectations).chain(limits).chain(checks).chain(by_rule).collect()
}

/// Thresholds that there is no data for, expectations that hang on a gap, and limits of which too little is known.
fn undecided(evidence: &Evidence<'_>) -> Vec<Doubt> {
    let thresholds = evidence.thresholds.iter().filter(|threshold| threshold.undecided);
    let thresholds = thresholds.map(|threshold| Doubt { reason: reasons::NO_DATA, message: told(threshold) });
    let expectations = evidence.autoscaling.iter().flat_map(|autoscaling| &autoscaling.expectations);
    let undecided = expectations.filter(|expectation| expectation.undecided);
    // What was observed is at fault before what was not measured: a threshold without data may come of the same.
    let gaps = undecided.map(|gap| Doubt { reason: reasons::OBSERVATION_INCOMPLETE, ..missed(gap) });
    let limits = evidence.limits.iter().filter(|limit| limit.result.undecided);
    let limits = limits.map(|limit| Doubt { reason: limit.unknown, message: limit.sentence() });
    let incomplete = evidence.doubts.iter().filter(|doubt| is_incomplete(doubt)).cloned();
    gaps.chain(evidence.findings.undecided()).chain(incomplete).chain(thresholds).chain(limits).collect()
}

/// What is told beside failures: where to look, and what to change.
fn additions(evidence: &Evidence<'_>) -> Vec<String> {
    let missed = |autoscaling: &&AutoscalingResult| {
        autoscaling.expectations.iter().any(|expectation| !expectation.passed && !expectation.undecided)
    };
    let explained = evidence.autoscaling.filter(missed).map(explained).unwrap_or_default();
    explained.into_iter().chain(while_ending(evidence)).collect()
}

fn told(threshold: &ThresholdResult) -> String {
    let ThresholdResult { metric, condition, observed, detail, .. } = threshold;
    let detail = detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
    format!("{metric} {condition}: observed {observed}{detail}")
}

/// Failed requests that were under way while pods of the target were ending; of several workloads, each by itself.
fn while_ending(evidence: &Evidence<'_>) -> Vec<String> {
    let lost = evidence.autoscaling.into_iter().flat_map(lost);
    let mut expectations = evidence.autoscaling.into_iter().flat_map(|all| &all.expectations);
    // Its own message has the same advice.
    let is_told = expectations
        .any(|one| one.name.ends_with("maxFailedRequestsWhileScalingDown") && !one.passed && !one.undecided);
    let some = lost.filter(|(_, ending)| ending.requests > 0);
    let told = some.map(|(name, ending)| {
        let whose = name.map(|name| format!(" of {name}")).unwrap_or_default();
        // Fewer than half may well be chance.
        let is_most = ending.requests.saturating_mul(2) > ending.failed;
        let look = if is_most && !is_told {
            format!("; look at how pods stop: {}", how_to_stop(ending))
        } else {
            String::new()
        };
        format!(
            "{} of {} failed requests were in flight while pods{whose} were ending (coincident, not shown to be caused){look}",
            ending.requests, ending.failed
        )
    });
    told.collect()
}

fn missed(expectation: &ExpectationResult) -> Doubt {
    let ExpectationResult { name, expected, observed, message, .. } = expectation;
    let why = message.as_ref().unwrap_or(observed);
    Doubt { reason: reasons::AUTOSCALING_EXPECTATION_MISSED, message: format!("{name} {expected}: {why}") }
}

/// Requests that never got an answer fail a run that sets no limit of its own on failures among them: a target that
/// hangs until the end would else look better than one that is slow.
fn unanswered(evidence: &Evidence<'_>) -> Option<Doubt> {
    (evidence.unlimited > 0).then(|| Doubt {
        reason: reasons::REQUESTS_UNANSWERED,
        message: format!(
            "{} requests had no answer when the load was cut off, after all of gracefulStop: the target hung, or is \
             slower than that; a longer gracefulStop or a shorter timeout of the requests tells which, and a \
             threshold on {} sets a limit of your own",
            evidence.unlimited,
            names::HTTP_REQ_FAILED
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
    let dropped = evidence.summary?.dropped_iterations?;
    let limited = is_limited(evidence.test, names::DROPPED_ITERATIONS);
    (dropped > 0 && !limited).then(|| Doubt {
        reason: reasons::ITERATIONS_DROPPED,
        message: format!(
            "{dropped} planned iterations found no free user: the target was too slow for the load, or raise \
             spec.load.arrivals.maxUsers; a threshold on dropped_iterations sets a limit of your own"
        ),
    })
}

fn praise(evidence: &Evidence<'_>) -> String {
    let Some(summary) = evidence.summary else { return String::new() };
    let mut text =
        format!("{} requests, p95 {}, {} failed", summary.requests, summary.latency.p95, summary.error_rate);
    if let Some(unanswered) = summary.unanswered_requests {
        text += &format!(" ({unanswered} had no answer when they were cut off)");
    }
    for ending in while_ending(evidence) {
        text += &format!("; {ending}");
    }
    let count = |count: usize, what: &str| match count {
        0 => String::new(),
        1 => format!("; 1 {what} held"),
        many => format!("; {many} {what}s held"),
    };
    text += &count(evidence.thresholds.len(), "threshold");
    for said in evidence.findings.praise() {
        text += &format!("; {said}");
    }
    if let Some(autoscaling) = evidence.autoscaling {
        text += &count(autoscaling.expectations.len(), "autoscaling expectation");
        text += &format!("; replicas {}", autoscaling.replicas);
        for sentence in autoscaling.workloads.iter().filter_map(limited) {
            text += &format!("; {sentence}");
        }
    }
    text += &count(evidence.limits.len(), "usage or growth limit");
    text + &count(evidence.checks.len(), "check")
}
