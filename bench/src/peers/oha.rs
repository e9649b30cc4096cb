// SPDX-License-Identifier: Apache-2.0
//! oha: hyper without a pool, thread per core. With a rate and `--latency-correction` it counts from the
//! intended start, too.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Job, Peer, Said, Task};
use crate::measure::Cost;

/// Connections when there is a rate: more than a second of it.
const CONNECTIONS: &str = "1500";

/// oha, from crates.io.
pub struct Oha;

impl Peer for Oha {
    fn name(&self) -> &'static str {
        "oha"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let mut command = Command::new(program);
        command.args(["--no-tui", "--output-format", "json", "-z", &format!("{}s", job.seconds)]);
        match job.task {
            Task::Static { connections } => command.args(["-c", &connections.to_string()]),
            Task::Freezing { rate, .. } => {
                command.args(["-c", CONNECTIONS, "-q", &rate.to_string(), "--latency-correction"])
            }
            Task::Open { rate, connections } => {
                command.args(["-c", &connections.to_string(), "-q", &rate.to_string()])
            }
            Task::Paced { rate } => command.args(["-c", CONNECTIONS, "-q", &rate.to_string()]),
            _ => return Ok(None),
        };
        command.arg(job.text_url());
        Ok(Some(command))
    }

    fn said(&self, _: &Job<'_>, cost: &Cost) -> Result<Said> {
        parse(&cost.stdout)
    }
}

fn parse(text: &str) -> Result<Said> {
    let result: Value = serde_json::from_str(text).context("not JSON")?;
    let sum = |map: &Value, counts: &dyn Fn(&str) -> bool| -> u64 {
        let entries = map.as_object().into_iter().flatten();
        entries.filter(|(key, _)| counts(key)).filter_map(|(_, count)| count.as_u64()).sum()
    };
    let statuses = result.get("statusCodeDistribution").context("no statusCodeDistribution")?;
    // What is under way at the end is cut off by design.
    let errors = sum(&result["errorDistribution"], &|error| !error.contains("aborted due to deadline"));
    let percentiles = &result["latencyPercentiles"];
    Ok(Said {
        requests: sum(statuses, &|_| true) + errors,
        failed: sum(statuses, &|code| !code.starts_with(['2', '3'])) + errors,
        p99: percentiles["p99"].as_f64(),
        p999: percentiles["p99.9"].as_f64(),
        ..Said::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_result_is_understood() {
        let text = r#"{"summary":{"successRate":1.0,"total":2.0},"latencyPercentiles":{"p99":0.001,"p99.9":0.002,"p99.99":0.1},
            "statusCodeDistribution":{"200":95,"500":3},"errorDistribution":{"aborted due to deadline":50,"connection refused":2}}"#;
        let said = parse(text).unwrap();
        assert_eq!((said.requests, said.failed), (100, 5));
        assert_eq!((said.p99, said.p999), (Some(0.001), Some(0.002)));
        assert!(parse("{}").is_err());
    }
}
