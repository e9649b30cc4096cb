// SPDX-License-Identifier: Apache-2.0
//! Holding the target at the replicas, or its pods at the size, that an epoch wishes for, before its load begins: before there is
//! a Job for the first one, and before an epoch is finished for the one that follows. No runner hears of an epoch whose target is
//! not as it should be.

use std::time::Duration;

use upsurge_core::{
    epochs::{Epoch, Next as NextEpoch},
    pinning::{self, Next, Wish},
    verdict::Outcome,
};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{LoadTestRunStatus, Phase, Verdict},
};
use upsurge_figures::observation::Levels;

use super::{Decision, Effect, Look, Situation, ended};
use crate::load_test_run::{
    pinning::{Scaler, advice, is_kept},
    plan::Plan,
    progress::{Cause, Facts},
    results,
    update_status::{base, in_phase},
    validate,
};

/// Time between two looks at pods that come or go.
const LOOK: Duration = Duration::from_secs(1);

/// How a target stands that is to be held.
enum Standing {
    /// All is as it should be.
    Held,
    /// This comes first.
    Do(Box<Decision>),
    /// It will not be; why.
    Never(String),
}

/// What comes before the load of the first epoch; `None` if there is nothing more to do.
pub(super) fn first(situation: &Situation, plan: &Plan) -> Option<Decision> {
    let epoch = plan.epochs()?.under_way(&[]);
    if !epoch.holds() {
        return None;
    }
    match held(situation, plan, &epoch) {
        Standing::Held => None,
        Standing::Do(decision) => Some(*decision),
        Standing::Never(message) => {
            // What the test says of the workload is wrong, and not what the workload does.
            let is_unfit = situation.scaler.as_ref().is_some_and(|scaler| scaler.is_unfit);
            let (verdict, reason) = match is_unfit {
                true => (Verdict::Error, reasons::INVALID_SPEC),
                false => (Verdict::Inconclusive, reasons::TARGET_NOT_READY),
            };
            Some(ended(situation, &Outcome { verdict, reason: reason.into(), message }))
        }
    }
}

/// Why a run may not set the replicas of its target, or the size of its pods, if it is to.
pub(super) fn forbidden(situation: &Situation, plan: &Plan) -> Option<Outcome> {
    let sets = plan.epochs().is_some_and(|epochs| epochs.set_replicas());
    if !sets || situation.may_set_replicas {
        return None;
    }
    let namespace = &plan.content.namespace;
    let message = format!(
        "{} sets {} of {}, which the operator may not do in namespace {namespace}: {}",
        asked(plan),
        what_is_set(plan),
        named(plan),
        advice(namespace)
    );
    Some(Outcome { verdict: Verdict::Error, reason: reasons::PINNING_FORBIDDEN.into(), message })
}

/// What comes when an epoch is over.
pub(super) enum Following {
    /// It is finished by this, if it is one of several.
    Finish(Option<Effect>),
    /// The target has to be made ready for the one that follows.
    Prepare(Box<Decision>),
    /// None can follow.
    Stop(Cause),
}

/// What comes when an epoch is over.
pub(super) fn following(situation: &Situation, facts: &Facts<'_>) -> Following {
    let Some(finished) = results::finished(facts.plan, facts.session) else { return Following::Finish(None) };
    let next = facts.session.epochs.as_ref().zip(facts.plan.epochs()).and_then(|(view, epochs)| {
        let mut history = view.history.clone();
        history.push(finished.result.clone());
        match epochs.decide(&history) {
            NextEpoch::Epoch(epoch) => Some(epoch).filter(Epoch::holds),
            NextEpoch::Done(_) => None,
        }
    });
    let finish = Following::Finish(Some(Effect::FinishEpoch(Box::new(finished))));
    let Some(epoch) = next else { return finish };
    match held(situation, facts.plan, &epoch) {
        Standing::Held => finish,
        _ if facts.abort => Following::Stop(Cause::aborted()),
        Standing::Do(decision) => Following::Prepare(decision),
        Standing::Never(message) => Following::Stop(Cause::breakdown(reasons::TARGET_NOT_READY, message)),
    }
}

/// What an epoch wishes for, of a target that stands like this; `None` of a size, if there is no container that could have it.
fn wish(epoch: &Epoch, plan: &Plan, state: &LoadTestRunStatus, scaler: &Scaler) -> Option<Wish> {
    let number = i32::try_from(epoch.number).unwrap_or(i32::MAX);
    if let Some(replicas) = epoch.replicas {
        let replicas = i32::try_from(replicas).unwrap_or(i32::MAX);
        return Some(Wish { epoch: number, replicas, size: None });
    }
    let size = plan.sizes()?.sizes.iter().find(|size| epoch.size.as_ref() == Some(&size.name))?;
    let objects = || scaler.present.iter().map(|one| &one.object);
    let container = objects().find_map(|object| object.container.as_ref())?;
    // At the replicas that there were first: an autoscaler may have set others since, until it was held.
    let known = state.pinning.as_ref().map(|known| known.replicas);
    let replicas = known.or_else(|| objects().find_map(|object| object.replicas))?;
    Some(Wish { epoch: number, replicas, size: Some(pinning::sized(&container.name, size)) })
}

/// What is wished for, in words.
fn in_words(epoch: &Epoch, wish: &Wish) -> String {
    let size = epoch.size.as_ref().map(|size| format!(" of size {size}")).unwrap_or_default();
    format!("{} replicas{size}", wish.replicas)
}

fn held(situation: &Situation, plan: &Plan, epoch: &Epoch) -> Standing {
    let mut state = base(&situation.run);
    if !situation.may_set_replicas {
        // Not any more: a run that never might has ended before.
        let (what, namespace) = (what_is_set(plan), &plan.content.namespace);
        return Standing::Never(format!("the operator may not set {what} any more: {}", advice(namespace)));
    }
    let Some(scaler) = &situation.scaler else {
        // Nobody has looked: look again.
        return Standing::Do(Box::new(Decision::new(state, Vec::new(), Look::After(LOOK))));
    };
    if let Some(problem) = &scaler.problem {
        return Standing::Never(problem.clone());
    }
    let Some(wish) = wish(epoch, plan, &state, scaler) else {
        return Standing::Never(format!("{} has no container any more whose size could be set", named(plan)));
    };
    if wish.size.is_some() && wish.replicas < 1 {
        return Standing::Never(format!(
            "{} has no replicas, and a size is measured with those that there are: scale it to one at least",
            named(plan)
        ));
    }
    let (overdue, wished) = (overdue(&state, situation, plan, &wish), in_words(epoch, &wish));
    match pinning::pin(state.pinning.as_deref(), &scaler.present, &wish, situation.now) {
        Next::Held if is_ready(scaler, wish.replicas) => Standing::Held,
        Next::Held => wait(state, situation, plan, &wished, scaler, overdue),
        // Something undoes it each time.
        Next::Note(_) | Next::Change(_) if overdue.is_some() => Standing::Never(format!(
            "{}{} does not stay at {wished}: something else sets them",
            overdue.unwrap_or_default(),
            named(plan)
        )),
        Next::Note(noted) => {
            // Before anything is changed it must be known what is to be put back.
            state.pinning = Some(noted);
            tell(&mut state, &format!("setting {} to {wished}", named(plan)), situation);
            Standing::Do(Box::new(Decision::new(state, vec![Effect::WriteStatus], Look::Now)))
        }
        // And the run must not go before that is done.
        Next::Change(_) if !is_kept(&situation.run) => {
            Standing::Do(Box::new(Decision::first(state, Effect::KeepRun)))
        }
        Next::Change(changes) => Standing::Do(Box::new(Decision::first(state, Effect::SetReplicas(changes)))),
    }
}

/// That the time is up in which a target is to be held so; `None` before.
fn overdue(state: &LoadTestRunStatus, situation: &Situation, plan: &Plan, wish: &Wish) -> Option<String> {
    let limit = plan.test().deadlines.prepare;
    // By its epoch alone: what was asked for before may have to be carried out first.
    let noted = state.pinning.as_ref().filter(|noted| noted.epoch == wish.epoch);
    let since = noted?.since.as_ref()?.0;
    let is_over = validate::since(since, situation.now) >= limit.0;
    is_over.then(|| format!("spec.deadlines.prepare of {limit} has passed: "))
}

/// As many as are wished for are there and ready, and no others; and all of them have the size that is set, if one is.
fn is_ready(scaler: &Scaler, replicas: i32) -> bool {
    let (Levels { asked, existing, ready, .. }, replicas) = (&scaler.levels, u32::try_from(replicas).ok());
    scaler.rollout.is_none() && [asked, existing, ready].into_iter().all(|count| *count == replicas)
}

fn wait(
    mut state: LoadTestRunStatus,
    situation: &Situation,
    plan: &Plan,
    wished: &str,
    scaler: &Scaler,
    overdue: Option<String>,
) -> Standing {
    let limit = plan.test().deadlines.prepare;
    let counted =
        |count: Option<u32>| count.map_or_else(|| "an unknown number".to_owned(), |count| count.to_string());
    let (existing, ready) = (counted(scaler.levels.existing), counted(scaler.levels.ready));
    let why = scaler.trouble.as_ref().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
    let rollout = scaler.rollout.as_ref().map(|rollout| format!("; {rollout}")).unwrap_or_default();
    let standing =
        format!("{} has {existing} replicas, of which {ready} are ready{why}{rollout}", named(plan));
    if let Some(overdue) = overdue {
        return Standing::Never(format!("{overdue}it was set to {wished}, and {standing}"));
    }
    let message = format!("waiting at most {limit} for {wished} to be ready: {standing}");
    tell(&mut state, &message, situation);
    Standing::Do(Box::new(Decision::new(state, vec![Effect::WriteStatus], Look::After(LOOK))))
}

/// The phase goes on, and says what for.
fn tell(state: &mut LoadTestRunStatus, message: &str, situation: &Situation) {
    let phase = state.phase.unwrap_or(Phase::Pending);
    let cause = Cause::of(state);
    in_phase(state, phase, cause.as_ref(), message, situation.now);
}

/// What a run sets of its target.
fn what_is_set(plan: &Plan) -> &'static str {
    if plan.sizes().is_some() { "the replicas and the size of pods" } else { "the replicas" }
}

/// The field that asks for it. The load of an epoch does not say it, that of the whole test does.
fn asked(plan: &Plan) -> &'static str {
    let load = plan.whole.as_ref().map(|whole| &whole.test.load);
    match load.is_some_and(|load| load.scalability.is_some()) {
        true => "spec.load.scalability",
        false => "spec.load.capacity.find MinReplicas",
    }
}

fn named(plan: &Plan) -> String {
    let workload = plan.test().target.workload();
    workload
        .map_or_else(|| "the target".to_owned(), |workload| format!("{}/{}", workload.kind, workload.name))
}
