// SPDX-License-Identifier: Apache-2.0
//! Arguments of what is pushed to servers while the load runs.

use clap::Args;
use upsurge_crds::v1alpha1::TimeSpan;
use upsurge_output::{Destination, Header, Statistic, Tag, TrendWindow};

/// Where figures are pushed to, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Outputs")]
pub(crate) struct OutArguments {
    /// Server to push figures to while the load runs: prometheus=URL (remote write) or otlp=URL
    /// (OpenTelemetry over HTTP). May be given many times. A login may stand in the URL.
    #[arg(long = "out", value_name = "KIND=URL")]
    pub(crate) destinations: Vec<Destination>,

    /// Header to send to these servers, as "Name: value". May be given many times; in the environment,
    /// one on each line.
    #[arg(
        long = "out-header",
        value_name = "HEADER",
        env = "UPSURGE_OUT_HEADERS",
        value_delimiter = '\n',
        hide_env_values = true
    )]
    pub(crate) out_headers: Vec<Header>,

    /// Time between two pushes.
    #[arg(long = "out-interval", value_name = "TIME", default_value = "5s")]
    pub(crate) every: TimeSpan,

    /// What Prometheus gets of trends: avg, min, max, med, count, sum, p(N).
    #[arg(
        long = "out-trend-stats",
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "p(50),p(95),p(99)"
    )]
    pub(crate) statistics: Vec<Statistic>,

    /// What these statistics speak of: the run so far, or the time since the last push.
    #[arg(long = "out-trend-window", value_name = "WINDOW", value_enum, default_value_t)]
    pub(crate) window: TrendWindow,

    /// Tag of everything that is pushed, as NAME=VALUE. May be given many times.
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<Tag>,

    /// Value of the tag testid, which tells runs apart. Default: the test's name and its start.
    #[arg(long = "testid", value_name = "ID")]
    pub(crate) test_id: Option<String>,
}
