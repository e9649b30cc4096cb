// SPDX-License-Identifier: Apache-2.0
//! From what was recorded to what is printed and returned.

use std::{process::ExitCode, time::Duration};

use jiff::Timestamp;
use upsurge_core::{
    autoscaling::Doubt,
    epochs,
    findings::{self, Findings, NO_FINDINGS, Restarts},
    losses::Losses,
    metrics::Metrics,
    plan::{Skip, Turned},
    points::Points,
    protocol::GeneratorDelta,
    report::{Report, Told},
    results::{Asked, Figures, figures, generator},
    scarce::{self, Answered, Looked, Scarce},
    series::{SeriesAnswer, is_strained},
    single,
    thresholds::{Recorded, Windows, keep_breach},
    validate::Valid,
    verdict::{Breakdown, Evidence, judge},
};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{EpochResult, GeneratorResult, ThresholdResult, TimeSpan},
};
use upsurge_engine::Traced;
use upsurge_figures::workload::Workload;
use upsurge_output::Outcome;
use upsurge_record::model::prometheus_series;

use super::{
    super::{exit, manifest::of_target, quick::in_arguments, say, surroundings::colours, watched::Watched},
    Form, Manner,
    course::Part,
    prometheus, record,
    reports::Reports,
    steps,
};

/// A load that turned back.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnedBack {
    /// Where.
    pub(super) turned: Turned,
    /// What was left out of the plan.
    pub(super) skip: Skip,
}

/// How the load ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// All that was recorded.
    pub(super) metrics: Metrics,
    /// The windows of thresholds that have some.
    pub(super) windows: Windows,
    /// Requests that were lost, and when.
    pub(super) losses: Losses,
    /// The figures of a soak over time.
    pub(super) points: Points,
    /// What was seen of the workload, if somebody observed it.
    pub(super) observed: Option<Watched>,
    /// How long the load lasted.
    pub(super) elapsed: Duration,
    /// Where it turned back, if it did.
    pub(super) turned: Option<TurnedBack>,
    /// The threshold that stopped it, as it stood then.
    pub(super) breached: Option<ThresholdResult>,
    /// When it was interrupted, if it was.
    pub(super) interrupted: Option<Duration>,
    /// Why a step ended the run, if one did.
    pub(super) aborted: Option<String>,
    /// What the generator used.
    pub(super) usage: GeneratorDelta,
    /// Why there was no load.
    pub(super) breakdown: Option<Breakdown>,
    /// Number of the part of the run that it is; 0 of none.
    pub(super) number: u32,
    /// Of a probe of a search: its level.
    pub(super) under_way: Option<EpochResult>,
    /// Its course, if there is to be a record that has none of it yet.
    pub(super) course: Option<record::Course>,
    /// When the load started.
    pub(super) started: Timestamp,
    /// How the outputs ended.
    pub(super) outputs: Vec<Outcome>,
    /// Each request of a smoke test.
    pub(super) steps: Vec<Traced>,
    /// What went wrong beside the load.
    pub(super) warnings: Vec<String>,
    /// What became of `verify`; absent if it was not done.
    pub(super) verified: Option<Result<(), String>>,
    /// What Prometheus answered to the series of the test, in their order; nothing if it was not asked.
    pub(super) series: Vec<SeriesAnswer>,
}

impl Ended {
    /// Whether something ended it before all that was planned was done, so that it says nothing about its level.
    pub(super) fn is_cut_short(&self) -> bool {
        self.breached.is_some()
            || self.interrupted.is_some()
            || self.aborted.is_some()
            || self.breakdown.is_some()
    }

    /// Without any load.
    pub(super) fn broken(breakdown: Breakdown) -> Self {
        Self {
            metrics: Metrics::default(),
            windows: Windows::default(),
            losses: Losses::default(),
            points: Points::default(),
            observed: None,
            elapsed: Duration::ZERO,
            turned: None,
            breached: None,
            interrupted: None,
            aborted: None,
            usage: GeneratorDelta::default(),
            breakdown: Some(breakdown),
            number: 0,
            under_way: None,
            course: None,
            started: Timestamp::now(),
            outputs: Vec::new(),
            steps: Vec::new(),
            warnings: Vec::new(),
            verified: None,
            series: Vec::new(),
        }
    }
}

/// What is made of what was recorded, before it is judged.
pub(super) struct Evaluated {
    figures: Figures,
    pub(super) generator: GeneratorResult,
    pub(super) thresholds: Vec<ThresholdResult>,
}

impl Evaluated {
    /// Evaluates a load that has ended, if there was one.
    pub(super) fn of(test: &LoadTestSpec, valid: &Valid, ended: &Ended) -> Self {
        let Ended { metrics, windows, elapsed, usage, breakdown, .. } = ended;
        let timeline = &valid.timeline;
        let ran = breakdown.is_none();
        let starts: &[i64] = if ran { &[0] } else { &[] };
        let max_lag = test.runner.max_lag.0;
        let skip = ended.turned.map(|turned| turned.skip);
        let asked = Asked { timeline, loads: &valid.loads, skip, runners: u32::from(ran), max_lag };
        let recorded = Recorded { test, timeline, metrics, windows, elapsed: *elapsed };
        let mut thresholds = if ran { recorded.evaluate(true) } else { Vec::new() };
        if let Some(breached) = &ended.breached {
            keep_breach(&mut thresholds, breached);
        }
        Self {
            figures: figures(metrics, timeline, *elapsed),
            generator: generator(asked, metrics, usage, starts, *elapsed),
            thresholds,
        }
    }
}

/// Judges, prints, writes the files that were asked for, and gives the exit code.
pub(super) fn show(name: &str, part: &mut Part, manner: &Manner<'_>, mut reports: Reports<'_>) -> ExitCode {
    let course = part.ended.course.take();
    if let Form::Quick(arguments) = manner.form {
        part.ended.warnings.iter_mut().for_each(|text| *text = in_arguments(text, arguments));
    }
    let Part { test, valid, ended, search } = &*part;
    let Ended { metrics, windows, elapsed, interrupted, aborted, breakdown, started, .. } = ended;
    let timeline = &valid.timeline;
    let ran = breakdown.is_none();
    let Evaluated { mut figures, mut generator, thresholds } = Evaluated::of(test, valid, ended);
    if search.answer.is_some() {
        figures = epochs::figures(metrics, timeline, *elapsed);
    }
    let by_step = aborted.as_ref().map(|reason| format!("the test ended itself: {reason}"));
    let interrupted = interrupted.map(|at| {
        format!("interrupted after {} of {}", whole_seconds(at), whole_seconds(timeline.duration()))
    });
    let operations = single::measured(&valid.scenarios, metrics);
    let mut doubts: Vec<Doubt> = single::incomplete(&operations).into_iter().collect();
    let watched = ended.observed.as_ref();
    let autoscaling = watched.map(|watched| &watched.autoscaling);
    let restarts =
        watched.map(|watched| Restarts::of_all(watched.records.iter().map(|seen| seen.log()), *started));
    let found = Findings::of(&findings::Recorded {
        test,
        timeline,
        turned: ended.turned.map(|turned| turned.turned),
        metrics,
        windows,
        thresholds: &thresholds,
        elapsed: *elapsed,
        restarts: restarts.as_ref(),
        autoscaling,
        verified: ended.verified.as_ref(),
    });
    let findings = if ran { &found } else { &NO_FINDINGS };
    // A load that was cut short says nothing about the autoscaler, and nobody asks.
    let is_asked = !ended.is_cut_short();
    doubts.extend(watched.iter().filter(|_| is_asked).flat_map(|watched| watched.doubts.iter().cloned()));
    let latencies = ended.points.latencies();
    let recorded: Vec<&Workload> = watched.iter().flat_map(|watched| &watched.records).collect();
    let looked = Looked {
        test,
        timeline,
        recorded: &recorded,
        latencies: &latencies,
        start: *started,
        end: started.saturating_add(*elapsed).unwrap_or(Timestamp::MAX),
        elapsed: *elapsed,
    };
    let scarce = if ran { Scarce::of(&looked) } else { Scarce::default() };
    let limits = if is_asked { scarce.limits() } else { Vec::new() };
    let mut outcome = judge(&Evidence {
        test,
        aborted: by_step.or(interrupted).as_deref(),
        breakdown: breakdown.as_ref(),
        doubts: &doubts,
        summary: ran.then_some(&figures.summary),
        unlimited: windows.unlimited(),
        thresholds: &thresholds,
        autoscaling: autoscaling.filter(|_| is_asked),
        findings,
        checks: &[],
        limits: &limits,
        generator: ran.then_some(&generator),
    });
    let series = prometheus::figures(test, &ended.series);
    let bottleneck = (watched.is_some() || !series.is_empty()).then(|| {
        let answered = Answered { checks: &[], series: &ended.series };
        let is_strained = is_strained(&outcome, autoscaling, findings.stress.as_ref());
        scarce::found(&looked, metrics, answered, &generator, is_strained)
    });
    bottleneck.iter().for_each(|found| scarce::name_in(&mut outcome, found));
    let (usage_expectations, soak) = (scarce.usage_expectations(!is_asked), scarce.soak(!is_asked));
    if let Some(answer) = search.answer.as_ref() {
        outcome = answer.outcome.clone();
    }
    if let Form::Quick(arguments) = manner.form {
        outcome.message = in_arguments(&outcome.message, arguments);
        for text in generator.problems.iter_mut().chain(&mut generator.warnings) {
            *text = in_arguments(text, arguments);
        }
    }
    if manner.is_target_given {
        outcome.message = of_target(&outcome.message);
    }
    let mut not_judged = not_judged(test, autoscaling.is_some());
    not_judged.extend(not_awaited(test, manner, !search.history.is_empty()));
    let report = Report {
        name,
        test,
        timeline,
        metrics,
        figures: &figures,
        operations: &operations,
        thresholds: &thresholds,
        autoscaling,
        scarce: Told {
            usage: &scarce.usage,
            expectations: &usage_expectations,
            soak: soak.as_ref(),
            bottleneck: bottleneck.as_ref(),
            series: &series,
        },
        generator: &generator,
        epochs: &search.history,
        capacity: search.answer.as_ref().map(|answer| &answer.capacity),
        findings,
        outcome: &outcome,
        elapsed: *elapsed,
        not_judged: &not_judged,
        warnings: &ended.warnings,
    };
    if !ran {
        say::line(format_args!("error: {} ({})", outcome.message, outcome.reason));
    }
    // The text of one request has no place for them.
    if reports.prints_json || !ran || matches!(manner.form, Form::Quick(_)) {
        ended.warnings.iter().for_each(|warning| say::line(format_args!("warning: {warning}")));
    }
    let colours = colours(manner.arguments.plain);
    let text = match (reports.prints_json, manner.form) {
        (true, _) => report.json(*started),
        (false, _) if !ran => String::new(),
        (false, Form::Test) => steps::shown(&ended.steps) + &report.text(colours),
        (false, Form::Quick(_)) => report.quick_text(colours),
    };
    let mut record = None;
    if let Some(recording) = reports.recording.take() {
        let told = record::Told {
            outcome: &outcome,
            load: course
                .map(|course| (record::load(test, valid, ended, &figures, &thresholds, &generator), course)),
            shown: ran.then_some(ended.number),
            started: *started,
            capacity: report.capacity,
            findings,
            operations: &operations,
            autoscaling,
            scarce: report.scarce,
            series: prometheus_series(test, &ended.series),
            not_judged: &not_judged,
            warnings: &ended.warnings,
            folded: record::folded(metrics, &ended.losses),
        };
        // The verdict is what it is without a record, too.
        match recording.finish(told) {
            Ok(bytes) => record = Some(bytes),
            Err(error) => say::line(format_args!("error: {error}")),
        }
    }
    let mut whole = true;
    // Files first: whoever reads the text may go away, or have no room.
    let outputs = ended.outputs.iter().filter_map(complaint);
    for message in reports.write(&report, *started, record.as_deref()).into_iter().chain(outputs) {
        say::line(format_args!("error: {message}"));
        whole = false;
    }
    if let Err(error) = say::result(&text) {
        say::line(format_args!("error: can't write to standard output: {error}"));
        whole = false;
    }
    // What was asked for in writing is missing: that must not go unnoticed, whatever the verdict.
    if whole { exit::of(outcome.verdict) } else { ExitCode::from(exit::ERROR) }
}

/// What went wrong with an output, and whether that is an error.
fn complaint(outcome: &Outcome) -> Option<String> {
    let Outcome { name, essential, error, lost, merged, .. } = outcome;
    if *merged > 0 {
        say::line(format_args!(
            "note: {name} was behind: {merged} intervals were handed on merged with others"
        ));
    }
    if *lost > 0 {
        say::line(format_args!("warning: {name}: {lost} samples were not delivered"));
    }
    let message = format!("{name}: {}", error.as_ref()?);
    if *essential {
        return Some(message);
    }
    // Servers are no part of the test: that one is away must not fail it.
    say::line(format_args!("warning: {message}"));
    None
}

fn whole_seconds(time: Duration) -> TimeSpan {
    TimeSpan::from_secs(time.as_secs())
}

/// What was not waited for, so that an expectation on the autoscaler may show nothing.
fn not_awaited(test: &LoadTestSpec, manner: &Manner<'_>, is_search: bool) -> Option<String> {
    test.autoscaling.as_ref()?.wait_for_idle.as_ref()?;
    let why = match manner.observe.is_some_and(|observe| observe.observe) {
        false => "nobody looked whether the target was quiet before the load: --observe does",
        true if is_search => "only the first probe waited for a quiet target: in a cluster each one does",
        true => return None,
    };
    Some(format!("spec.autoscaling.waitForIdle: {why}"))
}

/// What only a cluster can tell.
fn not_judged(test: &LoadTestSpec, is_observed: bool) -> Vec<String> {
    let mut parts = Vec::new();
    let workloads = test.target.workloads.iter().enumerate();
    for (index, _) in workloads.filter(|(_, one)| one.expect.is_some() && !is_observed) {
        parts.push(format!(
            "spec.target.workloads[{index}].expect: nobody watched its replicas: --observe does"
        ));
    }
    if !test.usage.is_empty() && !is_observed {
        parts.push(
            "spec.usage: nobody watched CPU, memory and restarts of the target's pods: --observe does".into(),
        );
    }
    if let Some(prometheus) = &test.prometheus {
        let count = prometheus.checks.len();
        if count > 0 {
            parts.push(format!("spec.prometheus: its {count} checks are only asked for in a cluster"));
        }
        if let Some(server) = prometheus.server.as_ref().filter(|_| !prometheus.series.is_empty()) {
            parts.push(format!(
                "spec.prometheus.series: server {server:?} is known to a cluster only; here, name a url"
            ));
        }
    }
    parts
}
