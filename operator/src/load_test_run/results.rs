// SPDX-License-Identifier: Apache-2.0
//! From what the collector holds, and what Prometheus answered, to figures and the verdict. Pure.

mod epochs;
mod lost;
mod scarce;
mod series;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use upsurge_core::{
    autoscaling::{self, Doubt, Observed, Part},
    findings::{self, Findings, Restarts},
    judged::Judged,
    outputs::{self, OutputReport},
    protocol::{AfterOutcome, RunnerEnd},
    report::after_failed,
    results,
    scarce::{Answered, Scarce, found},
    series::{SeriesAnswer, is_strained},
    single, target_lease,
    thresholds::{self, Recorded, Windowed},
    validate,
    verdict::{Breakdown, Evidence, Outcome, judge},
};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        AutoscalingResult, Company, EndCauseType, GeneratorResult, LoadTestRunStatus, OutputResult,
        PrometheusCheckResult, RunnerResult, ThresholdResult, Verdict,
    },
};

use super::{
    neighbours,
    plan::Plan,
    pods::RunnerPod,
    progress::{Cause, breakdown::manner},
};
use crate::collector::{Folding, SessionSnapshot};

pub use epochs::{finished, has_news};
pub use lost::{answer_alone, cut_short};

/// Puts figures into the status that are shown while the load runs.
pub fn show(status: &mut LoadTestRunStatus, plan: &Plan, snapshot: &SessionSnapshot, pods: &[RunnerPod]) {
    status.start_time = snapshot.load_start().map(Time);
    // The lists are made anew, and nothing is left out of them yet.
    status.omitted.clear();
    status.runners = runners(snapshot, pods);
    epochs::show(status, plan, snapshot);
    if snapshot.t0.is_some() && !snapshot.metrics.is_empty() {
        status.summary = Some(Box::new(results::total(&snapshot.metrics, plan.timeline(), snapshot.elapsed)));
        status.generator = Some(Box::new(generator(plan, snapshot)));
        status.warnings = given_up(plan, snapshot);
        status.outputs = outputs(plan, snapshot, false);
        status.warnings.extend(neighbours(snapshot, pods));
    }
}

/// What is known of a run beside what the collector holds.
pub struct Beside<'a> {
    /// What Prometheus answered to checks.
    pub checks: &'a [PrometheusCheckResult],
    /// And to series.
    pub series: &'a [SeriesAnswer],
    /// Whose load was on the target at the same time.
    pub company: &'a [Company],
}

/// Puts the result of a run into the status and judges it. A run whose load never started has no figures, and its
/// cause is the verdict.
pub fn conclude(
    status: &mut LoadTestRunStatus,
    plan: &Plan,
    snapshot: &SessionSnapshot,
    pods: &[RunnerPod],
    cause: Option<&Cause>,
    beside: &Beside<'_>,
    now: Timestamp,
) -> Outcome {
    status.start_time = snapshot.load_start().map(Time);
    // The lists are made anew, and nothing is left out of them yet.
    status.omitted.clear();
    status.runners = runners(snapshot, pods);
    epochs::show(status, plan, snapshot);
    let Some(load_end) = snapshot.load_end().map(|end| end.min(now)) else {
        return without_load(cause);
    };
    let Beside { checks, series, company } = *beside;
    status.load_end_time = Some(Time(load_end));
    status.company = company.to_vec();
    status.outputs = outputs(plan, snapshot, true);
    let test = plan.test();
    status.warnings = warnings(plan, snapshot);
    status.warnings.extend(given_up(plan, snapshot));
    status.warnings.extend(neighbours(snapshot, pods));
    series::tell(status, test, series);
    // Between two epochs: there was load, and of the next one there are no figures.
    let Some(t0) = snapshot.t0 else {
        let mut outcome = without_load(cause);
        epochs::tell_so_far(status, &mut outcome, plan, snapshot);
        return beside_others(outcome, company);
    };
    let figures = figures(plan, snapshot);
    let evaluated = recorded(plan, snapshot).evaluate(true);
    let generator = generator(plan, snapshot);
    let (autoscaling, doubts) = autoscaler(plan, snapshot, t0, now).unzip();
    let findings = findings(plan, snapshot, t0, &evaluated, autoscaling.as_ref());
    // A load that was cut short says nothing about the autoscaler, and nobody asks.
    let mut doubts = doubts.filter(|_| cause.is_none()).unwrap_or_default();
    let latencies = snapshot.points.latencies();
    let watched = scarce::watched(plan, snapshot);
    let looked = scarce::looked(plan, snapshot, &watched, &latencies, [t0, load_end]);
    let scarce = Scarce::of(&looked);
    // Of a load that was cut short, they can't be asked.
    let limits = if cause.is_none() { scarce.limits() } else { Vec::new() };
    let operations = single::measured(&plan.valid.scenarios, &snapshot.metrics);
    doubts.extend(single::incomplete(&operations));
    let mut outcome = outcome(
        plan,
        snapshot,
        cause,
        &Measured {
            summary: &figures.summary,
            thresholds: &evaluated,
            autoscaling: autoscaling.as_ref(),
            doubts: &doubts,
            findings: &findings,
            checks,
            limits: &limits,
            generator: &generator,
        },
    );
    let answered = Answered { checks, series };
    let is_strained = is_strained(&outcome, autoscaling.as_ref(), findings.stress.as_ref());
    let found = found(&looked, &snapshot.metrics, answered, &generator, is_strained);
    scarce::tell(scarce, status, &mut outcome, found, cause.is_some());
    status.summary = Some(Box::new(figures.summary));
    status.stages = figures.stages;
    status.requests = figures.requests;
    status.operations = operations.iter().map(single::Measured::result).collect();
    status.expectations = figures.expectations;
    status.metrics = results::custom(&snapshot.metrics, &test.metrics, plan.timeline(), snapshot.elapsed);
    status.thresholds = evaluated;
    let Findings { stress, spikes, verification } = findings;
    (status.stress, status.spikes, status.verification) = (stress.map(Box::new), spikes, verification);
    status.autoscaling = autoscaling.map(Box::new);
    status.checks = checks.to_vec();
    status.generator = Some(Box::new(generator));
    if snapshot.epochs.is_some() {
        // Of many loads, one after the other, nothing was asked of the autoscaler.
        status.autoscaling = None;
        if let Some(answered) = epochs::answered(status, plan, snapshot).filter(|_| cause.is_none()) {
            outcome = answered;
        }
        epochs::tell_so_far(status, &mut outcome, plan, snapshot);
    }
    beside_others(outcome, company)
}

/// A verdict that says who else was there.
fn beside_others(mut outcome: Outcome, company: &[Company]) -> Outcome {
    if let Some(told) = target_lease::told(company) {
        outcome.message += &format!("; {told}");
    }
    outcome
}

/// How the servers fared that figures were pushed to.
fn outputs(plan: &Plan, snapshot: &SessionSnapshot, is_over: bool) -> Vec<OutputResult> {
    let told: Vec<&[OutputReport]> = snapshot.runners.iter().map(|runner| &runner.outputs[..]).collect();
    outputs::results(&plan.test().outputs, &told, is_over)
}

/// What went wrong beside the load, and what of the test is doubtful.
fn warnings(plan: &Plan, snapshot: &SessionSnapshot) -> Vec<String> {
    let problem = match &snapshot.after {
        _ if plan.test().after.is_empty() => None,
        Some(AfterOutcome { result: Ok(()), .. }) => None,
        Some(AfterOutcome { result: Err(message), .. }) => Some(message.as_str()),
        None => Some("runner 0, which does them, was gone or did not end in time"),
    };
    let foreign = snapshot.foreign.iter().map(|what| {
        format!("a runner reported {what}, which the test does not have: it is counted, but not told apart")
    });
    let doubtful = validate::doubtful(plan.test()).into_iter().map(|doubt| doubt.to_string());
    problem.into_iter().map(after_failed).chain(foreign).chain(doubtful).collect()
}

/// Which tags and windows were given up to keep what is kept of a run small, and since when. What came before is not told apart any
/// more either; thresholds keep their own sums of tags, and those whose windows were given up are undecided.
fn given_up(plan: &Plan, snapshot: &SessionSnapshot) -> Vec<String> {
    let levels = snapshot.folds.iter().zip(1_u8..);
    let told = levels.map(|(at, level)| {
        format!(
            "too many series to keep apart: since {:.0} s of the load {}; thresholds are not affected",
            at.as_secs_f64(),
            Folding::told(level)
        )
    });
    let windowed = Windowed::new(plan.test(), plan.timeline());
    let windows = windowed.given_up(&snapshot.windows).filter_map(|(index, from)| {
        let threshold = plan.test().thresholds.get(index)?;
        Some(format!(
            "too much to keep: from {:.0} s of the load on the windows of {} {} are not judged",
            from.as_secs_f64(),
            thresholds::display_name(threshold),
            threshold.condition
        ))
    });
    told.chain(windows).collect()
}

/// Which runners were on a node with the target.
fn neighbours(snapshot: &SessionSnapshot, pods: &[RunnerPod]) -> Vec<String> {
    let Some(start) = snapshot.t0 else { return Vec::new() };
    let end = start.saturating_add(snapshot.elapsed).unwrap_or(Timestamp::MAX);
    neighbours::told(pods, snapshot.workloads().map(|seen| seen.log()), start, end)
}

struct Measured<'a> {
    summary: &'a upsurge_crds::v1alpha1::RunSummary,
    thresholds: &'a [ThresholdResult],
    autoscaling: Option<&'a AutoscalingResult>,
    doubts: &'a [Doubt],
    findings: &'a Findings,
    checks: &'a [PrometheusCheckResult],
    limits: &'a [Judged],
    generator: &'a GeneratorResult,
}

/// What came of what only some tests ask for.
fn findings(
    plan: &Plan,
    snapshot: &SessionSnapshot,
    start: Timestamp,
    thresholds: &[ThresholdResult],
    autoscaling: Option<&AutoscalingResult>,
) -> Findings {
    // Without a workload nobody watches, and nothing is listed.
    let watched = plan.test().target.workload().is_some();
    let restarts = watched.then(|| Restarts::of_all(snapshot.workloads().map(|seen| seen.log()), start));
    Findings::of(&findings::Recorded {
        test: plan.test(),
        timeline: plan.timeline(),
        turned: snapshot.turned.as_ref().map(|turned| turned.turned),
        metrics: &snapshot.metrics,
        windows: &snapshot.windows,
        thresholds,
        elapsed: snapshot.elapsed,
        restarts: restarts.as_ref(),
        autoscaling,
        verified: snapshot.after.as_ref().and_then(|after| after.verified.as_ref()),
    })
}

fn outcome(
    plan: &Plan,
    snapshot: &SessionSnapshot,
    cause: Option<&Cause>,
    measured: &Measured<'_>,
) -> Outcome {
    let test = plan.test();
    let of_type = |types: &[EndCauseType]| cause.filter(|cause| types.contains(&cause.type_()));
    let breakdown = of_type(&[EndCauseType::Breakdown])
        .map(|cause| Breakdown { reason: cause.reason().into(), message: cause.message().into() });
    let judged = judge(&Evidence {
        test,
        aborted: of_type(&[EndCauseType::Aborted, EndCauseType::AbortedByTest]).map(Cause::message),
        breakdown: breakdown.as_ref(),
        doubts: measured.doubts,
        summary: Some(measured.summary),
        unlimited: snapshot.windows.unlimited(),
        thresholds: measured.thresholds,
        // Of a load that was cut short, expectations on the autoscaler can't be asked.
        autoscaling: measured.autoscaling.filter(|_| cause.is_none()),
        findings: measured.findings,
        checks: measured.checks,
        limits: measured.limits,
        generator: Some(measured.generator),
    });
    match of_type(&[EndCauseType::ThresholdBreached]) {
        // What came in after the breach may have mended the figure; the run was stopped for it all the same.
        Some(breach) if judged.verdict == Verdict::Passed || judged.is_without_data() => Outcome {
            verdict: Verdict::Failed,
            reason: breach.reason().into(),
            message: breach.message().into(),
        },
        _ => judged,
    }
}

/// The verdict of a run whose load never started.
pub fn without_load(cause: Option<&Cause>) -> Outcome {
    match cause {
        Some(cause) => Outcome {
            verdict: if cause.type_() == EndCauseType::Aborted { Verdict::Aborted } else { Verdict::Error },
            reason: cause.reason().into(),
            message: cause.message().into(),
        },
        None => Outcome {
            verdict: Verdict::Error,
            reason: reasons::NO_DATA.into(),
            message: "the run ended before its load had started".into(),
        },
    }
}

/// What the target's autoscalers did, and why that may be worthless.
fn autoscaler(
    plan: &Plan,
    snapshot: &SessionSnapshot,
    start: Timestamp,
    end: Timestamp,
) -> Option<(AutoscalingResult, Vec<Doubt>)> {
    let target = &plan.test().target;
    let timeline = plan.carried_out(snapshot.elapsed);
    let load_end = start.saturating_add(snapshot.elapsed).unwrap_or(end).min(end);
    let SessionSnapshot { losses, metrics, windows, .. } = snapshot;
    let base_url = &target.base_url;
    let parts = target.workloads.iter().zip(snapshot.workloads()).map(|(workload, record)| Part {
        observed: Observed { record, timeline: &timeline, windows, start, end, workload, base_url },
        lost: autoscaling::while_ending(record.log(), losses, metrics, start, load_end),
        lost_each: autoscaling::while_each_ended(record.log(), losses, metrics, start),
    });
    autoscaling::together(parts.collect())
}

fn recorded<'a>(plan: &'a Plan, snapshot: &'a SessionSnapshot) -> Recorded<'a> {
    Recorded {
        test: plan.test(),
        timeline: plan.timeline(),
        metrics: &snapshot.metrics,
        windows: &snapshot.windows,
        elapsed: snapshot.elapsed,
    }
}

fn figures(plan: &Plan, snapshot: &SessionSnapshot) -> results::Figures {
    results::figures(&snapshot.metrics, plan.timeline(), snapshot.elapsed)
}

fn generator(plan: &Plan, snapshot: &SessionSnapshot) -> GeneratorResult {
    let starts: Vec<i64> = snapshot
        .runners
        .iter()
        .filter_map(|runner| runner.started_at)
        .filter_map(|at| i64::try_from(at.as_nanosecond()).ok())
        .collect();
    let asked = results::Asked {
        timeline: plan.timeline(),
        loads: plan.loads(),
        skip: plan.skip,
        runners: plan.content.runners,
        max_lag: plan.test().runner.max_lag.0,
    };
    results::generator(asked, &snapshot.metrics, &snapshot.generator, &starts, snapshot.elapsed)
}

/// Each runner and how it fares.
pub fn runners(snapshot: &SessionSnapshot, pods: &[RunnerPod]) -> Vec<RunnerResult> {
    snapshot
        .runners
        .iter()
        .map(|view| {
            let pod = pods.iter().find(|pod| pod.index == view.index);
            let (state, message) = match (&view.end, pod.and_then(|pod| pod.end.as_ref()), view.started_at) {
                (Some(RunnerEnd::Completed), ..) => ("Completed".to_owned(), None),
                (Some(RunnerEnd::Stopped { reason }), ..) => ("Stopped".to_owned(), Some(reason.clone())),
                (Some(RunnerEnd::Failed { reason, message }), ..) => (reason.clone(), Some(message.clone())),
                (None, Some(end), _) if !end.is_success() => {
                    let (reason, what) = manner(end);
                    (reason.to_owned(), Some(what))
                }
                (None, _, Some(_)) => ("Running".to_owned(), None),
                (None, _, None) => ("Waiting".to_owned(), None),
            };
            RunnerResult {
                index: i32::try_from(view.index).unwrap_or(i32::MAX),
                pod: view.pod.clone().or_else(|| pod.map(|pod| pod.name.clone())),
                start_time: view.started_at.map(MicroTime),
                state,
                message,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
