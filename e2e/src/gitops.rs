// SPDX-License-Identifier: Apache-2.0
//! What Flux and Argo CD say of objects, asked of what they themselves use: the kstatus library, and gopher-lua with the health check
//! that the documentation shows.

use std::{path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::definitions::made;

/// What the two say of an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Reading {
    /// Flux.
    pub flux: Word,
    /// Argo CD.
    #[serde(rename = "argoCD")]
    pub argo_cd: Word,
}

/// A status and why it is so.
#[derive(Clone, Debug, Deserialize)]
pub struct Word {
    /// The status, in the words of the tool.
    pub status: String,
    /// Why it is so.
    pub message: String,
}

/// What they say of each of the objects.
///
/// # Errors
/// When the program that `E2E_GITOPS` leads to does not answer.
pub async fn readings(objects: &[Value]) -> Result<Vec<Reading>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/how-to/argo-cd-flux.md");
    let mut program = Command::new(made("E2E_GITOPS")?.join("gitops"))
        .arg("-page")
        .arg(page)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("gitops does not start")?;
    // It reads everything before it writes anything.
    let mut input = program.stdin.take().context("gitops has no input")?;
    input.write_all(&serde_json::to_vec(objects)?).await?;
    drop(input);
    let output = program.wait_with_output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let readings: Vec<Reading> = serde_json::from_slice(&output.stdout)?;
    ensure!(readings.len() == objects.len(), "{} readings of {} objects", readings.len(), objects.len());
    Ok(readings)
}
