// SPDX-License-Identifier: Apache-2.0
//! vegeta: a rate and nothing else, by goroutines around Go's HTTP client. What it saw goes to a file, which it reads when
//! it is asked for a report; that is not part of what a run costs.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Job, Peer, Said, Task};
use crate::measure::Cost;

/// The file that its results go to.
const RESULTS: &str = "vegeta.bin";
/// The file that says where the program is, for the report.
const PROGRAM: &str = "vegeta.path";

/// vegeta, a Go module.
pub struct Vegeta;

impl Peer for Vegeta {
    fn name(&self) -> &'static str {
        "vegeta"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let Task::Open { rate, connections } = job.task else { return Ok(None) };
        let targets = job.file("vegeta.targets", &format!("GET {}\n", job.text_url()))?;
        job.file(PROGRAM, &program.display().to_string())?;
        let connections = connections.to_string();
        let mut command = Command::new(program);
        command.args(["attack", "-rate", &format!("{rate}/s"), "-duration", &format!("{}s", job.seconds)]);
        command.args(["-connections", &connections, "-max-connections", &connections]);
        command.args(["-workers", &connections, "-max-workers", &connections, "-max-body", "0"]);
        command.arg("-targets").arg(targets).arg("-output").arg(job.directory.join(RESULTS));
        Ok(Some(command))
    }

    fn said(&self, job: &Job<'_>, _: &Cost) -> Result<Said> {
        let program = std::fs::read_to_string(job.directory.join(PROGRAM))?;
        let report =
            Command::new(program).args(["report", "-type", "json"]).arg(job.directory.join(RESULTS)).output();
        parse(&String::from_utf8_lossy(&report.context("no report")?.stdout))
    }
}

fn parse(text: &str) -> Result<Said> {
    let report: Value = serde_json::from_str(text).context("not JSON")?;
    let requests = report["requests"].as_u64().context("no count of requests")?;
    let codes = report["status_codes"].as_object().context("no status codes")?;
    let good = codes.iter().filter(|(code, _)| code.starts_with(['2', '3']));
    let good: u64 = good.filter_map(|(_, count)| count.as_u64()).sum();
    let p99 = report["latencies"]["99th"].as_f64().map(|nanoseconds| nanoseconds / 1e9);
    Ok(Said { requests, failed: requests - good, p99, ..Said::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_report_is_understood() {
        let text = r#"{"latencies":{"total":1,"mean":1,"99th":1500000,"max":2},"requests":100,"rate":100.0,"status_codes":{"0":3,"200":95,"503":2},"errors":[]}"#;
        let said = parse(text).unwrap();
        assert_eq!((said.requests, said.failed, said.p99), (100, 5, Some(0.0015)));
        assert!(parse("{}").is_err());
    }
}
