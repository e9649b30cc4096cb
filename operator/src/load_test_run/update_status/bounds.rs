// SPDX-License-Identifier: Apache-2.0
//! Keeps a status small, whatever a test is made of: at most 64 KiB, and what is left out is said. Pure.
//!
//! Each list has a greatest length, as in the schema; beyond it, what tells most is kept ([`lists`]). If the whole is
//! still too large, the largest lists are halved, those that the verdict rests on at last.

mod keep;
mod lists;

use upsurge_crds::v1alpha1::LoadTestRunStatus;

use self::lists::{LISTS, List, WORKLOADS};
use crate::status::texts;

/// Largest status in bytes of JSON.
const LARGEST: usize = 64 * 1_024;
/// Entries that a list keeps as long as another one has more, when the whole is too large.
const FEW: usize = 4;

/// The status within its bounds. Doing it again changes nothing.
pub fn bounded(mut status: LoadTestRunStatus) -> LoadTestRunStatus {
    for list in &LISTS {
        list.shorten(&mut status, list.most);
    }
    shrink(texts::bounded(status))
}

fn shrink(mut status: LoadTestRunStatus) -> LoadTestRunStatus {
    while size(&status) > LARGEST {
        let Some((list, entries)) = largest(&status) else { break };
        list.shorten(&mut status, entries / 2);
    }
    status
}

/// The list that gives most room, and its entries. Nothing goes down to a few entries before all others have, nothing
/// vanishes as long as another one has more than one, and what the verdict rests on goes last. A workload has lists of its own, which
/// all go down to a few before one of several workloads vanishes.
fn largest(status: &LoadTestRunStatus) -> Option<(&'static List, usize)> {
    let measured = LISTS.iter().map(|list| (list, (list.measure)(status)));
    let filled = measured.filter(|(_, (entries, _))| *entries > 0);
    let largest = filled.max_by_key(|(list, (entries, bytes))| {
        let are_many = *entries > FEW && list.name != WORKLOADS;
        (are_many, *entries > 1, !list.decides, *bytes)
    });
    largest.map(|(list, (entries, _))| (list, entries))
}

fn size(status: &LoadTestRunStatus) -> usize {
    serde_json::to_string(status).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests;
