// SPDX-License-Identifier: Apache-2.0
//! A static GET as people run it who think of nothing: no core of one's own, and as many threads as the tool takes.

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
/// Upsurge's CPU per request may be this many times wrk's.
const GOAL: f64 = 1.25;

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`GET /` as above over {CONNECTIONS} connections, {} s per run, but the tool is bound to no core: Upsurge takes its \
         threads by itself, wrk has two (`-t2`). The server keeps its core, which they then share.",
        bench.seconds
    );
    let mut case = bench.case(Name::Unpinned, "Static GET on all cores", how);
    let (mut cpu, mut rate, mut samples) = (Table::default(), Table::default(), Vec::new());
    for round in 0..case.rounds {
        for tool in bench.tools(Name::Unpinned) {
            let name = tool.peer.name();
            let seen = bench.run(tool, bench.seconds, Task::Unpinned { connections: CONNECTIONS })?;
            let per_request = seen.cpu_per_request();
            eprintln!("bench: unpinned, round {}, {name}: {} µs per request", round + 1, number(per_request));
            cpu.add(name, per_request);
            rate.add(name, seen.taken.requests as f64 / f64::from(bench.seconds));
            samples.push(json!({
                "round": round + 1, "tool": name, "cpuMicrosecondsPerRequest": per_request,
                "requests": seen.taken.requests, "said": seen.run.said,
            }));
        }
    }
    case.columns = ["tool", "CPU per request, µs", "requests/s", "Upsurge needs"].map(str::to_owned).into();
    for name in cpu.names() {
        let (Some(cost), Some(rate)) = (spread(cpu.of(name)), spread(rate.of(name))) else { continue };
        let ratio =
            spread(&cpu.ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
        case.rows.push(vec![name.to_owned(), range(&cost), number(rate.median), ratio]);
    }
    let what = "static GET, nothing bound, threads by default: CPU per request, to wrk -t2";
    case.goals.extend(Goal::new(what, "×", GOAL, &cpu.ratios("wrk")));
    case.samples = samples.into();
    Ok(case)
}
