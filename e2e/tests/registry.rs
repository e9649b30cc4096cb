// SPDX-License-Identifier: Apache-2.0
//! An installation from a registry, of images that no node has: only with `make e2e-full`, which starts the registry.

use std::env;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;
use upsurge_crds::names::labels;
use upsurge_e2e::{
    Context, cluster::command, fixtures::constant, install, operator, target::Target, wait::seconds,
    whole::ensure_whole, with_temp_namespace,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a registry: make e2e-full"]
async fn the_chart_of_a_registry_brings_up_the_operator_and_a_run() -> Result<()> {
    with_temp_namespace(async |context| {
        let outcome = installed(&context).await;
        install::upgrade(&[]).await?;
        outcome
    })
    .await
}

async fn installed(context: &Context) -> Result<()> {
    let published = Published::from_environment()?;
    install::from_registry(&published.registry, &published.version).await?;
    operator::leader(&context.client).await?;
    published
        .ensure_all("operator", &operator::pods(&context.client), "app.kubernetes.io/name=upsurge")
        .await?;

    let target = Target::deploy(context, json!({})).await?;
    let run = context.start("pulled", constant(20, 10)).await?;
    context.loaded(&run, seconds(60)).await?;
    published.ensure_all("runner", &context.api(), &format!("{}={run}", labels::RUN)).await?;
    ensure_whole(&context.finished(&run, seconds(90)).await?, &target, 200).await
}

/// What was pushed before the test.
struct Published {
    registry: String,
    version: String,
}

impl Published {
    fn from_environment() -> Result<Self> {
        let variable = |name: &str| {
            env::var(name).with_context(|| format!("{name} is not set: run this test with `make e2e-full`"))
        };
        Ok(Self { registry: variable("UPSURGE_REGISTRY")?, version: variable("UPSURGE_VERSION")? })
    }

    /// Makes sure that there are pods, and that what they run is the very image that was pushed.
    async fn ensure_all(&self, image: &str, pods: &Api<Pod>, selected: &str) -> Result<()> {
        let reference = format!("{}/upsurge/{image}:{}", self.registry, self.version);
        let digest = command("crane", &["digest", "--insecure", &reference]).await?;
        let pods = pods.list(&ListParams::default().labels(selected)).await?.items;
        ensure!(!pods.is_empty(), "there are no pods with {selected}");
        for pod in pods {
            let name = pod.name_any();
            let asked =
                pod.spec.and_then(|spec| spec.containers.into_iter().next()?.image).unwrap_or_default();
            // The status may name any of the names that a node knows the same image by.
            let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
            let runs =
                statuses.first().with_context(|| format!("{name} runs no container"))?.image_id.as_str();
            ensure!(
                asked == reference && runs.ends_with(digest.trim()),
                "{name} was to run {asked} and runs {runs}, instead of {reference} ({})",
                digest.trim()
            );
        }
        Ok(())
    }
}
