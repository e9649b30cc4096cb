//! A static GET with keep-alive, as fast as 50 connections allow: what an engine costs that does nothing else.

use anyhow::Result;
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    peers::Task,
    report::{number, range},
    results::{Case, Goal},
    statistics::spread,
};

const CONNECTIONS: u32 = 50;
/// Its runs are short and its goals near: a moment of the machine counts for less in more rounds.
const MORE_ROUNDS: usize = 2;
/// Upsurge's CPU per request may be this many times the other's.
const GOALS: [(&str, f64); 2] = [("wrk", 1.25), ("oha", 0.75)];

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`GET /` with an answer of 128 bytes, {CONNECTIONS} connections kept alive, {} s per run, as fast as it goes.",
        bench.seconds
    );
    let mut case = bench.case(Name::Static, "Static GET", how);
    let (mut cpu, mut rate, mut samples) = (Table::default(), Table::default(), Vec::new());
    case.rounds = bench.rounds * MORE_ROUNDS;
    for round in 0..case.rounds {
        for tool in bench.tools(Name::Static) {
            let name = tool.peer.name();
            let seen = bench.run(tool, bench.seconds, Task::Static { connections: CONNECTIONS })?;
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
    for (peer, limit) in GOALS {
        case.goals.extend(Goal::new(
            format!("static GET: CPU per request, to {peer}"),
            "×",
            limit,
            &cpu.ratios(peer),
        ));
    }
    case.samples = samples.into();
    Ok(case)
}
