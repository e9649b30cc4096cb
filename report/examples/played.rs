// SPDX-License-Identifier: Apache-2.0
//! Prints the report of a played run: the picture of the documentation, or a page to look at.
//!
//! `cargo run -p upsurge-report --example played -- svg|html|markdown|record [spike|hour|day|search|…]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of this repository")]

#[path = "../tests/report/played.rs"]
mod played;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use upsurge_record::disk::encode;
use upsurge_report::{html, markdown, svg};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let record = match arguments.get(1).map_or("spike", String::as_str) {
        "spike" => played::spike(),
        "day" => played::day(),
        "hour" => played::lasting(3_600, 1),
        "search" => played::search(),
        "hostile" => played::hostile(),
        "aborted" => played::aborted(),
        "empty" => played::empty_load(),
        "one-request" => played::one_request(),
        "broken" => played::broken_before_start(),
        _ => return ExitCode::from(2),
    };
    let text = match arguments.first().map(String::as_str) {
        Some("svg") => svg(&record),
        Some("html") => html(&record),
        Some("markdown") => markdown(&record),
        // Packed, as a run writes it.
        Some("record") => {
            io::stdout().write_all(&encode(&record, &[]).unwrap()).unwrap();
            return ExitCode::SUCCESS;
        }
        _ => return ExitCode::from(2),
    };
    print!("{text}");
    ExitCode::SUCCESS
}
