// SPDX-License-Identifier: Apache-2.0
//! The chart as users set it: its own test, and what it says of runners.

use std::path::Path;

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
#[ignore = "needs the cluster for itself for half a minute: make e2e-full"]
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

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}
