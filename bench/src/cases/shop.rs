// SPDX-License-Identifier: Apache-2.0
//! Log in, create, read: three requests with two captures and four checks, as users of a real service do. What
//! it costs to start the tool is measured by a run of one iteration and left out, as it says nothing about load.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    number::{number, range},
    peers::{Pace, Task},
    results::{Case, Goal},
    statistics::spread,
};

const USERS: u32 = 50;
/// Arrivals per second for a tool that knows nothing else; Artillery carries it.
const RATE: u32 = 40;
/// Artillery needs long runs: its start costs seconds.
const SECONDS_AT_A_RATE: u32 = 10;
/// Upsurge's CPU per request may be this share of the other's.
const GOALS: [(&str, f64); 2] = [("k6", 1.0 / 14.0), ("artillery", 0.01)];

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`POST /login` (takes the token), `POST /items` (takes the id), `GET /items/ID`; four checks on status and content. {USERS} \
         users without pauses, {} s per run; Artillery, which has arrivals only, {RATE} iterations/s. The CPU time of a run \
         with one iteration is subtracted.",
        bench.seconds
    );
    let mut case = bench.case(Name::Shop, "A scenario of three steps", how);
    let mut starts = BTreeMap::new();
    for tool in bench.tools(Name::Shop) {
        let seen = bench.run(tool, 1, Task::Shop { pace: Pace::Once })?;
        starts.insert(tool.peer.name(), (seen.run.cost.cpu.as_secs_f64(), seen.taken.requests as f64));
    }
    let (mut cpu, mut samples) = (Table::default(), Vec::new());
    for round in 0..bench.rounds {
        for tool in bench.tools(Name::Shop) {
            let name = tool.peer.name();
            let (pace, seconds) = match name {
                "artillery" => (Pace::Rate(RATE), SECONDS_AT_A_RATE),
                _ => (Pace::Users(USERS), bench.seconds),
            };
            let seen = bench.run(tool, seconds, Task::Shop { pace })?;
            let (start, requests) = starts.get(name).copied().context("measured above")?;
            let more = (seen.taken.requests as f64 - requests).max(1.0);
            let per_request = (seen.run.cost.cpu.as_secs_f64() - start) * 1e6 / more;
            eprintln!("bench: shop, round {}, {name}: {} µs per request", round + 1, number(per_request));
            let said = &seen.run.said;
            if said.failed > 0 || said.checks_failed.unwrap_or(0) > 0 {
                let (failed, checks) = (said.failed, said.checks_failed.unwrap_or(0));
                case.notes.push(format!(
                    "round {}, {name}: {failed} requests and {checks} checks failed",
                    round + 1
                ));
            }
            cpu.add(name, per_request);
            samples.push(json!({
                "round": round + 1, "tool": name, "cpuMicrosecondsPerRequest": per_request,
                "requests": seen.taken.requests, "said": said,
            }));
        }
    }
    case.columns = ["tool", "CPU per request, µs", "requests per core and second", "Upsurge needs"]
        .map(str::to_owned)
        .into();
    for name in cpu.names() {
        let Some(cost) = spread(cpu.of(name)) else { continue };
        let ratio =
            spread(&cpu.ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
        case.rows.push(vec![name.to_owned(), range(&cost), number(1e6 / cost.median), ratio]);
    }
    for (peer, limit) in GOALS {
        case.goals.extend(Goal::new(
            format!("scenario: CPU per request, to {peer}"),
            "×",
            limit,
            &cpu.ratios(peer),
        ));
    }
    case.samples = samples.into();
    Ok(case)
}
