// SPDX-License-Identifier: Apache-2.0
//! The `upsurge-operator` command: reads its arguments and runs until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use upsurge_operator::{args::Args, run, telemetry};

/// Deltas are many small allocations that end soon: a quarter of the operator's work was glibc's bookkeeping of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::start(args.log_format);
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "operator ended");
            ExitCode::FAILURE
        }
    }
}
