// SPDX-License-Identifier: Apache-2.0
//! The tools that are measured, one file each: how it is told to do a task, and how its result is read.

mod apache_bench;
mod artillery;
mod floor;
mod hey;
mod install;
mod k6;
mod oha;
mod upsurge;
mod vegeta;
mod wrk;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::measure::{Core, Cost, Running};

pub use install::{Installed, install, place};
pub use k6::USERS_IN_A_FREEZE;

/// What a tool is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Get the same text over and over, on so many connections.
    Static {
        /// Connections, each with one request under way.
        connections: u32,
    },
    /// The same, with a check of the status.
    Checked {
        /// Connections, each with one request under way.
        connections: u32,
    },
    /// The same on all cores, with as many threads as the tool takes by itself.
    Unpinned {
        /// Connections, each with one request under way.
        connections: u32,
    },
    /// Get the same text at a rate, over no more than so many connections.
    Open {
        /// Requests per second.
        rate: u32,
        /// Connections.
        connections: u32,
    },
    /// Get a page of HTML over and over, and take values out of it.
    Page {
        /// Users at a time.
        users: u32,
        /// Whether values are taken out of it at all.
        read: bool,
    },
    /// Get the same text so many times, by one user.
    Counted {
        /// Requests.
        requests: u32,
        /// Whether the status is checked.
        checked: bool,
    },
    /// Log in, create something with the token, read it by its id: three requests, four checks, two captures.
    Shop {
        /// What iterations there are.
        pace: Pace,
    },
    /// Wait, after one request or before it.
    Idle {
        /// Users that wait.
        users: u32,
        /// Whether each has a connection open.
        connected: bool,
    },
    /// Get a text at a rate, from a server that stands still for a while.
    Freezing {
        /// Iterations per second.
        rate: u32,
        /// Time from the first request to the freeze, in milliseconds.
        after: u32,
        /// Its length in milliseconds.
        length: u32,
    },
    /// Get a text at a rate.
    Paced {
        /// Iterations per second.
        rate: u32,
    },
    /// Carry out k6's `scenarios`, with a pause after the request of each iteration.
    Executors {
        /// The loads, in k6's terms.
        scenarios: Value,
        /// The pause in milliseconds.
        pause: u32,
    },
}

impl Task {
    /// Where the tool works.
    pub fn core(&self) -> Core {
        match self {
            Self::Unpinned { .. } => Core::Any,
            _ => Core::Tool,
        }
    }
}

/// How often an iteration starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Once, by one user.
    Once,
    /// Over and over by so many users.
    Users(u32),
    /// So many times a second.
    Rate(u32),
}

/// A task with its place and time.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// Where the server is.
    pub url: &'a str,
    /// Where files go.
    pub directory: &'a Path,
    /// How long.
    pub seconds: u32,
    /// What.
    pub task: Task,
}

impl Job<'_> {
    /// The URL of the tasks that get one text.
    pub fn text_url(&self) -> String {
        let url = self.url;
        match &self.task {
            Task::Freezing { after, length, .. } => format!("{url}/freezing?after={after}&for={length}"),
            Task::Paced { .. } => format!("{url}/paced"),
            Task::Page { .. } => format!("{url}/page"),
            _ => format!("{url}/"),
        }
    }

    /// Writes a file for the tool.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        std::fs::write(&path, content).with_context(|| format!("can't write {}", path.display()))?;
        Ok(path)
    }
}

/// What a tool says of its run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Requests that it counted.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Percentile 99 of the response times, in seconds.
    pub p99: Option<f64>,
    /// Percentile 99.9.
    pub p999: Option<f64>,
    /// Percentile 99 of the delay between intended and actual start, in seconds, if it knows.
    pub lag_p99: Option<f64>,
    /// Iterations finished, started but not finished left out.
    pub iterations: Option<u64>,
    /// Iterations that found no free user.
    pub dropped: Option<u64>,
    /// Most users at work.
    pub users: Option<u64>,
    /// Most users there were, idle ones included.
    pub users_there: Option<u64>,
    /// Checks that did not hold.
    pub checks_failed: Option<u64>,
}

/// A tool.
pub trait Peer {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// How it is told to do the task; none if that is beyond it.
    ///
    /// # Errors
    /// When files can't be written.
    fn command(&self, program: &Path, job: &Job<'_>) -> Result<Option<Command>>;

    /// What it says of it.
    ///
    /// # Errors
    /// When it says something else.
    fn said(&self, job: &Job<'_>, cost: &Cost) -> Result<Said>;
}

/// All of them, Upsurge first.
pub fn all() -> [&'static dyn Peer; 9] {
    [
        &upsurge::Upsurge,
        &wrk::Wrk,
        &oha::Oha,
        &hey::Hey,
        &apache_bench::ApacheBench,
        &k6::K6,
        &artillery::Artillery,
        &vegeta::Vegeta,
        &floor::Floor,
    ]
}

/// One run of a tool.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it cost.
    pub cost: Cost,
    /// What it said.
    pub said: Said,
}

impl Installed {
    /// Does a job on the tool's core.
    ///
    /// # Errors
    /// When the tool breaks.
    pub fn run(&self, job: &Job<'_>) -> Result<Run> {
        let limit = Duration::from_secs(u64::from(job.seconds) + 90);
        let cost = self.start(job, job.task.core())?.finish(limit)?;
        let said = self.said(job, &cost)?;
        Ok(Run { cost, said })
    }

    /// Starts a job.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(&self, job: &Job<'_>, core: Core) -> Result<Running> {
        Running::start(self.peer.name(), &self.command(job)?, core, job.directory)
    }

    /// What it says of a job that is done.
    ///
    /// # Errors
    /// When it says nothing that is understood, with its output.
    pub fn said(&self, job: &Job<'_>, cost: &Cost) -> Result<Said> {
        self.peer.said(job, cost).with_context(|| {
            format!("{} ended with {:?}:\n{}\n{}", self.peer.name(), cost.code, cost.stdout, cost.stderr)
        })
    }

    /// How it is told to do a job.
    ///
    /// # Errors
    /// When it has no way to do it.
    pub fn command(&self, job: &Job<'_>) -> Result<Command> {
        let command = self.peer.command(&self.program, job)?;
        command.with_context(|| format!("{} has no way to do this", self.peer.name()))
    }
}

/// The number behind some words in the first line that holds them.
fn number_after(text: &str, words: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.split_once(words))?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// A time with its unit, as tools print it, in seconds.
fn seconds(text: &str) -> Result<f64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..split].parse().with_context(|| format!("{text:?} is no time"))?;
    Ok(number
        * match text[split..].trim() {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" | "secs" => 1.0,
            "m" => 60.0,
            other => bail!("{text:?} has the unknown unit {other:?}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in
            [("12.50us", 12.5e-6), ("3ms", 3e-3), ("1.20s", 1.2), ("2m", 120.0), ("0.5 secs", 0.5)]
        {
            assert!((seconds(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        assert!(seconds("5 parsecs").is_err());
        assert!(seconds("fast").is_err());
    }

    #[test]
    fn numbers_are_found_behind_words() {
        assert_eq!(number_after("a\nFailed requests:        3\n", "Failed requests:"), Some(3.0));
        assert_eq!(number_after("a\n", "Failed requests:"), None);
    }
}
