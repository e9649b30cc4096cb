// SPDX-License-Identifier: Apache-2.0
//! The operator, installed by its chart as users do it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};

pub use crate::operator::{NAMESPACE, RELEASE};
use crate::{cluster::command, operator};

/// Annotation of the operator's pods that tells which build they are of: all have the tag `dev`.
const BUILD: &str = "upsurge.dev/e2e-build";

/// Installs the chart, or brings it up to date; nothing if that is done already. Tests in other processes wait.
///
/// # Errors
/// Those of helm.
pub async fn ensure(client: &Client) -> Result<()> {
    let _lock = tokio::task::spawn_blocking(lock).await??;
    let build = build()?;
    if installed(client).await?.as_deref() != Some(build.as_str()) {
        upgrade(&[]).await?;
    }
    Ok(())
}

/// `helm upgrade --install` with further arguments; without any, the installation of all tests. One with further
/// arguments is undone by the next [`ensure`].
///
/// # Errors
/// Those of helm.
pub async fn upgrade(further: &[&str]) -> Result<()> {
    let mut build = build()?;
    if !further.is_empty() {
        build.push_str("-altered");
    }
    // Tests wait until the runners of a run are gone.
    let keep = ["--set", "runner.keep.passed=20s"];
    release(&chart()?, "dev", &build, &[&keep, further].concat()).await
}

/// Lets the operator set the replicas of targets in a namespace for as long as something is done. Whatever comes of it, others find the
/// operator as it was.
///
/// # Errors
/// Those of what is done, of helm, and when no operator leads in time.
pub async fn with_pinning<T>(
    client: &Client,
    namespace: &str,
    done: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    upgrade(&["--set", &format!("pinning.namespaces={{{namespace}}}")]).await?;
    operator::leader(client).await?;
    let outcome = done().await;
    upgrade(&[]).await?;
    operator::leader(client).await?;
    outcome
}

/// Installs an earlier release instead, of which `tools/build previous` has made chart and images. Undone by the next
/// [`ensure`].
///
/// # Errors
/// Those of helm, and without `UPSURGE_PREVIOUS_DIR`.
pub async fn previous() -> Result<()> {
    let folder = env::var("UPSURGE_PREVIOUS_DIR")
        .context("UPSURGE_PREVIOUS_DIR is not set: run this test with `make e2e-full`")?;
    release(&format!("{folder}/chart"), "previous", "previous", &[]).await
}

/// Installs the chart of a registry without TLS instead, as a user does on a cluster that has nothing of it: `image.registry` alone
/// is not the default, so the nodes pull the images from there. Undone by the next [`ensure`].
///
/// # Errors
/// Those of helm.
pub async fn from_registry(registry: &str, version: &str) -> Result<()> {
    let place = ["--namespace", NAMESPACE, "--wait", "--timeout", "3m"];
    let uninstall = [["uninstall", RELEASE, "--ignore-not-found"].as_slice(), &place].concat();
    command("helm", &uninstall).await.context("the chart can't be uninstalled")?;
    let (chart, images) =
        (format!("oci://{registry}/upsurge/charts/upsurge"), format!("image.registry={registry}"));
    let chosen = ["--version", version, "--plain-http", "--create-namespace", "--set", &images];
    let install = [["install", RELEASE, &chart].as_slice(), &chosen, &place].concat();
    command("helm", &install).await.context("the registry's chart can't be installed")?;
    Ok(())
}

async fn release(chart: &str, tag: &str, build: &str, further: &[&str]) -> Result<()> {
    let operator_tag = format!("operator.image.tag={tag}");
    let runner_tag = format!("runner.image.tag={tag}");
    let annotation = format!("operator.podAnnotations.{}={build}", BUILD.replace('.', "\\."));
    let mut arguments = vec![
        "upgrade",
        "--install",
        RELEASE,
        chart,
        "--namespace",
        NAMESPACE,
        "--create-namespace",
        "--set",
        &operator_tag,
        "--set",
        &runner_tag,
        "--set",
        "operator.logFilter=info\\,upsurge_operator=debug",
        "--set-string",
        &annotation,
        "--wait",
        "--timeout",
        "3m",
    ];
    arguments.extend(further);
    command("helm", &arguments).await.context("the chart can't be installed")?;
    Ok(())
}

/// The build that is installed and available.
async fn installed(client: &Client) -> Result<Option<String>> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    Ok(deployments.get_opt(RELEASE).await?.and_then(|deployment| {
        let status = deployment.status?;
        let complete = status.observed_generation == deployment.metadata.generation
            && status.updated_replicas == status.replicas
            && status.available_replicas.unwrap_or(0) > 0;
        let annotations = deployment.spec.template.metadata?.annotations?;
        complete.then(|| annotations.get(BUILD).cloned()).flatten()
    }))
}

/// The chart's folder.
///
/// # Errors
/// When its path is not UTF-8.
pub fn chart() -> Result<String> {
    let chart = env::var("UPSURGE_CHART_DIR").map_or_else(|_| root().join("charts/upsurge"), PathBuf::from);
    Ok(chart.to_str().context("the path of the chart is not UTF-8")?.into())
}

/// Tells builds apart: when the images and the chart were written.
fn build() -> Result<String> {
    let images = env::var("UPSURGE_IMAGES_DIR").map_or_else(|_| root().join("target/images"), PathBuf::from);
    let newest = [images.join("upsurge-operator.tar"), images.join("upsurge-runner.tar"), chart()?.into()]
        .iter()
        .map(|path| newest(path))
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(newest.duration_since(SystemTime::UNIX_EPOCH)?.as_millis().to_string())
}

/// The latest change of a file, or in a folder.
fn newest(path: &Path) -> SystemTime {
    let own = fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let within = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| newest(&entry.path()));
    within.chain([own]).max().unwrap_or(own)
}

/// One installation at a time; released when the file is dropped.
fn lock() -> Result<fs::File> {
    let folder = root().join("target/e2e");
    fs::create_dir_all(&folder)?;
    let file = fs::File::create(folder.join("install.lock"))?;
    file.lock()?;
    Ok(file)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
