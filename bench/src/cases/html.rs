// SPDX-License-Identifier: Apache-2.0
//! Pages of HTML: what it costs to take values out of them by CSS selectors.

use anyhow::Result;
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    number::{number, range},
    peers::Task,
    results::Case,
    statistics::spread,
};

const USERS: u32 = 10;
/// Upsurge, when nobody looks at the page.
const UNREAD: &str = "upsurge, page not read";

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "`GET /page`, a page of 50 KiB. Upsurge checks a token in a form and takes the texts of 220 links, by two selectors; k6 does \
         the same with `response.html()`. {USERS} users without pauses, {} s per run.",
        bench.seconds
    );
    let mut case = bench.case(Name::Html, "Values out of HTML", how);
    let (mut cpu, mut samples) = (Table::default(), Vec::new());
    for round in 0..case.rounds {
        let reading = bench.tools(Name::Html).map(|tool| (tool, tool.peer.name(), true));
        let unread = bench.tools(Name::Html).filter(|tool| tool.peer.name() == "upsurge");
        for (tool, name, read) in reading.chain(unread.map(|tool| (tool, UNREAD, false))) {
            let seen = bench.run(tool, bench.seconds, Task::Page { users: USERS, read })?;
            let per_page = seen.cpu_per_request();
            eprintln!("bench: html, round {}, {name}: {} µs per page", round + 1, number(per_page));
            let said = &seen.run.said;
            if said.failed > 0 || said.checks_failed.unwrap_or(0) > 0 {
                let (failed, checks) = (said.failed, said.checks_failed.unwrap_or(0));
                case.notes.push(format!(
                    "round {}, {name}: {failed} requests and {checks} checks failed",
                    round + 1
                ));
            }
            cpu.add(name, per_page);
            samples.push(json!({
                "round": round + 1, "tool": name, "cpuMicrosecondsPerPage": per_page,
                "requests": seen.taken.requests, "said": said,
            }));
        }
    }
    case.columns = ["tool", "CPU per page, µs", "Upsurge needs"].map(str::to_owned).into();
    for name in cpu.names() {
        let Some(cost) = spread(cpu.of(name)) else { continue };
        let ratio =
            spread(&cpu.ratios(name)).map_or_else(String::new, |ratio| format!("{} ×", range(&ratio)));
        case.rows.push(vec![name.to_owned(), range(&cost), ratio]);
    }
    case.samples = samples.into();
    Ok(case)
}
