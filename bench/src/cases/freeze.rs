// SPDX-License-Identifier: Apache-2.0
//! A server that stands still for a second under a constant rate: what do percentiles say about it? Users who
//! arrive meanwhile wait, whether a tool counts that or not.

use anyhow::Result;
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    number::{number, range},
    peers::Task,
    results::{Case, Goal},
    statistics::{frozen_percentile, spread},
};

const RATE: u32 = 1000;
const SECONDS: u32 = 10;
const AFTER_MILLISECONDS: u32 = 4000;
const LENGTH_MILLISECONDS: u32 = 1000;
/// Percent that a percentile may be off.
const GOAL: f64 = 1.0;

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let (duration, length) = (f64::from(SECONDS), f64::from(LENGTH_MILLISECONDS) / 1e3);
    let expected = [99.0, 99.9].map(|percent| frozen_percentile(percent, duration, length));
    let how = format!(
        "{} iterations/s for {SECONDS} s; after {} s the server does nothing for {length} s. Who arrives in the freeze \
         of F seconds waits for the rest of it, evenly spread from 0 to F. Longer than w waits a share of (F − w) / T of all, so \
         that percentile p is F − (1 − p) × T: {} ms for p99 and {} ms for p99.9. hey limits each of 50 workers by itself; oha \
         runs with `--latency-correction`; k6 has {} users, more than arrive in the freeze.",
        number(f64::from(RATE)),
        f64::from(AFTER_MILLISECONDS) / 1e3,
        number(expected[0] * 1e3),
        number(expected[1] * 1e3),
        number(f64::from(crate::peers::USERS_IN_A_FREEZE)),
    );
    let mut case = bench.case(Name::Freeze, "A server that freezes", how);
    let mut measured = [Table::default(), Table::default()];
    let mut errors = [Table::default(), Table::default()];
    let (mut requests, mut samples) = (Table::default(), Vec::new());
    for round in 0..bench.rounds {
        for tool in bench.tools(Name::Freeze) {
            let name = tool.peer.name();
            let task = Task::Freezing { rate: RATE, after: AFTER_MILLISECONDS, length: LENGTH_MILLISECONDS };
            let seen = bench.run(tool, SECONDS, task)?;
            let said = &seen.run.said;
            for (index, percentile) in [said.p99, said.p999].into_iter().enumerate() {
                let percentile = percentile.unwrap_or(f64::NAN);
                measured[index].add(name, percentile * 1e3);
                errors[index].add(name, (percentile / expected[index] - 1.0).abs() * 100.0);
            }
            requests.add(name, seen.taken.requests as f64);
            eprintln!(
                "bench: freeze, round {}, {name}: p99 {:?} s, p99.9 {:?} s",
                round + 1,
                said.p99,
                said.p999
            );
            samples.push(
                json!({"round": round + 1, "tool": name, "requests": seen.taken.requests, "said": said}),
            );
        }
    }
    case.columns =
        ["tool", "requests", "p99, ms", "off by, %", "p99.9, ms", "off by, %"].map(str::to_owned).into();
    case.rows.push(vec![
        "the analytic value".into(),
        number(f64::from(RATE * SECONDS)),
        number(expected[0] * 1e3),
        String::new(),
        number(expected[1] * 1e3),
        String::new(),
    ]);
    for name in requests.names() {
        let cell = |table: &Table| spread(table.of(name)).map_or_else(String::new, |value| range(&value));
        case.rows.push(vec![
            name.to_owned(),
            cell(&requests),
            cell(&measured[0]),
            cell(&errors[0]),
            cell(&measured[1]),
            cell(&errors[1]),
        ]);
    }
    for (percentile, table) in ["p99", "p99.9"].into_iter().zip(&errors) {
        let what = format!("a freeze of 1 s: {percentile} of the response time, off the analytic value by");
        case.goals.extend(Goal::new(what, "%", GOAL, table.of("upsurge")));
    }
    case.samples = samples.into();
    Ok(case)
}
