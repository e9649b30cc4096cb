// SPDX-License-Identifier: Apache-2.0
//! Definitions of another project's kinds, in the cluster as long as a test needs them.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::cluster::command;

/// Definitions that are installed.
pub struct Definitions(PathBuf);

impl Definitions {
    /// Installs those in `crds/` of a directory that `tools/build` has made, and that an environment variable names.
    ///
    /// # Errors
    /// When the variable is not set, or the API server does not take them.
    pub async fn install(variable: &str) -> Result<Self> {
        let folder = made(variable)?.join("crds");
        // Some are larger than the annotation of a client-side apply may be.
        kubectl(&["apply", "--server-side", "--force-conflicts"], &folder).await?;
        kubectl(&["wait", "--for=condition=Established", "--timeout=60s"], &folder).await?;
        Ok(Self(folder))
    }

    /// Removes them, and with them all objects of their kinds. Gives the outcome of the test.
    ///
    /// # Errors
    /// That of the test, or when they can't be removed.
    pub async fn remove(self, outcome: Result<()>) -> Result<()> {
        let removed = kubectl(&["delete", "--ignore-not-found", "--timeout=90s"], &self.0).await;
        outcome?;
        removed
    }
}

/// A directory that `tools/build` has made.
///
/// # Errors
/// When the variable that names it is not set.
pub fn made(variable: &str) -> Result<PathBuf> {
    let directory =
        env::var_os(variable).with_context(|| format!("{variable} is not set: run `make e2e-full`"))?;
    Ok(PathBuf::from(directory))
}

async fn kubectl(arguments: &[&str], folder: &Path) -> Result<()> {
    let file = ["--filename".as_ref(), folder.as_os_str()];
    let arguments: Vec<&OsStr> = arguments.iter().map(|one| one.as_ref()).chain(file).collect();
    command("kubectl", &arguments).await.map(drop)
}
