// SPDX-License-Identifier: Apache-2.0
//! The ScaledObject that the documentation shows, under KEDA's own definition. KEDA itself is played: what it makes of one is a
//! HorizontalPodAutoscaler that it owns, and conditions.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::{
    Api, Resource as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    cluster::command,
    definitions::Definitions,
    fixtures::{constant, merged},
    install, operator,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// The first manifest of the page about KEDA, in the test's namespace. Nothing in it may be unknown to KEDA's definition.
async fn documented(context: &Context) -> Result<DynamicObject> {
    let folder = tempfile::tempdir()?;
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/documented-values");
    command(&tool.display().to_string(), &[folder.path()]).await?;
    let text = fs::read_to_string(folder.path().join("manifests/keda-1.yaml"))?;
    let mut object: Value = serde_saphyr::from_str(&text)?;
    object["metadata"]["namespace"] = json!(context.namespace);
    let file = folder.path().join("scaled-object.json");
    fs::write(&file, object.to_string())?;
    let file = file.display().to_string();
    command("kubectl", &["apply", "--server-side", "--validate=strict", "--filename", &file]).await?;
    let name = object["metadata"]["name"].as_str().context("no name")?;
    Ok(scaled_objects(context).get(name).await?)
}

fn scaled_objects(context: &Context) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject"));
    Api::namespaced_with(context.client.clone(), &context.namespace, &resource)
}

/// What KEDA does when it sees one, but for the metric, which no server here has.
async fn played(context: &Context, object: &DynamicObject) -> Result<()> {
    let name = object.metadata.name.clone().context("no name")?;
    let owner = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": name, "controller": true,
        "uid": object.meta().uid,
    });
    let cpu = json!({"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60},
    }});
    let spec = &object.data["spec"];
    let autoscaler: HorizontalPodAutoscaler = serde_json::from_value(json!({
        "metadata": {"name": format!("keda-hpa-{name}"), "ownerReferences": [owner]},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec["scaleTargetRef"]["name"]},
            "minReplicas": spec["minReplicaCount"], "maxReplicas": spec["maxReplicaCount"], "metrics": [cpu],
        },
    }))?;
    context.api().create(&PostParams::default(), &autoscaler).await?;
    let is = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": "ScaledObject"});
    let conditions =
        json!([is("Ready", "True"), is("Active", "True"), is("Fallback", "False"), is("Paused", "False")]);
    let status = Patch::Merge(json!({"status": {"conditions": conditions}}));
    scaled_objects(context).patch_status(&name, &PatchParams::default(), &status).await?;
    Ok(())
}

async fn scaled(context: &Context) -> Result<()> {
    install::upgrade(&["--set", "rbac.keda=true"]).await?;
    operator::leader(&context.client).await?;
    let object = documented(context).await?;
    let target = Target::deploy_as(context, "checkout", json!({})).await?;
    played(context, &object).await?;
    target.autoscaler_named("keda-hpa-checkout", "ScalingActive", "True").await?;
    let test = merged(
        constant(5, 15),
        json!({"target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout"}]}}),
    );
    let run = context.run("by-keda", test, seconds(90)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    let seen = status(&run).autoscaling.context("nothing about the target")?;
    let bounds = (seen.min_replicas, seen.max_replicas);
    ensure!(seen.autoscaler.as_deref() == Some("ScaledObject/checkout"), "{seen:?}");
    ensure!(bounds == (Some(1), Some(10)) && seen.problems.is_empty(), "{seen:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the definition of KEDA's ScaledObject, and gives the operator more rights: make e2e-full"]
async fn a_scaled_object_of_kedas_own_definition_is_the_autoscaler_of_a_run() -> Result<()> {
    with_temp_namespace(async |context| {
        let definitions = Definitions::install("E2E_KEDA").await?;
        let outcome = scaled(&context).await;
        install::upgrade(&[]).await?;
        operator::leader(&context.client).await?;
        definitions.remove(outcome).await
    })
    .await
}
