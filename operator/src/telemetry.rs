// SPDX-License-Identifier: Apache-2.0
//! The log: structured events on standard error, filtered by `RUST_LOG`.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

use crate::args::LogFormat;

/// Starts to log. Does nothing if something else logs already.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if let Err(error) = started {
        tracing::warn!(%error, "log was started before");
    }
}
