// SPDX-License-Identifier: Apache-2.0
//! The record of a run that is about to finish: it is written before the status says so, and when that fails, the verdict waits for it, but
//! not for long. It changes no verdict. What the run had set at its target is put back by then.

use std::sync::Arc;

use upsurge_core::series::SeriesAnswer;
use upsurge_crds::{
    conditions,
    names::{conditions::RECORD_NOT_KEPT, reasons},
    v1alpha1::LoadTestRunStatus,
};

use super::{Decision, Effect, Look, Situation};
use crate::{
    load_test_run::{
        progress::Facts,
        update_status::{base, in_phase},
    },
    records::{Ended, Keeping, document},
};

/// Whether the verdict of a run is known and only its record is waited for, as far as its status tells. Who asks then to stop asks not to
/// wait any longer: there is nothing else left to stop, and the verdict is what it is.
pub(super) fn is_waited_for(state: &LoadTestRunStatus) -> bool {
    let told = conditions::find(&state.conditions, RECORD_NOT_KEPT);
    told.is_some_and(|condition| condition.reason == reasons::RECORD_NOT_WRITTEN)
}

/// What is said as long as the record can't be written; `None` if there is nothing to wait for.
pub(super) fn waits(situation: &Situation, facts: &Facts<'_>) -> Option<Decision> {
    let Keeping::Waits { why, wait } = &situation.record else { return None };
    let mut state = base(&situation.run);
    if is_unwanted(situation, facts, &state) {
        return None;
    }
    let message = "keeping the record of the run";
    in_phase(&mut state, facts.phase, facts.cause, message, situation.now);
    let told = format!("the record of the run can't be written, and is tried again: {why}");
    note(situation, &mut state, reasons::RECORD_NOT_WRITTEN, &told);
    Some(Decision::new(state, vec![Effect::WriteStatus], Look::After(*wait)))
}

/// What is to be done for the record of a run before its status says that it has ended like this.
pub(super) fn kept(
    situation: &Situation,
    facts: &Facts<'_>,
    series: &[SeriesAnswer],
    state: &mut LoadTestRunStatus,
) -> Option<Effect> {
    match &situation.record {
        Keeping::Off => None,
        Keeping::Waits { why, .. } => {
            let told = format!(
                "the record of the run was given up, as spec.abort was set meanwhile, so there are no reports of it: {why}"
            );
            note(situation, state, reasons::RECORD_GIVEN_UP, &told);
            None
        }
        Keeping::GivenUp { tries, why } => {
            let tries = if *tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
            let told = format!(
                "the record of the run was given up after {tries}, so there are no reports of it: {why}"
            );
            note(situation, state, reasons::RECORD_GIVEN_UP, &told);
            None
        }
        Keeping::Due => {
            conditions::clear(&mut state.conditions, RECORD_NOT_KEPT);
            let plan = facts.plan;
            let test = plan.whole.as_ref().map_or(&plan.content.test, |whole| &whole.test);
            let ended = Ended {
                run: &situation.run,
                status: state,
                test,
                plan: &plan.content,
                valid: &plan.valid,
                epochs: plan.epochs(),
                session: facts.session,
                series,
                cluster_version: situation.cluster_version.as_deref(),
                now: situation.now,
            };
            Some(Effect::KeepRecord(Arc::new(document(&ended))))
        }
    }
}

/// That there is none of a run whose results are lost.
pub(super) fn lost(situation: &Situation, state: &mut LoadTestRunStatus, why: &str) {
    if situation.record != Keeping::Off {
        let told = format!("what the record of the run would have been made of is lost: {why}");
        note(situation, state, reasons::RECORD_GIVEN_UP, &told);
    }
}

/// Whether somebody asked not to wait for the record. Who had the run aborted before its results were in did not: that has ended the run. While
/// its target is put back there is nothing else to stop either, so it counts from then on.
fn is_unwanted(situation: &Situation, facts: &Facts<'_>, state: &LoadTestRunStatus) -> bool {
    situation.run.spec.abort && facts.cause.is_none() && is_waited_for(state)
}

fn note(situation: &Situation, state: &mut LoadTestRunStatus, reason: &str, message: &str) {
    let (generation, now) = (situation.run.metadata.generation, situation.now);
    conditions::set(&mut state.conditions, RECORD_NOT_KEPT, true, reason, message, generation, now);
}
