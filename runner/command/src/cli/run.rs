// SPDX-License-Identifier: Apache-2.0
//! `upsurge run`: a whole test from one process, without a cluster.

mod course;
mod progress;
mod prometheus;
mod record;
mod reports;
mod result;
mod session;
mod steps;

use std::{collections::BTreeMap, env, path::Path, process::ExitCode, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};
use upsurge_core::{
    autoscaling::Restless, files::references, findings::counters, plan::carried_out,
    protocol::SECRET_ENV_PREFIX, report::after_failed, validate::Valid, verdict::Breakdown,
};
use upsurge_crds::{LoadTestSpec, names::reasons, v1alpha1::CapacityLoad};
use upsurge_engine::{self as engine, default_threads};
use upsurge_system::files::{Files, Places};

use self::{
    course::{Course, Part},
    progress::Style,
    record::About,
    reports::Reports,
    result::Ended,
    session::Session,
};
use super::{
    arguments::{ObserveArguments, QuickArguments, RunArguments, SessionArguments},
    cluster::{self, Observation},
    exit,
    instead::Instead,
    manifest::{self, Manifest},
    say,
};

/// Longest time for the steps of `verify`, and for those of `after`, as in a cluster for both.
const AFTER_LIMIT: Duration = Duration::from_secs(300);

/// Time between two looks at what was seen of the workload after the load.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// How the result is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// Of a whole test: stages, requests, checks.
    Test,
    /// Of one request: latencies in detail, and in the words of these arguments.
    Quick(&'a QuickArguments),
}

/// Runs the test of a file and prints its result.
pub(super) fn run(arguments: &RunArguments) -> ExitCode {
    #[cfg(feature = "cluster")]
    let observe = Some(&arguments.observe);
    #[cfg(not(feature = "cluster"))]
    let observe = None;
    if let Some(flag) = observe.and_then(ObserveArguments::idle) {
        return exit::error(format_args!("{flag} says nothing without --observe"));
    }
    let instead = arguments.smoke.then_some(Instead::Smoke);
    let manifest = match manifest::read(&arguments.manifest, arguments.target.as_deref(), instead) {
        Ok(manifest) => manifest,
        Err(error) => return exit::error(error),
    };
    manifest.notes.iter().for_each(|note| say::line(format_args!("note: {note}")));
    let manner = Manner {
        arguments: &arguments.session,
        files: arguments.files.as_deref(),
        is_target_given: arguments.target.is_some(),
        quiet: arguments.quiet,
        form: Form::Test,
        markdown: None,
        observe,
    };
    conduct(manifest, &manner)
}

/// How a test is run and told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    pub(super) arguments: &'a SessionArguments,
    /// Where files are that are not in the manifest.
    pub(super) files: Option<&'a Path>,
    /// Whether an argument takes the place of the address of the test.
    pub(super) is_target_given: bool,
    pub(super) quiet: bool,
    pub(super) form: Form<'a>,
    /// File for the table of a benchmark.
    pub(super) markdown: Option<&'a Path>,
    /// How the autoscaler is observed, if it is.
    pub(super) observe: Option<&'a ObserveArguments>,
}

/// Runs a test and prints its result.
pub(super) fn conduct(manifest: Manifest, manner: &Manner<'_>) -> ExitCode {
    if manifest.spec.load.capacity.is_some() && manner.arguments.csv.is_some() {
        return exit::error(
            "--csv writes the course of one load, and spec.load.capacity makes many: leave it out, or write what it found by --json",
        );
    }
    if manifest.spec.load.capacity.as_ref().is_some_and(CapacityLoad::counts_replicas) {
        return exit::error(
            "spec.load.capacity.find MinReplicas sets the replicas of the target, which only the operator does: apply the test to a cluster",
        );
    }
    if manifest.spec.load.scalability.as_ref().is_some_and(|asked| asked.sizes.is_some()) {
        return exit::error(
            "spec.load.scalability.sizes sets the size of the target's pods, which only the operator does: apply the test to a cluster",
        );
    }
    if manifest.spec.load.scalability.is_some() {
        return exit::error(
            "spec.load.scalability sets the replicas of the target, which only the operator does: apply the test to a cluster",
        );
    }
    let secrets = match secrets(&manifest.spec) {
        Ok(secrets) => secrets,
        Err(message) => return exit::error(message),
    };
    // Before the load: to find out afterwards that there is no place for its figures would be a pity.
    let about = About {
        name: &manifest.name,
        namespace: manifest.namespace.as_deref(),
        git_revision: manifest.git_revision.as_deref(),
        test: &manifest.spec,
        secrets: &secrets.values().cloned().chain(prometheus::secrets(&manifest.spec)).collect::<Vec<_>>(),
        threads: threads(manner),
        is_observed: manner.observe.is_some_and(|observe| observe.observe),
    };
    let reports = match Reports::open(manner.arguments, manner.markdown, &about) {
        Ok(reports) => reports,
        Err(error) => return exit::error(error),
    };
    let places = Places { objects: manifest.objects.clone(), directory: manner.files.map(Path::to_path_buf) };
    let files = match Files::load(&references(&manifest.spec), &places) {
        Ok(files) => Arc::new(files),
        Err(error) => return exit::error(error),
    };
    // Only waits and prints: the engine has threads of its own.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::error(format_args!("can't start: {error}")),
    };
    let code = runtime.block_on(carry_out(manifest, secrets, files, reports, manner));
    // Without waiting for an output that was given up.
    runtime.shutdown_background();
    code
}

/// Threads that generate load.
fn threads(manner: &Manner<'_>) -> usize {
    manner.arguments.threads.map_or_else(default_threads, usize::from)
}

async fn carry_out(
    manifest: Manifest,
    secrets: BTreeMap<String, String>,
    files: Arc<Files>,
    mut reports: Reports<'_>,
    manner: &Manner<'_>,
) -> ExitCode {
    let mut interrupts = match Interrupts::listen() {
        Ok(interrupts) => interrupts,
        Err(error) => return exit::error(format_args!("can't listen to signals: {error}")),
    };
    let Manifest { name, namespace, spec, valid, .. } = manifest;
    let (test, valid) = (Arc::new(spec), Arc::new(valid));
    let watched = async {
        match manner.observe {
            Some(observe) => cluster::observe(observe, namespace.as_deref(), &test, &valid).await,
            None => Ok(None),
        }
    };
    let watched = tokio::select! {
        watched = watched => watched,
        () = interrupts.next() => return ExitCode::from(exit::INTERRUPTED),
    };
    let observation = match watched {
        Ok(observation) => observation,
        Err(error) => return exit::error(error),
    };
    let prepared = tokio::select! {
        prepared = prepare(&valid, &test, &secrets, &files, observation.as_ref()) => prepared,
        () = interrupts.next() => {
            say::line(format_args!("interrupted before the load: the target was being looked for, or the steps of before done"));
            return ExitCode::from(exit::INTERRUPTED);
        }
    };
    let mut part = match prepared {
        Ok(variables) => {
            let after = (variables.clone(), secrets.clone(), Arc::clone(&files));
            let whole = Session {
                name: &name,
                test: &test,
                valid: &valid,
                threads: threads(manner),
                variables,
                secrets,
                files,
                style: Style::choose(manner.quiet, manner.arguments.plain),
                observation: observation.as_ref(),
            };
            match (Course { whole }).run(&mut interrupts, &mut reports).await {
                Some(mut part) => {
                    if let Some(observation) = &observation {
                        // The epochs of a search are too short to say anything about an autoscaler.
                        let end = match &test.load.capacity {
                            Some(_) => Timestamp::now(),
                            None => {
                                watch(
                                    observation,
                                    &mut part.ended,
                                    &part.valid,
                                    &mut interrupts,
                                    &mut reports,
                                )
                                .await
                            }
                        };
                        if let Some(recording) = &mut reports.recording {
                            recording.observed(observation.workloads(end), observation.surroundings());
                        }
                    }
                    let (variables, secrets, files) = after;
                    let counters = counters(&test, &part.ended.metrics);
                    part.ended.verified = tokio::select! {
                        verified = timeout(AFTER_LIMIT, engine::run_verify(&valid, &test, &secrets, &files, &variables, counters)) => {
                            verified.ok()
                        }
                        () = interrupts.next() => None,
                    };
                    let tidied = tokio::select! {
                        tidied = timeout(AFTER_LIMIT, engine::run_after(&valid, &test, &secrets, &files, &variables)) => {
                            tidied.unwrap_or_else(|_| Err(format!("they were not done within {} s", AFTER_LIMIT.as_secs())))
                        }
                        () = interrupts.next() => Err("interrupted".to_owned()),
                    };
                    // Told, and changes nothing: the load was what it was.
                    part.ended.warnings.extend(tidied.err().map(|message| after_failed(&message)));
                    let series = tokio::select! {
                        series = prometheus::ask(&test, &valid, &part.ended) => series,
                        () = interrupts.next() => prometheus::unanswered(&test, "interrupted"),
                    };
                    part.ended.warnings.extend(prometheus::gaps(&test, &series));
                    part.ended.series = series;
                    part
                }
                None => return ExitCode::from(exit::INTERRUPTED),
            }
        }
        Err(breakdown) => Part::whole(&test, &valid, Ended::broken(breakdown)),
    };
    result::show(&name, &mut part, manner, reports)
}

/// Observes the workload after the load until its expectations are decided, and tells what became of it. Gives the end of that.
async fn watch(
    observation: &Observation,
    ended: &mut Ended,
    valid: &Valid,
    interrupts: &mut Interrupts,
    reports: &mut Reports<'_>,
) -> Timestamp {
    if ended.breakdown.is_some() {
        return Timestamp::now();
    }
    let start = ended.started;
    let load_end = start.saturating_add(ended.elapsed).unwrap_or(Timestamp::MAX);
    let timeline = carried_out(&valid.timeline, &valid.loads, ended.elapsed);
    tokio::select! {
        // Of a load that was cut short, expectations on the autoscaler can't be asked.
        () = observation.settled(&timeline, start, load_end), if !ended.is_cut_short() => {}
        () = note_events(observation, reports), if !ended.is_cut_short() => {}
        () = interrupts.next(), if !ended.is_cut_short() => ended.interrupted = Some(ended.elapsed),
        else => {}
    }
    let facts = (&ended.metrics, &ended.windows, &ended.losses);
    let end = Timestamp::now().max(load_end);
    ended.observed = observation.result(&timeline, facts, [start, load_end, end]);
    end
}

/// Hands what is seen of the workload to the record, until somebody ends that.
async fn note_events(observation: &Observation, reports: &mut Reports<'_>) {
    loop {
        sleep(NOTE_EVERY).await;
        if let Some(recording) = &mut reports.recording {
            recording.seen(observation.fresh());
        }
    }
}

/// Looks whether the target is there, waits until it is quiet if the test asks for it and somebody can see it, and does the steps of `before`.
async fn prepare(
    valid: &Arc<Valid>,
    test: &Arc<LoadTestSpec>,
    secrets: &BTreeMap<String, String>,
    files: &Files,
    observation: Option<&Observation>,
) -> Result<serde_json::Map<String, serde_json::Value>, Breakdown> {
    engine::preflight(test, &valid.http.reach)
        .await
        .map_err(|unready| Breakdown { reason: unready.reason.into(), message: unready.message })?;
    let wait = test.autoscaling.as_ref().and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
    if let Some((observation, wait)) = observation.zip(wait) {
        looked(observation, test).await?;
        let quiet = observation.quiet(wait.timeout).await;
        quiet.map_err(|Restless { reason, message }| Breakdown { reason: reason.into(), message })?;
    }
    let variables = engine::run_before(valid, test, secrets, files)
        .await
        .map_err(|message| Breakdown { reason: reasons::BEFORE_FAILED.into(), message })?;
    if let Some(observation) = observation {
        looked(observation, test).await?;
    }
    Ok(variables)
}

/// Waits until all of the workload was looked at.
async fn looked(observation: &Observation, test: &LoadTestSpec) -> Result<(), Breakdown> {
    let looked = observation.looked(test.deadlines.prepare.0).await;
    looked.map_err(|message| Breakdown { reason: reasons::OBSERVATION_INCOMPLETE.into(), message })
}

/// Values of the declared secrets, from the environment.
fn secrets(spec: &LoadTestSpec) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for (index, secret) in spec.secrets.iter().enumerate() {
        let variable = format!("{SECRET_ENV_PREFIX}{}", secret.name);
        let value = env::var(&variable).map_err(|_| {
            let (secret, key) = (&secret.name, &secret.secret_key_ref);
            format!(
                "spec.secrets[{index}]: secret {secret:?} has no value here: set the environment variable {variable} to \
                 what key {:?} of Secret {:?} holds",
                key.key, key.name
            )
        })?;
        if value.is_empty() {
            // What a CI system makes of a secret that it does not have.
            return Err(format!(
                "spec.secrets[{index}]: the environment variable {variable} is empty: give it the value of secret {:?}",
                secret.name
            ));
        }
        values.insert(secret.name.clone(), value);
    }
    Ok(values)
}

/// Ctrl-C and SIGTERM.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
