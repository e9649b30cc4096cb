// SPDX-License-Identifier: Apache-2.0
//! Measures, on a real cluster with the chart installed: the time from applying a test to its first request, the spread
//! of the runners' starts, and what the operator costs with one run, with one of many figures, and with two hundred
//! finished ones. Prints figures beside goals; it never fails because of a figure.

mod cost;
mod fixtures;
mod report;
mod start;

use std::path::Path;

use anyhow::{Context as _, Result};
use kube::Client;

/// Tests that are applied one after another to measure the start.
const ROUNDS: usize = 7;
/// Finished runs that the operator is to carry.
const FINISHED_RUNS: usize = 200;

/// Measures all of it and writes the results to the file.
///
/// # Errors
/// When there is no cluster, or it doesn't do what it is asked to.
#[tokio::main(flavor = "current_thread")]
pub async fn run(output: &Path) -> Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider is installed already")?;
    let client = Client::try_default().await.context("no cluster: set KUBECONFIG")?;
    let namespace = fixtures::namespace(&client).await?;

    let outcome = measure(&client, &namespace).await;
    fixtures::remove(&client, &namespace).await?;
    let report = outcome?;
    report.print();
    std::fs::write(output, report.to_json()?).with_context(|| format!("can't write {}", output.display()))?;
    Ok(())
}

async fn measure(client: &Client, namespace: &str) -> Result<report::Report> {
    fixtures::target(client, namespace).await?;
    let idle = cost::settled(client).await?;
    let mut starts = Vec::new();
    for round in 0..ROUNDS {
        starts.push(start::measure(client, namespace, round).await?);
    }
    let one_run = start::during_a_run(client, namespace).await?;
    let wide_run = start::during_a_wide_run(client, namespace).await?;
    cost::scale_operator(client, 0).await?;
    fixtures::finished_runs(client, namespace, FINISHED_RUNS).await?;
    cost::scale_operator(client, 1).await?;
    let many_runs = cost::settled(client).await?;
    Ok(report::Report { starts, idle, one_run, wide_run, many_runs, finished_runs: FINISHED_RUNS })
}
