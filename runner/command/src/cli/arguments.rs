// SPDX-License-Identifier: Apache-2.0
//! Commands and their arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use upsurge_crds::v1alpha1::TimeSpan;
use upsurge_target::config::Bytes;

mod bench;
mod cluster;
mod out;
mod quick;
mod session;

#[cfg(feature = "cluster")]
pub(super) use self::cluster::{ClusterArguments, GetArguments};
pub(super) use self::{
    bench::BenchArguments, cluster::ObserveArguments, out::OutArguments, quick::QuickArguments,
    session::SessionArguments,
};

/// What is shown below the help of the whole command.
const EXAMPLES: &str = "\
Examples:
  upsurge quick http://127.0.0.1:8080/           one URL, 200 requests by 50 users
  upsurge validate manifests/                    checks every LoadTest of a directory
  upsurge run --smoke test.yaml                  does each scenario once, and shows each request
  upsurge run test.yaml --target http://shop     runs a LoadTest from here

Documentation: docs/src in the repository of Upsurge";

/// Load tests and autoscaling validation, as Kubernetes resources.
#[derive(Debug, Parser)]
#[command(name = "upsurge", version, after_help = EXAMPLES, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a LoadTest manifest from here, without a cluster.
    ///
    /// Exit codes: 0 passed, 1 failed, 2 error, 3 inconclusive, 130 interrupted. Ctrl-C ends the load and
    /// shows what was measured; a second one ends at once.
    Run(RunArguments),
    /// Measure each request and group of a LoadTest on its own: many times in a row, by one user.
    ///
    /// Uses the test's load if that is a benchmark, else one of 100 repeats after a warm-up of 10. Exit codes are
    /// those of `run`: 1 if a request failed or a limit of the benchmark was not kept.
    Bench(BenchArguments),
    /// Request one URL over and over, without a manifest.
    ///
    /// By default 200 requests by 50 users. Exit codes are those of `run`.
    Quick(QuickArguments),
    /// Check LoadTest manifests and say what they will do.
    ///
    /// Checks what the API server and the operator check, names included. Documents of other kinds are left out, and
    /// named. Exit codes: 0 all are valid, 2 something is wrong or there is no LoadTest.
    Validate(ValidateArguments),
    /// Print what the operator keeps of a LoadTestRun in a cluster.
    ///
    /// Reads from the cluster and changes nothing. Exit codes: 0 printed, 2 it can't be had.
    #[cfg(feature = "cluster")]
    Get(GetArguments),
    /// Write what a record holds in another form, or check it; or the outcome of a LoadTestRun as JUnit XML.
    ///
    /// Reads a record, as `run --record` writes it and the operator keeps it in the cluster, or what `kubectl get loadtestrun NAME -o json`
    /// prints. Exit codes are those of `run`; of a run that is not finished it is 2. With --verify it is 1 if a figure differs.
    Report(ReportArguments),
    /// Keep a note in the record of a run, or on a run in a cluster: what it showed, what was done about that.
    ///
    /// Reports that are made from then on show it; no figure changes. Exit codes: 0 noted, 2 it can't be done, and all is as it was.
    Note(NoteArguments),
    /// Serve an HTTP service with scripted behaviour, to test against.
    Target(TargetArguments),
    /// Print a script that completes arguments in a shell.
    ///
    /// For bash: source <(upsurge completion bash)
    Completion(CompletionArguments),
    /// Write manual pages to a directory.
    ///
    /// To read one: man DIR/upsurge-run.1
    Man(ManArguments),
    /// Run a share of a LoadTestRun in a runner pod; the operator starts this.
    Agent,
    /// Put the record of a finished LoadTestRun into its store; the operator starts this in a pod.
    #[command(hide = true)]
    StoreRecord,
}

/// Which test of which file.
#[derive(Debug, Args)]
pub(super) struct ManifestArguments {
    /// YAML file that holds a LoadTest, or `-` for standard input.
    pub(super) file: PathBuf,

    /// Name of the LoadTest, when the file holds several.
    #[arg(long)]
    pub(super) name: Option<String>,
}

/// Which files to check.
#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    /// YAML files, directories (all YAML files in and below them), or `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    /// Check LoadTests of this name only.
    #[arg(long)]
    pub(super) name: Option<String>,
}

/// Which shell.
#[derive(Debug, Args)]
pub(super) struct CompletionArguments {
    /// Shell that the script is for.
    pub(super) shell: Shell,
}

/// Where to.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Directory to write to; it is made if it is not there.
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
}

/// How to run it.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) manifest: ManifestArguments,

    /// Base URL to use instead of spec.target.baseURL.
    #[arg(long, value_name = "URL")]
    pub(super) target: Option<String>,

    /// Directory with the files that the test takes from ConfigMaps and Secrets which are not in the
    /// manifest: configmap/NAME/KEY and secret/NAME/KEY, or NAME/KEY, or just KEY.
    #[arg(long, value_name = "DIR")]
    pub(super) files: Option<PathBuf>,

    /// No progress, only the result.
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// Do every scenario once by one user instead of the test's load, and show each request. Thresholds and
    /// expectations, which speak of the test's own load, are left out. The exit code is 1 if anything failed.
    #[arg(long)]
    pub(super) smoke: bool,

    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub(super) observe: ObserveArguments,

    #[command(flatten)]
    pub(super) session: SessionArguments,
}

/// Which run, and where to.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// File that holds a record, or a LoadTestRun with its status as YAML or JSON; `-` for standard input; or a record in a store, such as
    /// s3://BUCKET/KEY. Where there is no such file: name of a finished LoadTestRun in the cluster, whose record the operator has kept.
    pub(super) file: PathBuf,

    /// Form to write a record in; of a LoadTestRun `junit`, which is the default, or `text`.
    #[arg(long = "output", short = 'o', value_name = "FORM", value_enum)]
    pub(super) form: Option<Form>,

    /// File to write to. Default: standard output; with --recover, FILE without .part.
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub(super) to: Option<PathBuf>,

    /// Theme of a picture. Default: light in a PNG, that of the reader in an SVG.
    #[arg(long, value_enum, requires = "form")]
    pub(super) theme: Option<Colours>,

    /// Pixels of a PNG for each one of the SVG, 1 to 4. A picture is 960 of them wide. Default: 2.
    #[arg(long, value_name = "FACTOR", requires = "form", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(super) scale: Option<u8>,

    /// Compute the figures of a record once more from what was measured, and say which differ.
    #[arg(long, conflicts_with_all = ["form", "recover", "junit"])]
    pub(super) verify: bool,

    /// Make a record of FILE.part, which a run has left that was cut off. Its verdict is Error.
    #[arg(long, conflicts_with_all = ["form", "junit"])]
    pub(super) recover: bool,

    /// Directory to write a record and all its reports to, as `run --report-dir` does: after a note, for example.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["form", "to", "verify", "recover", "junit"])]
    pub(super) report_dir: Option<PathBuf>,

    /// Record of another run of the same load, to tell the elastic speedup against: in html, markdown, text and json, and the
    /// reports of --report-dir. A file, an object in a store, or the name of a run, as the record itself.
    #[arg(long, value_name = "RECORD", conflicts_with_all = ["verify", "recover"])]
    pub(super) baseline: Option<PathBuf>,

    /// File to write JUnit XML to, of a record or a LoadTestRun. Default: standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["form", "to"])]
    pub(super) junit: Option<PathBuf>,

    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
}

/// Which record or run, and what to note.
#[derive(Debug, Args)]
pub(super) struct NoteArguments {
    /// File that holds a record, packed or not. Where there is no such file: name of a LoadTestRun in the cluster.
    pub(super) file: PathBuf,

    /// What to note, as one argument of at most 4,000 characters; of a run in a cluster, 1,000.
    pub(super) text: String,

    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
}

/// Forms in which a record can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// A page in one file that loads nothing.
    Html,
    /// A summary for GitHub and GitLab.
    Markdown,
    /// The main chart as a picture.
    Svg,
    /// The same for what shows no SVG.
    Png,
    /// Verdict and course as rows of signs for a terminal.
    Text,
    /// The outcome as JUnit XML for CI systems, as `run --junit` writes it.
    Junit,
    /// The record itself, unpacked.
    Json,
    /// The course of the load, a row for each point.
    Csv,
}

/// Themes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colours {
    /// Dark on white.
    Light,
    /// Light on nearly black.
    Dark,
}

/// How the target behaves; flags win over the file.
#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// YAML file that says how to behave. Default: answer every request at once.
    pub(super) file: Option<PathBuf>,

    /// Address and port to listen at; port 0 takes a free one. Default: 127.0.0.1:8080.
    #[arg(long, env = "UPSURGE_TARGET_LISTEN")]
    pub(super) listen: Option<String>,

    /// Latency of every answer.
    #[arg(long, value_name = "TIME")]
    pub(super) latency: Option<TimeSpan>,

    /// Share of requests that fail, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub(super) error_rate: Option<f64>,

    /// CPU time that every request uses.
    #[arg(long, value_name = "TIME")]
    pub(super) cpu_per_request: Option<TimeSpan>,

    /// Memory that every request leaves behind, for example 4KiB.
    #[arg(long, value_name = "BYTES")]
    pub(super) memory_per_request: Option<Bytes>,

    /// Name whose addresses are those of all replicas, this one among them: that of a headless Service.
    #[arg(long, value_name = "HOST")]
    pub(super) peers: Option<String>,

    /// Scripted contention: the share by which each peer beyond the first adds to latency.
    #[arg(long, value_name = "SHARE")]
    pub(super) contention: Option<f64>,

    /// Scripted coherency: the share by which each ordered pair of peers adds to latency.
    #[arg(long, value_name = "SHARE")]
    pub(super) coherency: Option<f64>,

    /// Seed of everything that is random.
    #[arg(long)]
    pub(super) seed: Option<u64>,

    /// Time to go on serving after SIGTERM, with /readyz failing. Default: 5s.
    #[arg(long, value_name = "TIME")]
    pub(super) drain: Option<TimeSpan>,

    /// PEM file with the certificate chain, to serve HTTPS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,

    /// PEM file with the certificate's key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_two_arguments_get_in_each_others_way() {
        Arguments::command().debug_assert();
    }
}
