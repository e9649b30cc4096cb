// SPDX-License-Identifier: Apache-2.0
//! How many replicas served while a probe was measured.

use jiff::Timestamp;
use upsurge_figures::{observation::levels, workload::Workload};

/// How the replicas of a workload stood over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// So many served all the time.
    Still(u32),
    /// Their number changed.
    Moved,
    /// They were seen, but not all the time.
    Gap,
    /// They were never seen.
    Unseen,
}

/// How the replicas of a workload stood from one instant to another.
pub fn standing(workload: &Workload, from: Timestamp, to: Timestamp) -> Standing {
    let steps = levels(workload.log());
    let first = steps.partition_point(|(at, _)| *at <= from).saturating_sub(1);
    let within = steps.iter().skip(first).take_while(|(at, _)| *at < to);
    let mut serving: Vec<Option<u32>> = within.map(|(_, levels)| levels.serving).collect();
    if steps.first().is_none_or(|(at, _)| *at > from) {
        // Nothing is known of its begin.
        serving.push(None);
    }
    serving.dedup();
    match serving.as_slice() {
        [Some(replicas)] => Standing::Still(*replicas),
        all if all.iter().all(Option::is_none) => Standing::Unseen,
        all if all.contains(&None) => Standing::Gap,
        _ => Standing::Moved,
    }
}
