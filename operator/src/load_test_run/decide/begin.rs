// SPDX-License-Identifier: Apache-2.0
//! From the first look at a run to the creation of its Job: phase Pending. What must hold before there is a load is
//! asked here in order: what the policy says, whether the target is free, whether it is quiet. From there on it is the
//! run's own until its end.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use upsurge_core::verdict::Outcome;
use upsurge_crds::{
    LoadTestSpec,
    names::reasons,
    v1alpha1::{Deadlines, Phase, TimeSpan, Verdict},
};

use super::{Admission, Decision, Effect, Look, Lookup, NEXT_LOOK, Situation, ended, ended_by, overdue, pin};
use crate::{
    load_test_run::{
        apply, build,
        progress::Cause,
        update_status::{awaiting_turn, awaits_turn, base, in_phase, is_retrying, retry},
        validate::{self, Obstacle, Target},
    },
    target_leases::Next,
};

/// Time between two looks of a run that waits for its target, by how long it has waited: each look asks the API server several times.
const TARGET_LOOKS: [(Duration, Duration); 3] = [
    (Duration::from_secs(10), Duration::from_secs(1)),
    (Duration::from_secs(60), Duration::from_secs(5)),
    (Duration::MAX, Duration::from_secs(10)),
];
/// Time between two looks of a run that waits for its turn. There may be hundreds of them.
const QUEUE_LOOK: Duration = Duration::from_secs(5);

/// What comes next for a run that has no Job yet, as far as its status tells.
pub fn decide(situation: &Situation) -> Decision {
    if let Some(cause) = &situation.refusal {
        return ended_by(situation, cause);
    }
    let run = &situation.run;
    if situation.objects.job.is_some() {
        return prepared(situation);
    }
    if run.spec.abort {
        return ended_by(situation, &Cause::aborted());
    }
    if let Some(name) = &situation.objects.foreign {
        let message = format!(
            "Job {name} exists already and belongs to something else: delete it and start another run"
        );
        return error(situation, reasons::NAME_TAKEN, message);
    }
    if let Some(why) = &situation.delay {
        return delayed(situation, why);
    }
    match &situation.test {
        Lookup::Found(test) => {
            if let Some(body) = apply::completion(run, test) {
                return Decision::first(base(run), Effect::Complete(body));
            }
        }
        Lookup::Missing if run.spec.test.is_none() => {
            let message = format!(
                "spec.loadTestRef: there is no LoadTest {} in namespace {}",
                run.spec.load_test_ref.name,
                run.namespace().unwrap_or_default()
            );
            return error(situation, reasons::TEST_NOT_FOUND, message);
        }
        Lookup::Missing | Lookup::NotNeeded => {}
    }
    create(situation)
}

/// The run has all that it needs of its test.
fn create(situation: &Situation) -> Decision {
    let run = &situation.run;
    let plan = match &situation.plan {
        Some(Ok(plan)) => plan,
        Some(Err(outcome)) => return ended(situation, outcome),
        None => {
            let message = "spec.test was taken away while the run began; make another run";
            return error(situation, reasons::INVALID_SPEC, message);
        }
    };
    if let Some(outcome) = pin::forbidden(situation, plan) {
        return ended(situation, &outcome);
    }
    match (&situation.admission, &situation.place.next) {
        (Admission::Refused(message), _) => return error(situation, reasons::POLICY_VIOLATION, message),
        (_, Next::Busy { message, line }) => {
            let line = line.clone().map(Effect::WriteLease);
            return queue(situation, reasons::TARGET_BUSY, message, line);
        }
        (Admission::Queued(message), _) => {
            // It may take long: meanwhile others may have the target.
            // Unless the run has set their replicas, when an operator died before there was a Job.
            let is_held = run.status.as_ref().is_some_and(|status| status.pinning.is_some());
            let leave = (situation.place.is_known && !is_held).then_some(Effect::LeaveTarget);
            return queue(situation, reasons::QUEUED, message, leave);
        }
        (Admission::Granted, Next::Free(lease)) if !is_absent(situation) => {
            return Decision::first(base(run), Effect::WriteLease(lease.clone()));
        }
        (Admission::Granted, Next::Free(_) | Next::Held) => {}
    }
    if run.status.as_ref().is_some_and(awaits_turn) {
        // What it says of whom it waits for is over, whatever comes next.
        let mut state = base(run);
        in_phase(&mut state, Phase::Pending, None, "it is the run's turn", situation.now);
        return Decision::new(state, vec![Effect::WriteStatus], Look::Now);
    }
    let waited = waited(situation);
    let look = target_look(plan.test(), waited);
    // One that is held already is as the run has made it: only that counts from then on.
    let is_held = run.status.as_ref().is_some_and(|status| status.pinning.is_some());
    if let Some(target) = situation.target.as_ref().filter(|_| !is_held) {
        match validate::target(plan.test(), target, waited) {
            Ok(()) => {}
            Err(Obstacle::End(outcome)) => return ended(situation, &outcome),
            Err(Obstacle::Wait(message)) if is_absent(situation) => {
                // A slip in its name must not hold up all others that go by the same address.
                let leave = situation.place.is_known.then_some(Effect::LeaveTarget);
                let mut decision = wait(situation, &message, look);
                decision.effects.splice(0..0, leave);
                return decision;
            }
            Err(Obstacle::Wait(message)) => return wait(situation, &message, look),
        }
    }
    if let Some(decision) = pin::first(situation, plan) {
        return decision;
    }
    let defaults = match &situation.runner {
        Ok(defaults) => defaults,
        Err(problem) => {
            let message = format!("waiting for the collector's certificate: {problem}");
            return wait(situation, &message, look);
        }
    };
    let selectors = situation.target.iter().flat_map(Target::selectors);
    let objects = match build::objects(plan, &run.spec.load_test_ref.name, defaults, selectors) {
        Ok(objects) => Arc::new(objects),
        Err(refused) => return error(situation, reasons::INVALID_SPEC, refused.to_string()),
    };
    // The session first: runners that come up find the collector waiting for them.
    let Some(session) = &situation.session else {
        return Decision::first(base(run), Effect::OpenSession);
    };
    if session.t0.is_some() {
        // An operator died before it could note that the Job was made, and somebody deleted the Job.
        let message = format!("Job {} vanished: somebody deleted it; all of the load is missing", plan.job());
        return error(situation, reasons::RUNNER_LOST, message);
    }
    let mut decision = prepared(situation);
    decision.effects.splice(0..0, [Effect::ApplyGroundwork(objects.clone()), Effect::CreateJob(objects)]);
    decision
}

/// Whether there is no such target: there is nothing to have a place on.
fn is_absent(situation: &Situation) -> bool {
    situation.target.as_ref().is_some_and(Target::is_absent)
}

/// How long it has been the run's turn.
fn waited(situation: &Situation) -> Duration {
    let status = situation.run.status.as_ref();
    let since = status.and_then(|status| status.phase_start_time.as_ref()).map(|time| time.0);
    // The wait for its turn is none for the target to settle.
    let since = since.filter(|_| !status.is_some_and(awaits_turn));
    since.map_or(Duration::ZERO, |since| validate::since(since, situation.now))
}

/// Something that the run needs could not be made, and perhaps can be later.
fn delayed(situation: &Situation, why: &str) -> Decision {
    let deadline = match &situation.plan {
        Some(Ok(plan)) => plan.test().deadlines.prepare,
        // One that was made by hand has no test yet.
        _ => Deadlines::default().prepare,
    };
    let is_first = !situation.run.status.as_ref().is_some_and(is_retrying);
    let waited = if is_first { Duration::ZERO } else { waited(situation) };
    if waited >= deadline.0 {
        return ended_by(situation, &overdue(deadline, why));
    }
    let mut state = base(&situation.run);
    retry(&mut state, why, situation.now);
    Decision::new(state, vec![Effect::WriteStatus], Look::After(next_look(waited, [deadline])))
}

/// There is a Job.
fn prepared(situation: &Situation) -> Decision {
    let mut state = base(&situation.run);
    let runners = match &situation.plan {
        Some(Ok(plan)) => plan.content.runners,
        _ => 1,
    };
    let message = match runners {
        1 => "creating 1 runner pod".into(),
        runners => format!("creating {runners} runner pods"),
    };
    in_phase(&mut state, Phase::Preparing, None, &message, situation.now);
    Decision::new(state, vec![Effect::WriteStatus], Look::After(NEXT_LOOK))
}

/// When a run looks again that has waited so long for its target: not later than its time is up.
fn target_look(test: &LoadTestSpec, waited: Duration) -> Duration {
    let idle = test.autoscaling.as_ref().and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
    next_look(waited, [test.deadlines.prepare].into_iter().chain(idle.map(|idle| idle.timeout)))
}

fn next_look(waited: Duration, limits: impl IntoIterator<Item = TimeSpan>) -> Duration {
    let usual = TARGET_LOOKS.into_iter().find(|(until, _)| waited < *until).map(|(_, look)| look);
    let left = limits.into_iter().map(|limit| limit.0.saturating_sub(waited)).filter(|left| !left.is_zero());
    usual.into_iter().chain(left).min().unwrap_or(NEXT_LOOK)
}

fn wait(situation: &Situation, message: &str, look: Duration) -> Decision {
    let mut state = base(&situation.run);
    in_phase(&mut state, Phase::Pending, None, message, situation.now);
    Decision::new(state, vec![Effect::WriteStatus], Look::After(look))
}

fn queue(situation: &Situation, reason: &str, message: &str, first: Option<Effect>) -> Decision {
    let mut state = base(&situation.run);
    awaiting_turn(&mut state, reason, message, situation.now);
    let effects = first.into_iter().chain([Effect::WriteStatus]).collect();
    Decision::new(state, effects, Look::After(QUEUE_LOOK))
}

fn error(situation: &Situation, reason: &str, message: impl Into<String>) -> Decision {
    let outcome = Outcome { verdict: Verdict::Error, reason: reason.into(), message: message.into() };
    ended(situation, &outcome)
}
