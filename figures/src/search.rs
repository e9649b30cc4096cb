// SPDX-License-Identifier: Apache-2.0
//! A search for the highest rate that a target serves, or for the fewest replicas that serve a rate.
//!
//! [`decide`] is a function of what was asked for and of the probes that are finished: it names the next probe or the result.
//! Nothing else is remembered, so whoever is killed between two probes goes on with the same one and repeats none. Levels are
//! steps of a [`Ladder`]; the search climbs it by doubling until the outcome turns, then halves, so that a target is
//! never loaded with more than twice what it has shown to carry. Both levels at the turn are probed `repeats` times and the
//! majority counts; if that moves the turn, the search goes on from there.
//!
//! The run's epochs are its probes: `core::epochs` makes a history of them, and the next epoch of a probe that is due.

mod ladder;
mod result;
#[cfg(test)]
mod tests;
mod votes;

pub use ladder::{Ladder, LadderError};
pub use result::{Found, Unsteady};

use serde::{Deserialize, Serialize};

use result::result;
use votes::{Standing, Votes};

/// Tries at one level that may say nothing before the level is given up.
pub const TRIES: u32 = 3;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Find {
    /// The highest level that passes, where lower ones pass, too.
    MaxRate,
    /// The lowest level that passes, where higher ones pass, too.
    MinReplicas,
}

impl Find {
    /// The outcome that lower levels have.
    fn below(self) -> Standing {
        match self {
            Self::MaxRate => Standing::Passes,
            Self::MinReplicas => Standing::Fails,
        }
    }
}

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What is looked for.
    pub find: Find,
    /// The levels.
    pub ladder: Ladder,
    /// How often each of the two levels at the turn is probed, unless fewer make a majority already. At least 1.
    pub repeats: u32,
}

/// A probe that is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Step of the ladder, from 0.
    pub step: usize,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// All thresholds were met.
    Pass,
    /// One was not.
    Fail {
        /// The figure that was missed first, for example `http_req_duration p(95) < 200ms`.
        limit: String,
    },
    /// It says nothing about the target.
    Inconclusive {
        /// Why, for example that the generator was the limit.
        reason: String,
    },
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// A probe.
    Next {
        /// Step of the ladder.
        step: usize,
        /// Its level.
        level: f64,
    },
    /// The search is over.
    Done(Found),
}

/// Decides what comes after these probes. Those of steps that the ladder doesn't have are of another search and don't count.
pub fn decide(search: &Search, history: &[Probe]) -> Decision {
    let votes = Votes::count(search, history);
    let levels = search.ladder.levels();
    let (low, high) = turn(search, &votes);
    let due = match (low, high) {
        (None, None) => Some(0),
        // The lowest level was of one kind once and of the other once: whether the turn lies below all of them isn't known.
        (None, Some(high)) if high > 0 => Some(0),
        // Still climbing.
        (Some(low), None) if low + 1 < levels.len() => Some(search.ladder.doubled(low)),
        (Some(low), Some(high)) if high - low > 1 => Some(low + (high - low) / 2),
        // The turn: what isn't sure of it yet, lower level first.
        (low, high) => low.into_iter().chain(high).find(|step| !votes.is_settled(*step)),
    };
    let next = due.and_then(|step| Some(Decision::Next { step, level: *levels.get(step)? }));
    next.unwrap_or_else(|| Decision::Done(result(search, &votes, history, (low, high))))
}

/// What is known after these probes, for a search that goes no further.
pub fn so_far(search: &Search, history: &[Probe]) -> Found {
    let votes = Votes::count(search, history);
    result(search, &votes, history, turn(search, &votes))
}

/// The highest step below which no step is known to be of the other kind, and the lowest that is.
fn turn(search: &Search, votes: &Votes) -> (Option<usize>, Option<usize>) {
    let steps = 0..search.ladder.levels().len();
    let below = search.find.below();
    // A level that gives no answer, however often, is one that the search can't get beyond.
    let high = steps
        .clone()
        .find(|step| !matches!(votes.standing(*step), Standing::Open) && votes.standing(*step) != below);
    let low = steps.rev().find(|step| votes.standing(*step) == below && high.is_none_or(|high| *step < high));
    (low, high)
}
