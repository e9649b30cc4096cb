// SPDX-License-Identifier: Apache-2.0
//! Arguments of whatever runs a test: how it is run, and what is written of it.

use std::path::PathBuf;

use clap::Args;

use super::out::OutArguments;

/// The same for `run` and `quick`.
#[derive(Debug, Args)]
pub(crate) struct SessionArguments {
    /// Threads that generate load. Default: one per CPU.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,

    /// Print progress as a line now and then instead of a view that is drawn in place, and everything without
    /// colours. This is the default where there is no terminal, with TERM=dumb, and where CI or NO_COLOR is set.
    #[arg(long)]
    pub(crate) plain: bool,

    /// File to write the summary to, as JSON in the form of k6's handleSummary.
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,

    /// File to write the course of the load to, as CSV: a row for each second and series.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,

    /// File to write the outcome to, as JUnit XML: a test case for each threshold, check and the verdict.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// File to write the whole result to, as JSON; `-` prints it instead of the text.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// File to write the record to: all that is known of the run, from which reports are made. While the load runs, FILE.part
    /// holds what there is so far. Or an object in a store: s3://BUCKET/KEY, gs://BUCKET/KEY or az://CONTAINER/KEY, with credentials
    /// from the environment.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) record: Option<PathBuf>,

    /// Directory to write the record and all reports to: run.record, report.html (a page in one file), report.md and junit.xml. It is
    /// made if it is not there.
    #[arg(long, value_name = "DIR", conflicts_with = "record")]
    pub(crate) report_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) out: OutArguments,
}
