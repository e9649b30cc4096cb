// SPDX-License-Identifier: Apache-2.0
//! How punctual a constant rate is, as the server sees it: the delay of each arrival behind a perfect grid.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    number::{number, range},
    peers::Task,
    results::{Case, Goal},
    statistics::{behind_grid, percentile, spread},
};

const RATE: u32 = 500;
const SECONDS: u32 = 30;

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "{RATE} iterations/s for {SECONDS} s. The server notes when each request arrives; the i-th one is due i × {} ms after the \
         start, and the start is where the least late request puts it. Tools are measured in the same way from outside; \
         what Upsurge says of itself (`schedule_lag`) stands beside.",
        1000 / RATE
    );
    let mut case = bench.case(Name::Pacing, "Intended against actual start", how);
    let [mut median, mut high, mut highest, mut own] = [(); 4].map(|()| Table::default());
    let mut samples = Vec::new();
    for round in 0..bench.rounds {
        for tool in bench.tools(Name::Pacing) {
            let name = tool.peer.name();
            let seen = bench.run(tool, SECONDS, Task::Paced { rate: RATE })?;
            if let Some(dropped @ 1..) = seen.run.said.dropped {
                // Those behind them then seem to be early, and all before them late.
                case.notes.push(format!(
                    "Round {}: {name} dropped {dropped} iterations; its lag can't be told.",
                    round + 1
                ));
            }
            let mut arrivals: Vec<f64> =
                seen.taken.arrivals.iter().map(|nanoseconds| *nanoseconds as f64 / 1e3).collect();
            arrivals.sort_by(f64::total_cmp);
            let behind = behind_grid(&arrivals, 1e6 / f64::from(RATE));
            let at = |percent| percentile(&behind, percent).context("no arrivals");
            let lag = (at(50.0)?, at(99.0)?, at(99.9)?);
            eprintln!("bench: pacing, round {}, {name}: p99 {} µs", round + 1, number(lag.1));
            median.add(name, lag.0);
            high.add(name, lag.1);
            highest.add(name, lag.2);
            if let Some(lag) = seen.run.said.lag_p99 {
                own.add(name, lag * 1e6);
            }
            samples.push(json!({
                "round": round + 1, "tool": name, "arrivals": behind.len(), "medianMicroseconds": lag.0,
                "p99Microseconds": lag.1, "p999Microseconds": lag.2, "said": seen.run.said,
            }));
        }
    }
    case.columns = ["tool", "median, µs", "p99, µs", "p99.9, µs", "its own p99, µs", "Upsurge's p99 is"]
        .map(str::to_owned)
        .into();
    for name in high.names() {
        let cell = |table: &Table| spread(table.of(name)).map_or_else(String::new, |value| range(&value));
        let ratio =
            spread(&high.ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
        case.rows.push(vec![name.to_owned(), cell(&median), cell(&high), cell(&highest), cell(&own), ratio]);
    }
    case.goals.extend(Goal::new(
        "500/s for 30 s: p99 of the delay of starts, to k6",
        "×",
        1.0,
        &high.ratios("k6"),
    ));
    case.samples = samples.into();
    Ok(case)
}
