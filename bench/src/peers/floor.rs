// SPDX-License-Identifier: Apache-2.0
//! The floor: this program's own bare loop, which is no tool, but what every tool needs at least.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{Job, Peer, Said, Task};
use crate::measure::Cost;

/// The bare loop.
pub struct Floor;

impl Peer for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>> {
        let Task::Open { rate, connections } = job.task else { return Ok(None) };
        let address = job.url.strip_prefix("http://").context("a URL of the server here")?;
        let mut command = Command::new(program);
        command.args([
            "floor",
            address,
            "--rate",
            &rate.to_string(),
            "--connections",
            &connections.to_string(),
        ]);
        command.args(["--seconds", &job.seconds.to_string()]);
        Ok(Some(command))
    }

    fn said(&self, _: &Job<'_>, cost: &Cost) -> Result<Said> {
        let requests = cost.stdout.trim().parse().context("no count of requests")?;
        Ok(Said { requests, ..Said::default() })
    }
}
