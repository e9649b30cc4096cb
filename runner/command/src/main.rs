// SPDX-License-Identifier: Apache-2.0
//! The `upsurge` command.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
