//! The conditions by which `kubectl wait`, Flux and Argo CD follow a test or a run.
//!
//! One place computes them for both kinds, from the state that the object is in. `Reconciling` and
//! `Stalled` are abnormal-true as kstatus has it: absent when there is nothing to say. `Complete` and
//! `Failed` are there only once there is a verdict, so that a rerun takes them away.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use upsurge_crds::{
    conditions::{clear, set},
    names::{
        conditions::{COMPLETE, FAILED, READY, RECONCILING, STALLED},
        reasons,
    },
    v1alpha1::Verdict,
};

/// The state of a test or run, as far as conditions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// Work goes on (or waits for its turn) and nothing is wrong.
    Working {
        /// What goes on: the name of the phase.
        reason: &'a str,
        /// The same in a sentence.
        message: &'a str,
    },
    /// Work goes on after a temporary error.
    Retrying {
        /// The error and when it is tried again.
        message: &'a str,
    },
    /// Nothing goes on because the spec says so.
    Suspended {
        /// What is held.
        message: &'a str,
    },
    /// Nothing can go on until somebody changes the spec; nothing was run.
    Refused {
        /// What is wrong, in one word.
        reason: &'a str,
        /// The same in a sentence, with the field's path.
        message: &'a str,
    },
    /// The run has its verdict.
    Finished {
        /// The verdict.
        verdict: Verdict,
        /// Why, in one word.
        reason: &'a str,
        /// The same in a sentence, with numbers.
        message: &'a str,
    },
}

/// Brings the conditions in line with the state. Applying the same state again changes nothing.
pub fn apply(conditions: &mut Vec<Condition>, state: &State<'_>, generation: Option<i64>, now: Timestamp) {
    let wanted = wanted(state);
    for type_ in [READY, RECONCILING, STALLED, COMPLETE, FAILED] {
        match wanted.iter().find(|condition| condition.type_ == type_) {
            Some(Wanted { status, reason, message, .. }) => {
                set(conditions, type_, *status, reason, message, generation, now);
            }
            None => clear(conditions, type_),
        }
    }
}

struct Wanted<'a> {
    type_: &'static str,
    status: bool,
    reason: &'a str,
    message: &'a str,
}

fn wanted<'a>(state: &State<'a>) -> Vec<Wanted<'a>> {
    let condition = |type_, status, reason, message| Wanted { type_, status, reason, message };
    match *state {
        State::Working { reason, message } => {
            vec![condition(READY, false, reason, message), condition(RECONCILING, true, reason, message)]
        }
        State::Retrying { message } => vec![
            condition(READY, false, reasons::RETRYING, message),
            condition(RECONCILING, true, PROGRESSING_WITH_RETRY, message),
        ],
        State::Suspended { message } => vec![condition(READY, false, reasons::SUSPENDED, message)],
        State::Refused { reason, message } => {
            vec![condition(READY, false, reason, message), condition(STALLED, true, reason, message)]
        }
        State::Finished { verdict: Verdict::Passed, reason, message } => {
            vec![condition(READY, true, reason, message), condition(COMPLETE, true, reason, message)]
        }
        State::Finished { reason, message, .. } => vec![
            condition(READY, false, reason, message),
            condition(STALLED, true, reason, message),
            condition(COMPLETE, true, reason, message),
            condition(FAILED, true, reason, message),
        ],
    }
}

/// Reason by which Flux knows that work goes on after an error.
const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";
