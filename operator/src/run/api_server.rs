// SPDX-License-Identifier: Apache-2.0
//! How the operator reaches the API server.

use anyhow::Context as _;
use kube::{Client, Config};

/// A client for the API server that a kubeconfig names, or else for the one whose pod this is. Its connections are served by the
/// runtime that asks for it.
///
/// # Errors
/// When it is not known how to reach the API server.
pub async fn connect() -> anyhow::Result<Client> {
    let failed = "failed to find out how to reach the API server";
    upsurge_observer::client(Config::infer().await.context(failed)?).context(failed)
}
