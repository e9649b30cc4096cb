// SPDX-License-Identifier: Apache-2.0
//! Arguments of `upsurge bench`.

use std::path::PathBuf;

use clap::Args;

use super::{ManifestArguments, SessionArguments};

/// What to measure, and how often.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,

    /// How often each request and group is measured. Default: as the test says, else 100.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub(crate) repeats: Option<i32>,

    /// How often each is done before, without being measured. Default: as the test says, else 10.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=100_000))]
    pub(crate) warm_up: Option<i32>,

    /// Base URL to use instead of spec.target.baseURL.
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,

    /// Directory with the files that the test takes from ConfigMaps and Secrets, as with `run`.
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,

    /// No progress, only the result.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// File to write the table, the limits and the verdict to, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) session: SessionArguments,
}
