// SPDX-License-Identifier: Apache-2.0
//! wrk: an event loop around a small parser, the least a client can do. One thread where it has one core, else two, as it
//! takes by itself.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{Job, Peer, Said, Task, number_after, seconds};
use crate::measure::Cost;

/// wrk, from Debian.
pub struct Wrk;

impl Peer for Wrk {
    fn name(&self) -> &'static str {
        "wrk"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let (connections, threads) = match job.task {
            Task::Static { connections } => (connections, "1"),
            Task::Unpinned { connections } => (connections, "2"),
            _ => return Ok(None),
        };
        let mut command = Command::new(program);
        command.args(["--threads", threads, "--latency", "--connections", &connections.to_string()]);
        command.args(["--duration", &format!("{}s", job.seconds), &job.text_url()]);
        Ok(Some(command))
    }

    fn said(&self, _: &Job<'_>, cost: &Cost) -> Result<Said> {
        parse(&cost.stdout)
    }
}

fn parse(text: &str) -> Result<Said> {
    let line = text.lines().find(|line| line.contains(" requests in ")).context("no count of requests")?;
    let requests = line.split_whitespace().next().and_then(|count| count.parse().ok());
    let status = number_after(text, "Non-2xx or 3xx responses:").unwrap_or(0.0);
    let sockets: f64 = match text.lines().find_map(|line| line.split_once("Socket errors:")) {
        Some((_, errors)) => {
            errors.split_whitespace().filter_map(|word| word.trim_end_matches(',').parse::<f64>().ok()).sum()
        }
        None => 0.0,
    };
    let percentile = text.lines().find_map(|line| line.trim().strip_prefix("99%"));
    Ok(Said {
        requests: requests.context("no count of requests")?,
        failed: (status + sockets) as u64,
        p99: percentile.map(|time| seconds(time.trim())).transpose()?,
        ..Said::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_result_is_understood() {
        let text = "Running 1s test @ http://127.0.0.1:8080/\n  1 threads and 50 connections\n  Thread Stats   Avg      Stdev     \
            Max   +/- Stdev\n    Latency   605.23us  150.10us   4.21ms   90.11%\n  Latency Distribution\n     50%  580.00us\n     \
            99%    1.17ms\n  82345 requests in 1.00s, 15.23MB read\n  Socket errors: connect 0, read 1, write 0, timeout 2\n  \
            Non-2xx or 3xx responses: 4\nRequests/sec:  82311.10\n";
        let said = parse(text).unwrap();
        assert_eq!((said.requests, said.failed), (82_345, 7));
        assert!((said.p99.unwrap() - 1.17e-3).abs() < 1e-9);
        assert!(parse("unable to connect").is_err());
    }
}
