// SPDX-License-Identifier: Apache-2.0
//! The chart as users set it: its own test, what it says of runners, and every file of values that it or the documentation
//! shows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use serde_json::json;
use upsurge_crds::v1alpha1::{Phase, Verdict};
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    cluster::{client, command},
    fixtures::constant,
    install, operator,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_charts_own_test_passes() -> Result<()> {
    let client = client().await?;
    install::ensure(&client).await?;
    operator::leader(&client).await?;
    let told =
        command("helm", &["test", install::RELEASE, "-n", install::NAMESPACE, "--timeout", "2m"]).await?;
    ensure!(told.contains("Succeeded"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chart_says_of_runners_holds_unless_a_test_says_otherwise() -> Result<()> {
    with_temp_namespace(async |context| {
        let restored = context.clone();
        let outcome = defaults(context).await;
        install::upgrade(&[]).await?;
        operator::leader(&restored.client).await?;
        outcome
    })
    .await
}

async fn defaults(context: Context) -> Result<()> {
    let runner = json!({
        "labels": {"cost-centre": "4711"},
        "annotations": {"example.com/note": "load"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "imagePullSecrets": [{"name": "not-there"}],
        "resources": {"requests": {"cpu": "7m"}},
        // As on OpenShift, where the user is somebody else's choice.
        "podSecurityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
    });
    // By the collector's full name, too.
    install::upgrade(&["--set-json", &format!("runner={runner}"), "--set", "clusterDomain=cluster.local"])
        .await?;
    operator::leader(&context.client).await?;
    Target::deploy(&context, json!({})).await?;

    let mut silent = constant(5, 5);
    silent["runner"]["resources"].take();
    let run = context.start("silent", silent).await?;
    context.phase(&run, Phase::Running, seconds(60)).await?;
    let pod = pod(&context, &run).await?;
    ensure!(pod["metadata"]["labels"]["cost-centre"] == "4711", "{pod:#}");
    ensure!(pod["metadata"]["annotations"]["example.com/note"] == "load", "{pod:#}");
    ensure!(pod["spec"]["nodeSelector"]["kubernetes.io/os"] == "linux", "{pod:#}");
    ensure!(pod["spec"]["imagePullSecrets"] == json!([{"name": "not-there"}]), "{pod:#}");
    ensure!(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "7m", "{pod:#}");
    ensure!(pod["spec"]["securityContext"]["runAsUser"].is_null(), "{pod:#}");
    ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Passed, "ThresholdsMet")?;

    // The tests' own runners name their resources.
    let run = context.start("outspoken", constant(5, 5)).await?;
    context.phase(&run, Phase::Running, seconds(60)).await?;
    let pod = self::pod(&context, &run).await?;
    ensure!(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "50m", "{pod:#}");
    ensure_verdict(&context.finished(&run, seconds(60)).await?, Verdict::Passed, "ThresholdsMet")
}

/// The runner pod of a run of one runner.
async fn pod(context: &Context, run: &str) -> Result<serde_json::Value> {
    let runners = ListParams::default().labels(&format!("upsurge.dev/run={run}"));
    let found = Api::<Pod>::namespaced(context.client.clone(), &context.namespace).list(&runners).await?;
    let pod = found.items.first().with_context(|| format!("{run} has no runner"))?;
    Ok(serde_json::to_value(pod)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kustomize_installs_is_accepted() -> Result<()> {
    install::ensure(&client().await?).await?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/base");
    // The objects are there already, as helm's.
    let asked =
        ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-k"];
    let told = command("kubectl", &[&asked[..], &[text(&folder)?]].concat()).await?;
    ensure!(told.contains("deployment.apps/upsurge serverside-applied"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_values_can_be_installed() -> Result<()> {
    with_temp_namespace(async |context| {
        let documented = std::env::temp_dir().join(format!("values-{}", context.namespace));
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/documented-values");
        command(text(&tool)?, &[&documented]).await?;
        let mut files = yaml(&documented)?;
        ensure!(files.len() >= 8, "only {} files of values in the documentation", files.len());
        files.extend(yaml(&Path::new(&install::chart()?).join("ci"))?);
        for file in &files {
            installed(&context.namespace, text(file)?).await?;
        }
        fs::remove_dir_all(documented)?;
        Ok(())
    })
    .await
}

/// Installs a release into the test's namespace and takes it away again. It watches that namespace alone, and its images are
/// mostly not there, so it is not waited for: the API server shall take all of its objects.
async fn installed(namespace: &str, values: &str) -> Result<()> {
    let watched = format!("watchNamespaces={{{namespace}}}");
    // Nothing of it in namespaces that are somebody's, or that there are not.
    let dashboards = format!("monitoring.dashboards.namespace={namespace}");
    let arguments = [
        "install",
        "shown",
        &install::chart()?,
        "--namespace",
        namespace,
        "--values",
        values,
        "--set",
        &watched,
        "--set",
        &dashboards,
        // The definitions belong to the release of the tests, and those of the Prometheus operator are not there.
        "--set",
        "crds.install=false,monitoring.serviceMonitor.enabled=false,monitoring.prometheusRule.enabled=false",
    ];
    let outcome = command("helm", &arguments).await.with_context(|| values.to_owned());
    command("helm", &["uninstall", "shown", "--namespace", namespace, "--ignore-not-found", "--wait"])
        .await?;
    outcome.map(drop)
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
