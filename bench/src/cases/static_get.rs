// SPDX-License-Identifier: Apache-2.0
//! A static GET with keep-alive, as fast as 50 connections allow: what an engine costs that does nothing else.

use anyhow::Result;
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    number::{number, range},
    peers::Task,
    results::{Case, Goal},
    statistics::spread,
};

const CONNECTIONS: u32 = 50;
/// Upsurge once more, with a check of the status of each response.
const CHECKED: &str = "upsurge, one check";
/// Upsurge's CPU per request may be this many times the other's.
const GOALS: [(&str, &str, f64); 3] =
    [("upsurge", "wrk", 1.1), (CHECKED, "wrk", 1.2), ("upsurge", "oha", 0.75)];

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`GET /` with an answer of 128 bytes, {CONNECTIONS} connections kept alive, {} s per run, as fast as it goes.",
        bench.seconds
    );
    let mut case = bench.case(Name::Static, "Static GET", how);
    let (mut cpu, mut rate, mut samples) = (Table::default(), Table::default(), Vec::new());
    for round in 0..case.rounds {
        let plain = bench
            .tools(Name::Static)
            .map(|tool| (tool, tool.peer.name(), Task::Static { connections: CONNECTIONS }));
        let checked = bench.tools(Name::Static).filter(|tool| tool.peer.name() == "upsurge");
        let checked = checked.map(|tool| (tool, CHECKED, Task::Checked { connections: CONNECTIONS }));
        for (tool, name, task) in plain.chain(checked) {
            let seen = bench.run(tool, bench.seconds, task)?;
            let per_request = seen.cpu_per_request();
            eprintln!("bench: static, round {}, {name}: {} µs per request", round + 1, number(per_request));
            cpu.add(name, per_request);
            rate.add(name, seen.taken.requests as f64 / f64::from(bench.seconds));
            samples.push(json!({
                "round": round + 1, "tool": name, "cpuMicrosecondsPerRequest": per_request,
                "requests": seen.taken.requests, "said": seen.run.said,
            }));
        }
    }
    case.columns =
        ["tool", "CPU per request, µs", "requests per core and second", "requests/s", "Upsurge needs"]
            .map(str::to_owned)
            .into();
    for name in cpu.names() {
        let (Some(cost), Some(rate)) = (spread(cpu.of(name)), spread(rate.of(name))) else { continue };
        let ratio =
            spread(&cpu.ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
        case.rows.push(vec![
            name.to_owned(),
            range(&cost),
            number(1e6 / cost.median),
            number(rate.median),
            ratio,
        ]);
    }
    for (one, peer, limit) in GOALS {
        let what = format!("static GET: CPU per request of {one}, to {peer}");
        case.goals.extend(Goal::new(what, "×", limit, &cpu.ratios_of(one, peer)));
    }
    case.samples = samples.into();
    Ok(case)
}
