// SPDX-License-Identifier: Apache-2.0
//! ab, of Apache: a single event loop that speaks HTTP/1.0 with keep-alive.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{Job, Peer, Said, Task, number_after};
use crate::measure::Cost;

/// More requests than fit into the time; it keeps a record of each.
const REQUESTS: &str = "5000000";

/// ab, from Debian's apache2-utils.
pub struct ApacheBench;

impl Peer for ApacheBench {
    fn name(&self) -> &'static str {
        "ab"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let Task::Static { connections } = job.task else { return Ok(None) };
        let mut command = Command::new(program);
        // `-t` sets the number of requests, too: it must come first.
        command.args(["-q", "-k", "-t", &job.seconds.to_string(), "-n", REQUESTS]);
        command.args(["-c", &connections.to_string(), &job.text_url()]);
        Ok(Some(command))
    }

    fn said(&self, _: &Job<'_>, cost: &Cost) -> Result<Said> {
        parse(&cost.stdout)
    }
}

fn parse(text: &str) -> Result<Said> {
    let requests = number_after(text, "Complete requests:").context("no count of requests")? as u64;
    let failed = number_after(text, "Failed requests:").unwrap_or(0.0)
        + number_after(text, "Non-2xx responses:").unwrap_or(0.0);
    Ok(Said { requests, failed: failed as u64, ..Said::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_result_is_understood() {
        let text = "Time taken for tests:   1.000 seconds\nComplete requests:      50321\nFailed requests:        2\nNon-2xx responses:      3\n";
        let said = parse(text).unwrap();
        assert_eq!((said.requests, said.failed), (50_321, 5));
        assert!(parse("apr_socket_connect(): Connection refused (111)").is_err());
    }
}
