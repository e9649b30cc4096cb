// SPDX-License-Identifier: Apache-2.0
//! What the operator may do, against what it did in all the tests before: each right is used, and nothing else is asked
//! for. `make e2e-full` runs it, as it says something only after all of `make e2e`.

use anyhow::{Context as _, Result, ensure};
use upsurge_e2e::{cluster, install, rights};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tells something only after `make e2e` on the same cluster: make e2e-full"]
async fn every_right_is_used_and_no_other_is_asked_for() -> Result<()> {
    let file = std::env::var("E2E_AUDIT_LOG")
        .context("E2E_AUDIT_LOG names no audit log: only the bundled cluster writes one")?;
    let client = cluster::client().await?;
    install::ensure(&client).await?;
    let granted = rights::granted(&client, install::NAMESPACE, install::RELEASE).await?;
    ensure!(
        !granted.is_empty(),
        "the operator has no rights at all, so this test looks at the wrong account"
    );
    let log =
        std::fs::read_to_string(&file).with_context(|| format!("the audit log {file} can't be read"))?;
    let asked = rights::asked(&log);
    let unused: Vec<String> = granted
        .iter()
        .filter(|right| !asked.allowed.iter().any(|used| right.covers(used)))
        .map(ToString::to_string)
        .collect();
    ensure!(
        unused.is_empty() && asked.refused.is_empty(),
        "rights that were never used: {}\nrefused: {}",
        unused.join("; "),
        asked.refused.into_iter().collect::<Vec<_>>().join("; ")
    );
    Ok(())
}
