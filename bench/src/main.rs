// SPDX-License-Identifier: Apache-2.0
//! Measures Upsurge: its engine beside the tools that people use today, and its operator on a cluster. Prints
//! figures beside goals; it never fails because of a figure, only when something breaks.

mod cases;
#[cfg(feature = "cluster")]
mod cluster;
mod floor;
mod machine;
mod measure;
mod number;
mod peers;
mod report;
mod results;
#[cfg(feature = "cluster")]
mod scale;
mod server;
mod statistics;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Measures Upsurge.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the engine beside other tools.
    Engine {
        /// Cases; all when there are none.
        cases: Vec<cases::Name>,
        /// Tools beside Upsurge, with commas between them; all by default.
        #[arg(long, value_delimiter = ',')]
        tools: Vec<String>,
        /// Rounds through all tools; with fewer than nine, chance has much to say.
        #[arg(long, env = "BENCH_ROUNDS", default_value_t = 9)]
        rounds: usize,
        /// Length of a run, where the case leaves that open.
        #[arg(long, env = "BENCH_SECONDS", default_value_t = 5)]
        seconds: u32,
        /// The file for the results.
        #[arg(long, default_value = "target/bench/results.json")]
        results: PathBuf,
    },
    /// Measure memory over a long time, at half of one core.
    Soak {
        /// How long.
        #[arg(long, env = "SOAK_MINUTES", default_value_t = cases::soak::MINUTES)]
        minutes: u32,
        /// The file for the results.
        #[arg(long, default_value = "target/bench/results.json")]
        results: PathBuf,
    },
    /// Write the page of the documentation from results.
    Page {
        /// The results.
        results: PathBuf,
        /// The page.
        page: PathBuf,
        /// What they are about.
        #[arg(long, value_enum, default_value = "engine")]
        about: report::About,
    },
    /// Be the server.
    #[command(hide = true)]
    Serve,
    /// Send requests at a rate with as little as that takes.
    #[command(hide = true)]
    Floor(floor::Floor),
    /// Measure the operator on the cluster of KUBECONFIG.
    #[cfg(feature = "cluster")]
    Cluster {
        /// The file for the results.
        results: PathBuf,
    },
    /// Measure the operator beside thousands of objects and hundreds of runners that are played.
    #[cfg(feature = "cluster")]
    Scale(scale::Plan),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Engine { cases, tools, rounds, seconds, results } => {
            let cases = if cases.is_empty() { cases::Name::ALL.to_vec() } else { cases };
            std::fs::create_dir_all(results.parent().unwrap_or(Path::new(".")))?;
            cases::run(
                &cases::Plan { cases, only: tools, rounds: rounds.max(1), seconds: seconds.max(1) },
                &results,
            )
        }
        Command::Soak { minutes, results } => {
            std::fs::create_dir_all(results.parent().unwrap_or(Path::new(".")))?;
            cases::soak(minutes.max(1), &results)
        }
        Command::Page { results, page, about } => {
            let text = report::page(about, &results::Results::read(&results)?);
            std::fs::write(&page, text).with_context(|| format!("can't write {}", page.display()))
        }
        Command::Serve => server::serve(),
        Command::Floor(floor) => floor.run(),
        #[cfg(feature = "cluster")]
        Command::Cluster { results } => cluster::run(&results),
        #[cfg(feature = "cluster")]
        Command::Scale(plan) => scale::run(plan),
    }
}
