// SPDX-License-Identifier: Apache-2.0
//! The figures beside their goals.

use anyhow::Result;
use serde_json::json;

use super::{
    cost::Cost,
    fixtures::{WIDE_REQUESTS, WIDE_STAGES},
    start::Start,
};

/// All that was measured.
pub struct Report {
    /// One entry per round.
    pub starts: Vec<Start>,
    /// The operator with nothing to do.
    pub idle: Cost,
    /// The operator while one run is under way.
    pub one_run: Cost,
    /// The most it took in a run with many figures, and how many requests each stage had of each name.
    pub wide_run: (Cost, i64),
    /// The operator, started anew, with finished runs only.
    pub many_runs: Cost,
    /// How many finished runs these were.
    pub finished_runs: usize,
}

impl Report {
    /// Prints a table.
    pub fn print(&self) {
        let first = median(self.starts.iter().map(|start| start.first_request.as_secs_f64()));
        let spread = median(self.starts.iter().map(|start| start.spread.as_secs_f64() * 1e3));
        let worst = self.starts.iter().map(|start| start.spread.as_secs_f64() * 1e3).fold(0.0, f64::max);
        println!("{:<52} {:>14} {:>14}", "figure", "measured", "goal");
        println!(
            "{:<52} {first:>12.2} s {:>14}",
            format!("apply to first request, 3 runners, median of {}", self.starts.len()),
            "≤ 3 s"
        );
        println!("{:<52} {spread:>11.1} ms {:>14}", "spread of the runners' starts, median", "≤ 20 ms");
        println!("{:<52} {worst:>11.1} ms {:>14}", "spread of the runners' starts, worst", "");
        for (name, cost) in [
            ("operator, idle".to_owned(), &self.idle),
            ("operator, 1 run under way".to_owned(), &self.one_run),
            (
                format!(
                    "operator, {WIDE_REQUESTS} requests × {WIDE_STAGES} stages, {} each",
                    self.wide_run.1
                ),
                &self.wide_run.0,
            ),
            (format!("operator, {} finished runs, after a restart", self.finished_runs), &self.many_runs),
        ] {
            println!("{:<52} {:>10.1} MiB {:>14}", format!("{name}: memory"), cost.mebibytes, "≤ 50 MiB");
            println!("{:<52} {:>8.1} mcores", format!("{name}: CPU"), cost.millicores);
        }
    }

    /// The same, for machines.
    ///
    /// # Errors
    /// Never in practice: all values are numbers.
    pub fn to_json(&self) -> Result<String> {
        let cost = |cost: &Cost| json!({"mebibytes": cost.mebibytes, "millicores": cost.millicores});
        let rounds: Vec<_> = self
            .starts
            .iter()
            .map(|start| json!({"firstRequestSeconds": start.first_request.as_secs_f64(), "spreadMilliseconds": start.spread.as_secs_f64() * 1e3}))
            .collect();
        let all = json!({
            "starts": rounds,
            "operator": {"idle": cost(&self.idle), "oneRun": cost(&self.one_run), "wideRun": cost(&self.wide_run.0), "finishedRuns": cost(&self.many_runs)},
        });
        Ok(serde_json::to_string_pretty(&all)?)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
