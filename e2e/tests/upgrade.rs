// SPDX-License-Identifier: Apache-2.0
//! An upgrade from an earlier release, whose images take long to build: only with `make e2e-full`.
//!
//! That release may have other words for some fields. Its tests are written in its words here, and read without our types.

use anyhow::{Context as _, Result, ensure};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, PostParams},
};
use serde_json::{Value, json};
use upsurge_crds::{LoadTest, v1alpha1::Phase};
use upsurge_e2e::{
    Context, install, operator,
    target::Target,
    wait::{self, seconds},
    whole::{Made, ensure_whole},
    with_temp_namespace,
};

/// 20 requests per second for 90 seconds by three runners, in the words of that release.
fn in_its_words() -> Value {
    json!({
        "target": {"baseURL": "http://target:8080"},
        "scenarios": [{"name": "get", "steps": [{"request": {"name": "get", "url": "/"}}]}],
        "load": {"unit": "IterationsPerSecond", "constant": {"level": 20, "duration": "90s"}},
        "runner": {
            "parallelism": 3, "maxLag": "3s", "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
        },
    })
}

/// Makes a test of that release; gives the name of its run.
async fn start(context: &Context, name: &str) -> Result<String> {
    let resource = ApiResource::erase::<LoadTest>(&());
    let tests: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &context.namespace, &resource);
    let test: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": name}, "spec": in_its_words(),
    }))?;
    tests.create(&PostParams::default(), &test).await.context("the test was refused")?;
    wait::eventually("the test has a run", seconds(20), async || {
        let test = tests.get(name).await?;
        Ok(test.data["status"]["lastRun"].as_str().map(String::from))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs images of an earlier release: make e2e-full"]
async fn a_run_of_the_release_before_goes_on_through_an_upgrade() -> Result<()> {
    with_temp_namespace(async |context| {
        install::previous().await?;
        let outcome = async {
            let before = operator::leader(&context.client).await?;
            let target = Target::deploy(&context, json!({})).await?;
            let made = Made::watch(&context);
            let run = start(&context, "upgraded").await?;
            context.loaded(&run, seconds(60)).await?;
            install::upgrade(&[]).await?;
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
