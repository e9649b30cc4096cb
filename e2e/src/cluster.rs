// SPDX-License-Identifier: Apache-2.0
//! The way to the cluster, and commands against it.

use std::{env, ffi::OsStr, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use kube::Client;
use tokio::process::Command;

/// A client for the cluster of `KUBECONFIG`.
///
/// # Errors
/// Without `KUBECONFIG`: tests write to the cluster, so that it must be named on purpose.
pub async fn client() -> Result<Client> {
    ensure!(
        env::var_os("KUBECONFIG").is_some(),
        "KUBECONFIG is not set: run these tests with `make e2e` or `e2e/cluster/with exec …`"
    );
    Client::try_default().await.context("can't use the cluster of KUBECONFIG")
}

/// Runs a command that must succeed, and gives its standard output.
///
/// # Errors
/// When it can't be started or fails; then with all that it has printed.
pub async fn command<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("can't run {program}; is it on PATH?"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
    ensure!(
        output.status.success(),
        "{program} {} failed ({}):\n{text}{}",
        shown.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}
