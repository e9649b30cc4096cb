//! The `upsurge` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    upsurge::cli::main()
}
