// SPDX-License-Identifier: Apache-2.0
//! Instructions per request, counted by callgrind. Times depend on what else the machine does; these repeat, as far as
//! the last column of the table says, and show a change of a percent that no run of some seconds could.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Bench, Name};
use crate::{
    measure,
    number::{number, range},
    peers::{self, Job, Task},
    results::Case,
    statistics::spread,
};

/// Two counts of requests: what they differ by is left when the start and the end are taken away.
const COUNTS: [u32; 2] = [500, 2500];
/// So often, to see whether they do repeat.
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(300);

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let [few, many] = COUNTS;
    let how = format!(
        "`GET /` by one user over one connection, {few} and {many} times under callgrind; the difference, by the {} requests that \
         are between. Instructions of the program, not those of the kernel.",
        many - few
    );
    let (valgrind, version) = peers::place("valgrind")?;
    let mut case = bench.case(Name::Instructions, "Instructions per request", how);
    case.tools.insert("valgrind".to_owned(), version);
    case.rounds = ROUNDS;
    case.columns = ["what", "instructions per request", "rounds"].map(str::to_owned).into();
    let tool = bench.tools(Name::Instructions).next().context("upsurge is not built")?;
    let mut samples = Vec::new();
    for (what, checked) in [("static GET", false), ("static GET with a check of the status", true)] {
        let mut found = Vec::new();
        for round in 0..ROUNDS {
            let mut counts = [0; 2];
            for (count, requests) in counts.iter_mut().zip(COUNTS) {
                let task = Task::Counted { requests, checked };
                let job = Job { url: &bench.server.url(), directory: &bench.directory, seconds: 0, task };
                *count = measure::instructions(&valgrind, &tool.command(&job)?, &bench.directory, LIMIT)?;
            }
            let [low, high] = counts;
            let per_request = (high as f64 - low as f64) / f64::from(many - few);
            eprintln!(
                "bench: instructions, round {}, {what}: {} per request",
                round + 1,
                number(per_request)
            );
            found.push(per_request);
            samples.push(json!({"round": round + 1, "what": what, "instructions": counts}));
        }
        let repeated = repeated(&found);
        let found = spread(&found).context("measured above")?;
        case.rows.push(vec![what.to_owned(), range(&found), repeated]);
    }
    case.samples = samples.into();
    Ok(case)
}

/// Whether all rounds gave the same.
fn repeated(rounds: &[f64]) -> String {
    let (low, high) =
        rounds.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), one| (low.min(*one), high.max(*one)));
    if low >= high {
        "all equal".to_owned()
    } else {
        format!("apart by {} %", number((high / low - 1.0) * 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_differ_are_said_to() {
        assert_eq!(repeated(&[2000.0, 2000.0, 2000.0]), "all equal");
        assert_eq!(repeated(&[2000.0, 2010.0, 2005.0]), "apart by 0.5 %");
    }
}
