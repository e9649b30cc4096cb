// SPDX-License-Identifier: Apache-2.0
//! What the operator may do, against what it did in all the tests before: each right is used, and nothing else is asked
//! for. `make e2e-full` runs it, as it says something only after all of `make e2e`.

use anyhow::{Context as _, Result, ensure};
use upsurge_e2e::{
    cluster, install,
    rights::{self, Right},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tells something only after `make e2e` on the same cluster: make e2e-full"]
async fn every_right_is_used_and_no_other_is_asked_for() -> Result<()> {
    let file = std::env::var("E2E_AUDIT_LOG")
        .context("E2E_AUDIT_LOG names no audit log: only the bundled cluster writes one")?;
    let client = cluster::client().await?;
    install::ensure(&client).await?;
    let granted = rights::granted(&client, install::NAMESPACE, install::RELEASE).await?;
    let all = || granted.everywhere.iter().chain(&granted.within);
    ensure!(
        all().next().is_some(),
        "the operator has no rights at all, so this test looks at the wrong account"
    );
    let log =
        std::fs::read_to_string(&file).with_context(|| format!("the audit log {file} can't be read"))?;
    let asked = rights::asked(&log);
    let unused: Vec<String> = all()
        .filter(|right| !asked.allowed.iter().any(|used| right.covers(used)))
        .map(ToString::to_string)
        .collect();
    // What it may do everywhere it is refused only while a test takes its rights away, to give it others.
    let may = |right: &Right| granted.everywhere.iter().any(|granted| granted.covers(right));
    let refused: Vec<String> = asked
        .refused
        .into_iter()
        .filter(|(_, right)| !right.as_ref().is_some_and(may))
        .map(|(request, _)| request)
        .collect();
    ensure!(
        unused.is_empty() && refused.is_empty(),
        "rights that were never used: {}\nrefused: {}",
        unused.join("; "),
        refused.join("; ")
    );
    Ok(())
}
