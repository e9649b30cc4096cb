// SPDX-License-Identifier: Apache-2.0
//! Gets the tools: bench/install builds or installs each one, once, and prints where its program is.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::Peer;

/// A tool that is there.
pub struct Installed {
    /// Which one.
    pub peer: &'static dyn Peer,
    /// Its program.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
}

/// Installs a tool. bench/install prints its program and its version, a line each.
///
/// # Errors
/// When it can't be installed: without a network, say.
pub fn install(peer: &'static dyn Peer) -> Result<Installed> {
    let (program, version) = place(peer.name())?;
    Ok(Installed { peer, program, version })
}

/// Installs a program by its name; gives where it is, and its version.
///
/// # Errors
/// When it can't be installed.
pub fn place(name: &str) -> Result<(PathBuf, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install");
    let output = Command::new(script)
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .context("can't start bench/install")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    match (output.status.success(), lines.next(), lines.next()) {
        (true, Some(program), Some(version)) => Ok((program.into(), version.trim().to_owned())),
        _ => bail!("{name} can't be installed: see above"),
    }
}
