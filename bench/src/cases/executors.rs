// SPDX-License-Identifier: Apache-2.0
//! k6's executors, carried out by k6 twice and by Upsurge, side by side: do they count the same? Option sets are
//! such that a few milliseconds more or less per iteration make no difference.

mod sets;

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Bench, Name};
use crate::{
    measure::Core,
    peers::{Job, Said, Task},
    results::{Case, Goal},
};

/// Where an iteration falls at the very edge of a stage, one tool may count it and the other not.
const ROUNDING: u64 = 2;
const LIMIT: Duration = Duration::from_secs(90);

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how =
        "Each option set runs three times at once: by k6, by k6 again, and by Upsurge. Cells are k6 / k6 / \
               Upsurge; a figure is the same if it lies within what k6's two runs differ by, and 2."
            .to_owned();
    let mut case = bench.case(Name::Executors, "k6's executors", how);
    case.rounds = 1;
    case.columns =
        ["options", "iterations", "dropped_iterations", "http_reqs", "vus", ""].map(str::to_owned).into();
    let (mut differing, mut samples) = (0, Vec::new());
    for set in sets::all() {
        let Some(said) = side_by_side(bench, &set)? else { continue };
        let figures: [(&str, [u64; 3]); 4] = [
            ("iterations", said.each_ref().map(|said| said.iterations.unwrap_or(0))),
            ("dropped_iterations", said.each_ref().map(|said| said.dropped.unwrap_or(0))),
            ("http_reqs", said.each_ref().map(|said| said.requests)),
            ("vus", said.each_ref().map(|said| said.users.unwrap_or(0))),
        ];
        let others: Vec<&str> =
            figures.iter().filter(|(_, counts)| !is_same(*counts)).map(|(name, _)| *name).collect();
        eprintln!(
            "bench: executors, {}: {}",
            set.name,
            if others.is_empty() { "the same".into() } else { others.join(", ") }
        );
        differing += others.len();
        let mut row = vec![set.name.to_owned()];
        row.extend(figures.iter().map(|(_, [first, second, ours])| format!("{first} / {second} / {ours}")));
        row.push(if others.is_empty() {
            "same".into()
        } else {
            format!("**differs**: {}", others.join(", "))
        });
        case.rows.push(row);
        samples.push(json!({"set": set.name, "scenarios": set.scenarios, "said": said}));
    }
    if !samples.is_empty() {
        case.goals.extend(Goal::new(
            "ten option sets: figures that differ from k6's",
            "figures",
            0.0,
            &[f64::from(u32::try_from(differing)?)],
        ));
    }
    case.samples = samples.into();
    Ok(case)
}

fn is_same([first, second, ours]: [u64; 3]) -> bool {
    let (low, high) = (first.min(second), first.max(second));
    ours + ROUNDING >= low && ours <= high + ROUNDING
}

/// What k6, k6 and Upsurge say; none without k6.
fn side_by_side(bench: &Bench, set: &sets::Set) -> Result<Option<[Said; 3]>> {
    let tool = |name: &str| bench.tools(Name::Executors).find(|tool| tool.peer.name() == name);
    let (Some(k6), Some(upsurge)) = (tool("k6"), tool("upsurge")) else { return Ok(None) };
    let url = bench.server.url();
    let mut running = Vec::new();
    for (index, tool) in [k6, k6, upsurge].into_iter().enumerate() {
        let directory = bench.directory.join(format!("executors-{index}"));
        // A summary of the set before must not be taken for one of this.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory)?;
        let task = Task::Executors { scenarios: set.scenarios.clone(), pause: set.pause };
        let job = Job { url: &url, directory: &directory, seconds: 0, task: task.clone() };
        running.push((tool, directory.clone(), task, tool.start(&job, Core::Any)?));
    }
    let mut all = Vec::new();
    for (tool, directory, task, process) in running {
        let cost = process.finish(LIMIT)?;
        let job = Job { url: &url, directory: &directory, seconds: 0, task };
        all.push(tool.said(&job, &cost).with_context(|| format!("option set {}", set.name))?);
    }
    Ok(<[Said; 3]>::try_from(all).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tolerance_is_what_the_peers_own_runs_differ_by_and_two() {
        assert!(is_same([100, 100, 102]) && is_same([100, 100, 98]));
        assert!(!is_same([100, 100, 103]) && !is_same([100, 100, 97]));
        assert!(is_same([100, 110, 112]) && is_same([110, 100, 98]));
        assert!(is_same([0, 0, 0]));
    }
}
