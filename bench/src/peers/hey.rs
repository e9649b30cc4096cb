// SPDX-License-Identifier: Apache-2.0
//! hey: goroutines around Go's HTTP client. With a rate it limits each worker by itself, and a worker that waits
//! for an answer sends nothing: what the server's freeze would have cost the others is left out.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::{Job, Peer, Said, Task};
use crate::{measure::Cost, statistics::percentile};

/// Workers when there is a rate.
const WORKERS: u32 = 50;

/// hey, from Debian.
pub struct Hey;

impl Peer for Hey {
    fn name(&self) -> &'static str {
        "hey"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let mut command = Command::new(program);
        command.args(["-z", &format!("{}s", job.seconds)]);
        match job.task {
            Task::Static { connections } => command.args(["-c", &connections.to_string()]),
            Task::Freezing { rate, .. } => {
                command.args(["-c", &WORKERS.to_string(), "-q", &(rate / WORKERS).to_string(), "-o", "csv"])
            }
            _ => return Ok(None),
        };
        command.arg(job.text_url());
        Ok(Some(command))
    }

    fn said(&self, job: &Job<'_>, cost: &Cost) -> Result<Said> {
        match job.task {
            Task::Static { .. } => parse_summary(&cost.stdout),
            _ => parse_list(&cost.stdout),
        }
    }
}

fn parse_summary(text: &str) -> Result<Said> {
    let (mut requests, mut failed) = (0, 0);
    let mut errors = false;
    for line in text.lines() {
        errors |= line.starts_with("Error distribution:");
        let Some((code, rest)) = line.trim().strip_prefix('[').and_then(|line| line.split_once(']')) else {
            continue;
        };
        // `[200] 12 responses`, and below errors `[12] Get … connection refused`.
        let count: u64 = match errors {
            true => code.parse().context("a count of errors")?,
            false => {
                rest.split_whitespace().next().and_then(|count| count.parse().ok()).context("a count")?
            }
        };
        requests += count;
        if errors || !code.starts_with(['2', '3']) {
            failed += count;
        }
    }
    ensure!(requests > 0, "no status codes");
    Ok(Said { requests, failed, ..Said::default() })
}

/// `response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset`.
fn parse_list(text: &str) -> Result<Said> {
    let mut times = Vec::new();
    let mut failed = 0;
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let mut fields = line.split(',');
        let time: f64 = fields.next().and_then(|time| time.parse().ok()).context("a response time")?;
        let status = fields.nth(5).context("a status code")?;
        failed += u64::from(!status.starts_with(['2', '3']));
        times.push(time);
    }
    Ok(Said {
        requests: times.len() as u64,
        failed,
        p99: Some(percentile(&times, 99.0).context("no requests")?),
        p999: percentile(&times, 99.9),
        ..Said::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_summary_is_understood() {
        let text = "\nSummary:\n  Total:\t1.0016 secs\n  Requests/sec:\t100.0\n\nResponse time histogram:\n  0.000 [1]\t|\n\nStatus code \
            distribution:\n  [200]\t90 responses\n  [503]\t6 responses\n\nError distribution:\n  [4]\tGet \"http://x\": refused\n";
        let said = parse_summary(text).unwrap();
        assert_eq!((said.requests, said.failed), (100, 10));
        assert!(parse_summary("nothing").is_err());
    }

    #[test]
    fn its_list_is_understood() {
        let mut text = String::from(
            "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n",
        );
        (1..=1000).for_each(|index| {
            text.push_str(&format!("0.{index:04},0,0,0,0,0,{},0.1\n", if index == 7 { 500 } else { 200 }))
        });
        let said = parse_list(&text).unwrap();
        assert_eq!((said.requests, said.failed), (1000, 1));
        assert_eq!((said.p99, said.p999), (Some(0.0990), Some(0.0999)));
    }
}
