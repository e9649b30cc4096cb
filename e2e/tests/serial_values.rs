// SPDX-License-Identifier: Apache-2.0
//! Every file of values that the chart or the documentation shows, installed as a second release in the test's own namespace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Node, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use upsurge_e2e::{
    Context, certificate::Issuer, cluster::command, definitions::Definitions, install, target::apply,
    with_temp_namespace,
};

/// Name of the release.
const RELEASE: &str = "shown";
/// Those of the Prometheus operator are mostly not there.
const UNMONITORED: &str = "monitoring.serviceMonitor.enabled=false,monitoring.prometheusRule.enabled=false";
/// The images that the nodes have, whatever the values say.
const IMAGES: &str = "image.registry=,image.tag=dev,image.digest=,operator.image.registry=,operator.image.repository=upsurge/operator,\
    operator.image.tag=dev,operator.image.digest=,runner.image.registry=,runner.image.repository=upsurge/runner,\
    runner.image.tag=dev,runner.image.digest=";
/// What tells a zone from another.
const ZONE: &str = "topology.kubernetes.io/zone";

#[tokio::test(flavor = "multi_thread")]
async fn what_sets_most_values_can_be_installed() -> Result<()> {
    with_temp_namespace(async |context| {
        let file = Path::new(&install::chart()?).join("ci/full-values.yaml");
        installed(&context, &file, &["--set", UNMONITORED], async || Ok(())).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, and the definitions of the Prometheus operator: make e2e-full"]
async fn every_file_of_values_can_be_installed_and_the_documented_ones_bring_up_an_operator() -> Result<()> {
    with_temp_namespace(async |context| {
        let definitions = Definitions::install("E2E_MONITORING").await?;
        let zoned = zoned(&context).await?;
        let outcome = brought_up(&context).await;
        for node in zoned {
            label(&context, &node, Value::Null).await?;
        }
        definitions.remove(outcome).await
    })
    .await
}

async fn brought_up(context: &Context) -> Result<()> {
    let credentials = json!({"stringData": {"ca.crt": Issuer::new()?.pem(), "token": "word"}});
    for name in ["prometheus-token", "upsurge-prometheus"] {
        apply::<Secret>(context, name, credentials.clone()).await?;
    }
    let (shown, _folder) = documented().await?;
    let mut monitored = 0;
    for file in &shown {
        let up = ["--set", IMAGES, "--wait", "--timeout", "3m"];
        monitored += installed(context, file, &up, async || {
            let namespace = ["--namespace", &context.namespace];
            let test = ["test", RELEASE, "--timeout", "2m"];
            command("helm", &[&test[..], &namespace].concat()).await?;
            // Taken, as the installation would have failed else; here only whether there are any at all.
            let kept = ["get", "servicemonitors,prometheusrules", "--output", "name"];
            Ok(command("kubectl", &[&kept[..], &namespace].concat()).await?.lines().count())
        })
        .await?;
    }
    ensure!(monitored >= 4, "only {monitored} ServiceMonitors and PrometheusRules of two files");
    // The others show values that can't be had here, and with what the Prometheus operator has defined they are taken too.
    for file in &further()? {
        installed(context, file, &[], async || Ok(())).await?;
    }
    // Which would not be worth much if it took anything.
    let wrong =
        "monitoring.serviceMonitor.enabled=true,monitoring.serviceMonitor.relabelings[0].action=nonsense";
    let last = shown.last().context("no files")?;
    let refused = installed(context, last, &["--set", wrong], async || Ok(())).await;
    let told = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(told.contains("nonsense"), "a wrong ServiceMonitor was taken: {told}");
    Ok(())
}

/// Installs a release with values and further arguments, has something done with it, and takes it away again. It watches the test's
/// namespace alone.
async fn installed<T>(
    context: &Context,
    values: &Path,
    further: &[&str],
    done: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    let namespace = ["--namespace", &context.namespace];
    let watched = format!("watchNamespaces={{{0}}},pinning.namespaces={{{0}}}", context.namespace);
    // Nothing of it in namespaces that are somebody's, or that there are not. The definitions belong to the release of the tests.
    let places = ["dashboards", "serviceMonitor", "prometheusRule"]
        .map(|part| format!("monitoring.{part}.namespace={}", context.namespace))
        .join(",");
    let chart = install::chart()?;
    let install = ["install", RELEASE, &chart, "--values", text(values)?, "--set", "crds.install=false"];
    let sets = ["--set", &watched, "--set", &places];
    let installed = command("helm", &[&install[..], &namespace, &sets, further].concat()).await;
    let outcome = match installed {
        Ok(_) => done().await,
        Err(error) => Err(error),
    };
    let uninstall = ["uninstall", RELEASE, "--ignore-not-found", "--wait"];
    command("helm", &[&uninstall[..], &namespace].concat()).await?;
    outcome.with_context(|| values.display().to_string())
}

/// The files of values that the documentation shows, and the folder that they are in as long as it is kept.
async fn documented() -> Result<(Vec<PathBuf>, TempDir)> {
    let folder = tempfile::tempdir()?;
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/documented-values");
    command(text(&tool)?, &[folder.path()]).await?;
    let files = yaml(folder.path())?;
    ensure!(files.len() >= 8, "only {} files of values in the documentation", files.len());
    Ok((files, folder))
}

/// The chart's own files of values, which try its templates.
fn further() -> Result<Vec<PathBuf>> {
    yaml(&Path::new(&install::chart()?).join("ci"))
}

fn yaml(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}

/// Puts nodes that are in no zone into one, as some values ask for zones; gives their names.
async fn zoned(context: &Context) -> Result<Vec<String>> {
    let nodes = Api::<Node>::all(context.client.clone()).list(&ListParams::default()).await?.items;
    let nowhere = nodes.iter().filter(|node| !node.labels().contains_key(ZONE));
    let nowhere: Vec<String> = nowhere.map(|node| node.name_any()).collect();
    for node in &nowhere {
        label(context, node, json!("e2e")).await?;
    }
    Ok(nowhere)
}

async fn label(context: &Context, node: &str, zone: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"labels": {ZONE: zone}}}));
    Api::<Node>::all(context.client.clone()).patch(node, &PatchParams::default(), &patch).await?;
    Ok(())
}
