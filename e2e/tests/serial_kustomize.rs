// SPDX-License-Identifier: Apache-2.0
//! The commands of the documentation that take everything away, and the installation without Helm: `deploy/base` on a cluster
//! that has nothing of Upsurge.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use serde_json::json;
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    cluster::command,
    diagnostics,
    fixtures::constant,
    install, operator,
    target::Target,
    wait::{self, seconds},
    whole::ensure_whole,
    with_temp_namespace,
};
use upsurge_testing::pages::blocks;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Writes an overlay as users have one, with the images that the nodes have; gives its folder.
fn overlay() -> Result<String> {
    let folder = root().join("target/e2e/kustomize");
    fs::create_dir_all(&folder)?;
    let runner = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "upsurge", "namespace": install::NAMESPACE},
        "spec": {"template": {"spec": {"containers": [{
            "name": "operator", "env": [{"name": "UPSURGE_RUNNER_IMAGE", "value": "upsurge/runner:dev"}],
        }]}}},
    });
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": ["../../../deploy/base"],
        "images": [{"name": "upsurge/operator", "newTag": "dev"}],
        "patches": [{"patch": runner.to_string()}],
    });
    fs::write(folder.join("kustomization.yaml"), kustomization.to_string())?;
    Ok(folder.to_str().context("the path is not UTF-8")?.to_owned())
}

/// Takes everything of Upsurge away as the page of the installation says, and looks that nothing is left.
async fn nothing_by_the_page() -> Result<()> {
    // What the page names as left by helm.
    command("helm", &["test", install::RELEASE, "--namespace", install::NAMESPACE]).await?;
    let page = blocks(&root(), "docs/src/how-to/install.md");
    let commands =
        page.iter().find(|block| block.language == "sh" && block.text.contains("kubectl delete crd"));
    let commands = commands.context("the page has no commands that take everything away")?;
    command("bash", &["-euc", &commands.text]).await?;
    nothing_is_left(&commands.place()).await
}

/// Whatever took everything away left nothing that the next installation would stumble over.
async fn nothing_is_left(by: &str) -> Result<()> {
    let kinds = "crds,clusterroles,clusterrolebindings,namespaces";
    let left = command("kubectl", &["get", kinds, "--output", "name"]).await?;
    // Namespaces of tests, which are named after it too, go by themselves.
    let left: Vec<&str> =
        left.lines().filter(|name| name.contains("upsurge") && !name.contains("upsurge-e2e-")).collect();
    ensure!(left.is_empty(), "{by} leaves {left:?}");
    Ok(())
}

/// Takes the installation without Helm away, by the command that the page names, on the overlay.
async fn nothing() -> Result<()> {
    command("kubectl", &["delete", "--ignore-not-found", "--timeout=3m", "-k", &overlay()?]).await?;
    nothing_is_left("kubectl delete -k").await
}

async fn installed(context: &Context) -> Result<()> {
    let folder = overlay()?;
    // As the documentation says it.
    command("kubectl", &["apply", "--server-side", "-k", &folder]).await?;
    let available = |deployment: &Deployment| {
        let status = deployment.status.as_ref();
        status.is_some_and(|status| status.available_replicas == Some(2))
    };
    let deployments = Api::<Deployment>::namespaced(context.client.clone(), install::NAMESPACE);
    wait::until(&deployments, install::RELEASE, "has two operators", seconds(90), available).await?;
    operator::leader(&context.client).await?;
    let target = Target::deploy(context, json!({})).await?;
    let run = context.run("installed", constant(20, 5), seconds(90)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    ensure_whole(&run, &target, 100).await?;
    // Once more is no change.
    let again = command("kubectl", &["diff", "--server-side", "-k", &folder]).await;
    ensure!(again.is_ok(), "what was applied is not what there is: {again:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "replaces the operator and all definitions twice: make e2e-full"]
async fn the_installation_without_helm_comes_up_and_runs_a_test() -> Result<()> {
    with_temp_namespace(async |context| {
        nothing_by_the_page().await?;
        let outcome = installed(&context).await;
        if outcome.is_err() {
            // Afterwards there is nothing to be known any more.
            diagnostics::write(&context, "kustomize").await;
        }
        nothing().await?;
        install::upgrade(&[]).await?;
        operator::leader(&context.client).await?;
        outcome
    })
    .await
}
