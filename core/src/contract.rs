// SPDX-License-Identifier: Apache-2.0
//! The conditions by which `kubectl wait`, Flux and Argo CD follow a test or a run.
//!
//! One place computes them for both kinds, from the state that the object is in. `Reconciling` and
//! `Stalled` are abnormal-true as kstatus has it: absent when there is nothing to say. `Complete` and
//! `Failed` are there only once nothing more comes by itself, so that a rerun takes them away: there is a verdict, or the spec
//! can't be run. So whoever waits for `Complete` does not wait for a run that never comes.

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
        State::Refused { reason, message } => ended_badly(reason, message),
        State::Finished { verdict: Verdict::Passed, reason, message } => {
            vec![condition(READY, true, reason, message), condition(COMPLETE, true, reason, message)]
        }
        State::Finished { reason, message, .. } => ended_badly(reason, message),
    }
}

fn ended_badly<'a>(reason: &'a str, message: &'a str) -> Vec<Wanted<'a>> {
    let all = [(READY, false), (STALLED, true), (COMPLETE, true), (FAILED, true)];
    all.into_iter().map(|(type_, status)| Wanted { type_, status, reason, message }).collect()
}

/// Reason by which Flux knows that work goes on after an error.
const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const WORKING: State<'_> = State::Working { reason: "Running", message: "50 % done" };

    fn passed() -> State<'static> {
        State::Finished { verdict: Verdict::Passed, reason: "ThresholdsMet", message: "" }
    }

    fn finished(verdict: Verdict) -> State<'static> {
        State::Finished { verdict, reason: "ThresholdsBreached", message: "p95" }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shown(conditions: &[Condition]) -> Vec<String> {
        let mut shown: Vec<_> =
            conditions.iter().map(|c| format!("{}={}:{}", c.type_, c.status, c.reason)).collect();
        shown.sort();
        shown
    }

    #[rstest]
    #[case::working(WORKING, &["Ready=False:Running", "Reconciling=True:Running"])]
    #[case::retrying(State::Retrying { message: "conflict" },
        &["Ready=False:Retrying", "Reconciling=True:ProgressingWithRetry"])]
    #[case::suspended(State::Suspended { message: "" }, &["Ready=False:Suspended"])]
    #[case::refused(State::Refused { reason: "InvalidSpec", message: "spec.load" },
        &["Complete=True:InvalidSpec", "Failed=True:InvalidSpec", "Ready=False:InvalidSpec", "Stalled=True:InvalidSpec"])]
    #[case::passed(passed(), &["Complete=True:ThresholdsMet", "Ready=True:ThresholdsMet"])]
    #[case::failed(finished(Verdict::Failed), &["Complete=True:ThresholdsBreached", "Failed=True:ThresholdsBreached",
        "Ready=False:ThresholdsBreached", "Stalled=True:ThresholdsBreached"])]
    fn each_state_has_its_conditions_whatever_was_before(
        #[case] state: State<'_>,
        #[case] expected: &[&str],
    ) {
        for before in [None, Some(WORKING), Some(passed()), Some(finished(Verdict::Error))] {
            let mut conditions = Vec::new();
            if let Some(before) = before {
                apply(&mut conditions, &before, Some(1), at(0));
            }
            apply(&mut conditions, &state, Some(2), at(1));
            assert_eq!(shown(&conditions), expected);
            assert!(conditions.iter().all(|condition| condition.observed_generation == Some(2)));
        }
    }

    #[rstest]
    fn every_verdict_but_passed_is_stalled_and_failed(
        #[values(Verdict::Failed, Verdict::Error, Verdict::Inconclusive, Verdict::Aborted)] verdict: Verdict,
    ) {
        let mut conditions = Vec::new();
        apply(&mut conditions, &finished(verdict), None, at(0));
        assert_eq!(conditions.iter().filter(|condition| condition.status == "True").count(), 3);
    }

    #[test]
    fn the_same_state_again_changes_nothing() {
        let mut conditions = Vec::new();
        apply(&mut conditions, &finished(Verdict::Failed), Some(1), at(0));
        let before = conditions.clone();
        apply(&mut conditions, &finished(Verdict::Failed), Some(1), at(9));
        assert_eq!(conditions, before);
    }
}
