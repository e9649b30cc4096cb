// SPDX-License-Identifier: Apache-2.0
//! What most people run: an open model at a moderate rate, far from what the tools can do. What it costs to start a tool is
//! measured by a run of one request and left out, as it says nothing about load.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    number::{number, range},
    peers::Task,
    results::{Case, Goal},
    statistics::spread,
};

const RATE: u32 = 2000;
const CONNECTIONS: u32 = 50;
/// Upsurge's CPU per request may be this share of the other's.
const GOALS: [(&str, f64); 2] = [("vegeta", 0.5), ("k6", 0.25)];

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`GET /` with an answer of 128 bytes, {RATE}/s over at most {CONNECTIONS} connections (oha with `-q`), {} s per run. The CPU \
         time of a run with one request is subtracted. `floor` is no tool: it is a bare loop around the system calls that each of them \
         needs on this machine (wait, set a timer, send, receive), which measures nothing. Both cores sleep between two requests, \
         and waking them is most of what it costs.",
        bench.seconds
    );
    let mut case = bench.case(Name::Open, "Open model at a moderate rate", how);
    let mut starts = BTreeMap::new();
    for tool in bench.tools(Name::Open) {
        let seen = bench.run(tool, 1, Task::Open { rate: 1, connections: CONNECTIONS })?;
        starts.insert(tool.peer.name(), (seen.run.cost.cpu.as_secs_f64(), seen.taken.requests as f64));
    }
    let (mut cpu, mut samples) = (Table::default(), Vec::new());
    let asked = f64::from(RATE * bench.seconds);
    for round in 0..case.rounds {
        for tool in bench.tools(Name::Open) {
            let name = tool.peer.name();
            let seen = bench.run(tool, bench.seconds, Task::Open { rate: RATE, connections: CONNECTIONS })?;
            let (start, requests) = starts.get(name).copied().context("measured above")?;
            let more = (seen.taken.requests as f64 - requests).max(1.0);
            let per_request = (seen.run.cost.cpu.as_secs_f64() - start) * 1e6 / more;
            eprintln!("bench: open, round {}, {name}: {} µs per request", round + 1, number(per_request));
            let missing = asked - seen.taken.requests as f64;
            if missing.abs() > asked / 100.0 {
                case.notes.push(format!(
                    "Round {}: {name} sent {} requests instead of {asked}.",
                    round + 1,
                    seen.taken.requests
                ));
            }
            cpu.add(name, per_request);
            samples.push(json!({
                "round": round + 1, "tool": name, "cpuMicrosecondsPerRequest": per_request,
                "requests": seen.taken.requests, "said": seen.run.said,
            }));
        }
    }
    case.columns = ["tool", "CPU per request, µs", "Upsurge needs"].map(str::to_owned).into();
    for name in cpu.names() {
        let Some(cost) = spread(cpu.of(name)) else { continue };
        let ratio =
            spread(&cpu.ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
        case.rows.push(vec![name.to_owned(), range(&cost), ratio]);
    }
    for (peer, limit) in GOALS {
        let what = format!("{RATE}/s, open model: CPU per request, to {peer}");
        case.goals.extend(Goal::new(what, "×", limit, &cpu.ratios(peer)));
    }
    case.samples = samples.into();
    Ok(case)
}
