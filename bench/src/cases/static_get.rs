//! A static GET with keep-alive, as fast as 50 connections allow: what an engine costs that does nothing else.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use super::{Bench, Name};
use crate::{
    peers::Task,
    report::{number, range},
    results::{Case, Goal},
    statistics::spread,
};

const CONNECTIONS: u32 = 50;
/// Upsurge's CPU per request may be this many times the other's.
const GOALS: [(&str, f64); 2] = [("wrk", 1.25), ("oha", 0.75)];

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`GET /` with an answer of 128 bytes, {CONNECTIONS} connections kept alive, {} s per run, as fast as it goes.",
        bench.seconds
    );
    let mut case = bench.case(Name::Static, "Static GET", how);
    let mut cpu: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut rate: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut samples = Vec::new();
    for round in 0..bench.rounds {
        for tool in bench.tools(Name::Static) {
            let name = tool.peer.name();
            let seen = bench.run(tool, bench.seconds, Task::Static { connections: CONNECTIONS })?;
            let per_request = seen.cpu_per_request();
            eprintln!("bench: static, round {}, {name}: {} µs per request", round + 1, number(per_request));
            cpu.entry(name).or_default().push(per_request);
            rate.entry(name).or_default().push(seen.taken.requests as f64 / f64::from(bench.seconds));
            samples.push(json!({
                "round": round + 1, "tool": name, "cpuMicrosecondsPerRequest": per_request,
                "requests": seen.taken.requests, "said": seen.run.said,
            }));
        }
    }
    let ratios = |peer: &str| -> Vec<f64> {
        let pairs = cpu.get("upsurge").into_iter().flatten().zip(cpu.get(peer).into_iter().flatten());
        pairs.map(|(ours, theirs)| ours / theirs).collect()
    };
    case.columns =
        ["tool", "CPU per request, µs", "requests per core and second", "requests/s", "Upsurge needs"]
            .map(str::to_owned)
            .into();
    for tool in bench.tools(Name::Static) {
        let name = tool.peer.name();
        let (Some(cost), Some(rate)) = (spread(&cpu[name]), spread(&rate[name])) else { continue };
        let ratio = spread(&ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
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
            &ratios(peer),
        ));
    }
    case.samples = samples.into();
    Ok(case)
}
