// SPDX-License-Identifier: Apache-2.0
//! What can break while a run is under way, told by whoever knows it best: the runner itself, its pod, the
//! Job, and at last its silence.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_core::protocol::{Readiness, RunnerEnd, SILENCE_LIMIT};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{Phase, TimeSpan},
};

use super::{Cause, Facts, counted, passed};
use crate::load_test_run::{
    missing,
    pods::{PodEnd, RunnerPod},
    refusal,
};

/// Time that a container gets to be created although its image or configuration is missing: enough for a second try.
const CREATE_PATIENCE: Duration = Duration::from_secs(10);
/// Time that the Job gets to create pods although it is forbidden to.
const FORBIDDEN_PATIENCE: Duration = Duration::from_secs(5);
/// Time that a pod's end may be known before the last words of its runner are.
const LAST_WORDS_PATIENCE: Duration = Duration::from_secs(5);
/// Exit code of a runner that was told to end by a signal, as Kubernetes does to the others when one fails.
const TERMINATED: i32 = 143;

/// What to do about a container that does not even start in its memory.
const TOO_SMALL: &str = "the memory limit is too low to start in: raise spec.runner.resources.limits.memory";

/// What broke, if something did.
pub fn find(facts: &Facts<'_>, now: Timestamp) -> Option<Cause> {
    kept(facts)
        .or_else(|| reported(facts))
        .or_else(|| ended(facts, now))
        .or_else(|| stopped(facts))
        .or_else(|| not_created(facts, now))
        .or_else(|| without_job(facts))
        .or_else(|| vanished(facts))
        .or_else(|| silent(facts, now))
}

/// What runners themselves say that broke.
pub fn told(facts: &Facts<'_>) -> Option<Cause> {
    kept(facts).or_else(|| reported(facts)).or_else(|| stopped(facts))
}

/// The collector can't keep what it is told.
fn kept(facts: &Facts<'_>) -> Option<Cause> {
    let problem = facts.session.problem.as_ref()?;
    Some(Cause::breakdown(&problem.reason, &problem.message))
}

/// Runners were told to stop and nothing says why but the words that they were told: so it is after a checkpoint from before there
/// was a place for the collector's reason, which was nearly always this one.
pub fn forgotten(facts: &Facts<'_>) -> Option<Cause> {
    let words = facts.session.stop.as_ref()?;
    Some(Cause::breakdown(reasons::CHECKPOINT_TOO_LARGE, words))
}

/// A runner says itself that it can't start or can't go on.
fn reported(facts: &Facts<'_>) -> Option<Cause> {
    facts.session.runners.iter().find_map(|view| match (&view.end, &view.readiness) {
        (Some(RunnerEnd::Failed { reason, message }), _)
        | (None, Some(Readiness::Failed { reason, message })) => {
            Some(Cause::breakdown(reason, format!("{}: {message}", runner(facts, view.index))))
        }
        _ => None,
    })
}

/// A pod ended although its runner was not done. Of several, the first one that was not merely told to end by
/// Kubernetes after another one had failed.
fn ended(facts: &Facts<'_>, now: Timestamp) -> Option<Cause> {
    let has_said_so = |pod: &RunnerPod| facts.view(pod.index).is_some_and(|view| view.end.is_some());
    let mut ended: Vec<(&RunnerPod, &PodEnd)> = facts
        .pods
        .iter()
        .filter(|pod| !has_said_so(pod))
        .filter_map(|pod| pod.end.as_ref().map(|end| (pod, end)))
        .filter(|(_, end)| !end.is_success() || passed(end.at.unwrap_or(now), now) >= LAST_WORDS_PATIENCE)
        .collect();
    ended.sort_by_key(|(pod, end)| (end.exit_code == Some(TERMINATED) || pod.deleting, end.at, pod.index));
    let (pod, end) = ended.first()?;
    let who = runner(facts, pod.index);
    let (reason, what) = manner(end);
    let when = match (facts.session.t0, end.at) {
        (Some(t0), Some(at)) => format!(" at {} s", passed(t0, at).as_secs()),
        _ => String::new(),
    };
    // The last line of the log is the reason only if the runner itself had time to print it.
    let said = if end.message.is_empty() || end.signal().is_some() {
        String::new()
    } else {
        format!(" ({})", last_line(&end.message))
    };
    Some(Cause::breakdown(reason, format!("{who} {what}{when}{said}; {}", missing(facts))))
}

/// How a pod ended that should not have, as a reason of ours and in words.
pub fn manner(end: &PodEnd) -> (&'static str, String) {
    if let Some(init) = &end.init {
        return (reasons::RUNNER_LOST, format!("never started: {init}"));
    }
    if is_too_small(&end.message) && end.exit_code != Some(0) {
        return (reasons::RUNNER_OOM_KILLED, format!("could not start: {TOO_SMALL}"));
    }
    if was_gone_at_the_start(end) {
        let what = "ended while it was started, as it does when spec.runner.resources.limits.memory is too low; the \
                    node's own log tells more";
        return (reasons::RUNNER_LOST, what.into());
    }
    if end.reason == "OOMKilled" {
        let what = "ran out of memory and was killed; raise spec.runner.resources or spec.runner.parallelism";
        return (reasons::RUNNER_OOM_KILLED, what.into());
    }
    match (end.exit_code, end.signal()) {
        (Some(0), _) => (reasons::RUNNER_FAILED, "ended without having reported all of its results".into()),
        (_, Some(signal)) if end.reason == "Error" || end.reason.is_empty() => {
            (reasons::RUNNER_FAILED, format!("was killed by signal {signal}"))
        }
        (Some(code), _) if end.reason == "Error" => {
            (reasons::RUNNER_FAILED, format!("exited with code {code}"))
        }
        (Some(code), _) => (reasons::RUNNER_LOST, format!("was ended ({}, exit code {code})", end.reason)),
        (None, _) if end.reason.is_empty() => (reasons::RUNNER_LOST, "was ended by Kubernetes".into()),
        (None, _) => (reasons::RUNNER_LOST, format!("was ended by Kubernetes ({})", end.reason)),
    }
}

/// Whether a container runtime says that a container's memory limit is too low for it to start.
fn is_too_small(message: &str) -> bool {
    ["memory limit too low", "container init was OOM-killed"].iter().any(|words| message.contains(words))
}

/// Whether the runner's process was gone before the container runtime could let it run; who killed it, the runtime
/// doesn't say. Only with its reason are the words its own: else they may be the last line of the runner's log.
fn was_gone_at_the_start(end: &PodEnd) -> bool {
    end.reason == "StartError" && end.message.contains("cannot start a stopped process")
}

/// A runner says that it was stopped, and nobody here told it to.
fn stopped(facts: &Facts<'_>) -> Option<Cause> {
    if facts.session.stop.is_some() {
        return None;
    }
    facts.session.runners.iter().find_map(|view| match &view.end {
        Some(RunnerEnd::Stopped { reason }) => {
            let message = format!("{} was stopped ({reason}); {}", runner(facts, view.index), missing(facts));
            Some(Cause::breakdown(reasons::RUNNER_LOST, message))
        }
        _ => None,
    })
}

/// A container or pod can't be created, and waiting does not mend it.
fn not_created(facts: &Facts<'_>, now: Timestamp) -> Option<Cause> {
    let lasted = |pod: &RunnerPod, limit| pod.scheduled.is_some_and(|since| passed(since, now) >= limit);
    let broken = facts.pods.iter().find_map(|pod| {
        let (reason, message) = pod.waiting.as_ref()?;
        let cause = container_problem(reason)?;
        // What is missing may be on its way: it is waited for until `deadlines.prepare`.
        if missing::named(message, facts.plan).is_some() {
            return None;
        }
        let patience = if cause.1 { Duration::ZERO } else { CREATE_PATIENCE };
        let who = runner(facts, pod.index);
        let advice = if is_too_small(message) { format!("{TOO_SMALL}: ") } else { String::new() };
        lasted(pod, patience)
            .then(|| Cause::breakdown(cause.0, format!("{who} can't start: {advice}{reason}: {message}")))
    });
    broken.or_else(|| {
        let created = facts.job.and_then(|job| job.created)?;
        let message = facts.forbidden.filter(|_| passed(created, now) >= FORBIDDEN_PATIENCE)?;
        let message = format!("runner pods can't be created: {}", refusal::explained(message));
        Some(Cause::breakdown(reasons::PODS_FORBIDDEN, message))
    })
}

/// The reason for which a container waits as a reason of ours, and whether it is hopeless at once.
fn container_problem(reason: &str) -> Option<(&'static str, bool)> {
    match reason {
        "ImagePullBackOff" | "ErrImagePull" | "ImageInspectError" | "RegistryUnavailable" => {
            Some((reasons::IMAGE_PULL_FAILED, false))
        }
        "InvalidImageName" | "ErrImageNeverPull" => Some((reasons::IMAGE_PULL_FAILED, true)),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some((reasons::CONTAINER_CONFIG_ERROR, false))
        }
        _ => None,
    }
}

/// The Job is gone, or has failed for a reason that no pod tells.
fn without_job(facts: &Facts<'_>) -> Option<Cause> {
    let name = facts.plan.job();
    let Some(job) = facts.job else {
        let message = format!("Job {name} vanished: somebody deleted it; {}", missing_all());
        return Some(Cause::breakdown(reasons::RUNNER_LOST, message));
    };
    if job.deleting {
        let message = format!("Job {name} was deleted by somebody; {}", missing_all());
        return Some(Cause::breakdown(reasons::RUNNER_LOST, message));
    }
    let (reason, message) = job.failure.as_ref()?;
    // One runner failed, so the others are being ended; the one that failed is seen by its pod, if it still exists. Or
    // it was not the runner that failed.
    let beside = facts.pods.iter().find_map(|pod| Some((pod, pod.beside.as_ref()?)));
    let beside = beside.map(|(pod, words)| format!("; {words} beside {}", runner(facts, pod.index)));
    let message = format!("Job {name} failed: {reason}: {message}{}", beside.unwrap_or_default());
    Some(Cause::breakdown(reasons::RUNNER_FAILED, message))
}

/// A runner was there, and its pod is no more.
fn vanished(facts: &Facts<'_>) -> Option<Cause> {
    let gone = facts
        .session
        .runners
        .iter()
        .find(|view| view.end.is_none() && view.readiness.is_some() && facts.pod(view.index).is_none())?;
    let message = format!("{} was deleted by somebody; {}", runner(facts, gone.index), missing(facts));
    Some(Cause::breakdown(reasons::RUNNER_LOST, message))
}

/// A runner has not been heard for too long.
fn silent(facts: &Facts<'_>, now: Timestamp) -> Option<Cause> {
    if facts.phase != Phase::Running {
        return None;
    }
    let opened_at = facts.session.opened_at;
    // After a restart of the operator everybody starts anew, and has longer: all come back at once, and each is to prove
    // again who it is. Whoever was let in during that time may still have to come again.
    let is_restored = facts.session.t0.is_some_and(|t0| t0 < opened_at);
    let silence = |last_seen: Option<Timestamp>| {
        let since = last_seen.map_or(opened_at, |seen| seen.max(opened_at));
        let comes_back = is_restored && passed(opened_at, since) < 2 * SILENCE_LIMIT;
        (passed(since, now), if comes_back { 2 * SILENCE_LIMIT } else { SILENCE_LIMIT })
    };
    let is_lost = |last_seen| {
        let (silence, limit) = silence(last_seen);
        silence >= limit
    };
    let lost = facts.session.runners.iter().find(|view| view.end.is_none() && is_lost(view.last_seen))?;
    let message = format!(
        "{} has not been heard for {} s; {}",
        runner(facts, lost.index),
        silence(lost.last_seen).0.as_secs(),
        missing(facts)
    );
    Some(Cause::breakdown(reasons::RUNNER_LOST, message))
}

/// A deadline has passed. If it is known what held things up, that is the reason.
pub fn overdue(facts: &Facts<'_>, field: &str, limit: TimeSpan, state: &str) -> Cause {
    let unschedulable = facts.pods.iter().any(|pod| pod.unschedulable.is_some());
    let failing = facts.pods.iter().find_map(|pod| {
        let (reason, message) = pod.waiting.as_ref()?;
        let problem = container_problem(reason).map(|(reason, _)| reason);
        let missing = || missing::named(message, facts.plan).map(|_| reasons::FILE_NOT_FOUND);
        problem.or_else(missing)
    });
    let reason = match failing {
        Some(reason) => reason,
        None if unschedulable => reasons::UNSCHEDULABLE,
        None if facts.forbidden.is_some() => reasons::PODS_FORBIDDEN,
        None => reasons::DEADLINE_EXCEEDED,
    };
    Cause::breakdown(reason, format!("{field} of {limit} has passed: {state}"))
}

/// What holds up the preparation, for the status.
pub fn obstacle(facts: &Facts<'_>) -> String {
    if let Some(message) = facts.forbidden {
        return format!("; pods can't be created: {}", refusal::explained(message));
    }
    let says_more = |pod: &&RunnerPod| {
        pod.unschedulable.is_some() || pod.waiting.as_ref().is_some_and(|(_, message)| !message.is_empty())
    };
    let told = facts.pods.iter().filter(says_more).chain(facts.pods).find_map(|pod| {
        let who = || runner(facts, pod.index);
        if let Some(message) = &pod.unschedulable {
            return Some(format!("; {} finds no node: {message}", who()));
        }
        let (reason, message) = pod.waiting.as_ref()?;
        let text = match missing::named(message, facts.plan) {
            Some(missing) => format!("{missing}; {reason}: {message}"),
            None if message.is_empty() => reason.clone(),
            None if is_too_small(message) => format!("{TOO_SMALL}; {reason}: {message}"),
            None => format!("{reason}: {message}"),
        };
        Some(format!("; {} waits: {text}", who()))
    });
    told.unwrap_or_default()
}

/// A runner as messages name it.
pub fn runner(facts: &Facts<'_>, index: u32) -> String {
    let pod = facts.view(index).and_then(|view| view.pod.clone());
    let pod = pod.or_else(|| facts.pod(index).map(|pod| pod.name.clone()));
    let of = facts.runners();
    match pod {
        Some(pod) => format!("runner {index} of {of} (pod {pod})"),
        None => format!("runner {index} of {of}"),
    }
}

fn missing(facts: &Facts<'_>) -> String {
    match facts.runners() {
        1 => missing_all(),
        2 => "half of the load is missing".into(),
        3 => "a third of the load is missing".into(),
        4 => "a quarter of the load is missing".into(),
        others => format!("1/{others} of the load ({}) is missing", counted(1)),
    }
}

fn missing_all() -> String {
    "all of the load is missing".into()
}

fn last_line(text: &str) -> &str {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    &line[..line.floor_char_boundary(500)]
}
