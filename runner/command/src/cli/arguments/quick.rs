// SPDX-License-Identifier: Apache-2.0
//! Arguments of `upsurge quick`, named as in oha and hey where these have them.

use std::path::PathBuf;

use clap::Args;
use upsurge_crds::v1alpha1::TimeSpan;

use super::session::SessionArguments;

/// One request, over and over.
#[derive(Debug, Args)]
pub(crate) struct QuickArguments {
    /// URL to request. Without a scheme, http:// is meant. May hold templates, as in /items/{{ iteration }}.
    pub(crate) url: String,

    /// Users at work at the same time, each with a connection of its own. Default: 50. With --rate: the
    /// most there may be; default 10 times the rate, at least 100.
    #[arg(short, long, visible_alias = "users", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: Option<u32>,

    /// Requests to start per second in all, however long they take (open model). Default: as many as the
    /// users get done.
    #[arg(short = 'q', long, value_name = "PER SECOND")]
    pub(crate) rate: Option<f64>,

    /// Requests in all. Default, where there is no --duration: 200.
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) requests: Option<u64>,

    /// How long, instead of a number of requests.
    #[arg(short, short_alias = 'z', long, value_name = "TIME")]
    pub(crate) duration: Option<TimeSpan>,

    /// Method. Default: GET, or POST with a body.
    #[arg(short, long)]
    pub(crate) method: Option<String>,

    /// Header to send, as "Name: value". May be given many times.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Body to send. May hold templates.
    #[arg(short, long, visible_alias = "data", value_name = "TEXT", conflicts_with = "body_file")]
    pub(crate) body: Option<String>,

    /// File with the body to send, as it is.
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(crate) body_file: Option<PathBuf>,

    /// Content-Type of the body.
    #[arg(short = 'T', long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,

    /// User and password of basic authentication, as USER:PASSWORD.
    #[arg(short = 'a', long, value_name = "USER:PASSWORD")]
    pub(crate) auth: Option<String>,

    /// Proxy to send requests through.
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Most redirects that are followed. Default: 10.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8))]
    pub(crate) redirects: Option<u8>,

    /// Speak HTTP/2 only; without TLS, with prior knowledge. Default: HTTP/2 if the server chooses it
    /// during the TLS handshake.
    #[arg(long)]
    pub(crate) http2: bool,

    /// Open a connection for every request.
    #[arg(long)]
    pub(crate) disable_keepalive: bool,

    /// Longest time that a request may take. Default: 60s.
    #[arg(short, long, value_name = "TIME")]
    pub(crate) timeout: Option<TimeSpan>,

    /// Accept any server certificate.
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Limit that must hold, as a metric and a condition: "http_req_duration p(95) < 200ms". The exit code
    /// is 1 if it does not. May be given many times.
    #[arg(long = "threshold", value_name = "LIMIT")]
    pub(crate) thresholds: Vec<String>,

    /// No progress, only the result.
    #[arg(long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) session: SessionArguments,
}
