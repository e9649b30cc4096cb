// SPDX-License-Identifier: Apache-2.0
//! A real controller of another project, run as a process beside a test, with its definitions in the cluster meanwhile.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result};
use tokio::process::{Child, Command};

use crate::definitions::{Definitions, made};

/// How much of a log is shown.
const SHOWN: usize = 6000;

/// A controller that runs until it is stopped.
pub struct Controller {
    process: Child,
    definitions: Definitions,
    log: PathBuf,
}

impl Controller {
    /// Installs the definitions of `crds/` and starts the program, both from the directory that an environment variable names. It acts
    /// with the rights of `KUBECONFIG`.
    ///
    /// # Errors
    /// When the variable is not set, the API server does not take the definitions, or the program does not start.
    pub async fn start(variable: &str, program: &str, arguments: &[&str]) -> Result<Self> {
        let definitions = Definitions::install(variable).await?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/e2e");
        fs::create_dir_all(&folder)?;
        let log = folder.join(format!("{program}.log"));
        let output = fs::File::create(&log)?;
        let process = Command::new(made(variable)?.join(program))
            .arg("--kubeconfig")
            .arg(env::var_os("KUBECONFIG").context("KUBECONFIG is not set")?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't start {program}"))?;
        Ok(Self { process, definitions, log })
    }

    /// Ends it and removes its definitions, and with them all objects of its kinds. Gives the outcome of the test; of one that has
    /// failed, with the end of the controller's log.
    ///
    /// # Errors
    /// That of the test, or when the definitions can't be removed.
    pub async fn stop(mut self, outcome: Result<()>) -> Result<()> {
        self.process.kill().await?;
        let outcome =
            outcome.with_context(|| format!("the end of {}:\n{}", self.log.display(), end(&self.log)));
        self.definitions.remove(outcome).await
    }
}

fn end(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let skipped = text.chars().count().saturating_sub(SHOWN);
    text.chars().skip(skipped).collect()
}

/// A port that is free on this machine.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<String> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string())
}
