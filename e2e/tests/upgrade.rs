// SPDX-License-Identifier: Apache-2.0
//! An upgrade from an earlier release, whose images take long to build: only with `make e2e-full`.

use anyhow::{Result, ensure};
use kube::ResourceExt;
use serde_json::json;
use upsurge_crds::v1alpha1::Phase;
use upsurge_e2e::{
    fixtures::{constant, merged},
    install, operator,
    target::Target,
    wait::seconds,
    whole::{Made, ensure_whole},
    with_temp_namespace,
};

/// What the chart needs besides, for a run that began before it.
const UPGRADE: [&str; 2] = ["--set", "rbac.legacyCheckpoints=true"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs images of an earlier release: make e2e-full"]
async fn a_run_of_the_release_before_goes_on_through_an_upgrade() -> Result<()> {
    with_temp_namespace(async |context| {
        install::previous().await?;
        let outcome = async {
            let before = operator::leader(&context.client).await?;
            let target = Target::deploy(&context, json!({})).await?;
            let made = Made::watch(&context);
            let test = merged(constant(20, 90), json!({"runner": {"parallelism": 3}}));
            let run = context.start("upgraded", test).await?;
            context.loaded(&run, seconds(60)).await?;
            install::upgrade(&UPGRADE).await?;
            // Still under way, or it shows nothing.
            context.phase(&run, Phase::Running, seconds(5)).await?;
            let after = operator::leader(&context.client).await?;
            ensure!(before.uid() != after.uid(), "the operator was not replaced");
            ensure_whole(&context.finished(&run, seconds(120)).await?, &target, 1800).await?;
            made.ensure_once(3)
        }
        .await;
        install::upgrade(&[]).await?;
        outcome
    })
    .await
}
