// SPDX-License-Identifier: Apache-2.0
//! What a search has found, and what is to be said against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Find, Outcome, Probe, Search,
    votes::{Standing, Votes},
};

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The level that was looked for; absent if no level passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// The next level, which did not pass: the truth lies between the two. Absent if there is none on the ladder, so that the
    /// truth may lie beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<f64>,
    /// What was missed there, most often first; why nothing could be said there, if that is what kept the search from going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Whether the search ended at a level of which nothing could be said: then `level` is what was shown, and more may be possible.
    pub inconclusive: bool,
    /// What speaks against one clear turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsteady: Vec<Unsteady>,
    /// Probes that were made.
    pub probes: u32,
}

/// Something that a target with one clear turn doesn't show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Unsteady {
    /// A level passed and failed.
    Noisy {
        /// The level.
        level: f64,
    },
    /// A higher rate passed, or fewer replicas did, although this level failed.
    NotMonotonic {
        /// The level that failed.
        failed: f64,
        /// The harder one that passed.
        passed: f64,
    },
}

/// The result, with the turn between two steps.
pub(super) fn result(
    search: &Search,
    votes: &Votes,
    history: &[Probe],
    (low, high): (Option<usize>, Option<usize>),
) -> Found {
    let level = |step: usize| search.ladder.levels().get(step).copied();
    let (passed, failed) = match search.find {
        Find::MaxRate => (low, high),
        Find::MinReplicas => (high.filter(|step| votes.standing(*step) == Standing::Passes), low),
    };
    let inconclusive = high.is_some_and(|step| votes.standing(step) == Standing::Blind);
    let told = if inconclusive { high } else { failed };
    Found {
        level: passed.and_then(level),
        failed: failed.and_then(level),
        limit: told.and_then(|step| most_often(history, step, inconclusive)),
        inconclusive,
        unsteady: unsteady(search, votes),
        probes: u32::try_from(
            votes.steps().map(|(_, vote)| (vote.passes + vote.failures + vote.blind) as usize).sum::<usize>(),
        )
        .unwrap_or(u32::MAX),
    }
}

/// What was said most often of a step that didn't pass: why it failed, or why nothing could be said of it.
fn most_often(history: &[Probe], step: usize, inconclusive: bool) -> Option<String> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for probe in history.iter().filter(|probe| probe.step == step) {
        match &probe.outcome {
            Outcome::Fail { limit: text } if !inconclusive => *counts.entry(text).or_default() += 1,
            Outcome::Inconclusive { reason: text } if inconclusive => *counts.entry(text).or_default() += 1,
            _ => {}
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(text, _)| text.to_owned())
}

fn unsteady(search: &Search, votes: &Votes) -> Vec<Unsteady> {
    let level = |step: usize| search.ladder.levels().get(step).copied().unwrap_or_default();
    let noisy = votes.steps().filter(|(_, vote)| vote.passes > 0 && vote.failures > 0);
    let noisy = noisy.map(|(step, _)| Unsteady::Noisy { level: level(step) });
    // From the easiest to the hardest: once one has failed, none should pass.
    let mut steps: Vec<usize> = votes.steps().map(|(step, _)| step).collect();
    if search.find == Find::MinReplicas {
        steps.reverse();
    }
    let first_failed = steps.iter().position(|step| votes.standing(*step) == Standing::Fails);
    let beyond = first_failed.map(|place| (steps[place], &steps[place + 1..]));
    let crossed = beyond.into_iter().flat_map(|(failed, harder)| {
        let passed = harder.iter().filter(|step| votes.standing(**step) == Standing::Passes);
        passed.map(move |step| Unsteady::NotMonotonic { failed: level(failed), passed: level(*step) })
    });
    noisy.chain(crossed).collect()
}
