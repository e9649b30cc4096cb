// SPDX-License-Identifier: Apache-2.0
//! The ScaledObject that the documentation shows, under KEDA's own definition. KEDA itself is played: what it makes of one is a
//! HorizontalPodAutoscaler that it owns, and conditions; of one that is paused it takes the autoscaler away.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use upsurge_crds::{names::FIELD_MANAGER, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    cluster::command,
    definitions::Definitions,
    fixtures::{constant, merged, spec},
    install, operator,
    target::Target,
    wait::{self, seconds},
    with_temp_namespace,
};

/// Annotation by which KEDA leaves a workload at a number of replicas.
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";

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
    tell(context, &name, "False").await
}

/// What KEDA says of one.
async fn tell(context: &Context, name: &str, paused: &str) -> Result<()> {
    let is = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": "ScaledObject"});
    let conditions =
        json!([is("Ready", "True"), is("Active", "True"), is("Fallback", "False"), is("Paused", paused)]);
    let status = Patch::Merge(json!({"status": {"conditions": conditions}}));
    scaled_objects(context).patch_status(name, &PatchParams::default(), &status).await?;
    Ok(())
}

/// A run that sets the replicas of the target pauses KEDA for it, and leaves all as it was.
async fn paused(context: &Context) -> Result<()> {
    let capacity = json!({"find": "MinReplicas", "rate": 5, "from": 2, "to": 3, "repeats": 1, "warmUp": "5s", "measure": "10s"});
    let search = merged(
        spec(json!({"capacity": capacity, "gracefulStop": "5s"})),
        json!({
            "target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout"}]},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 5%"}],
        }),
    );
    let objects = scaled_objects(context);
    let (before, replicas) = (objects.get("checkout").await?, asked(context).await?);
    let run = context.start("paused", search).await?;
    let is_paused =
        |object: &DynamicObject| object.annotations().get(PAUSED_REPLICAS).is_some_and(|two| two == "2");
    wait::until(&objects, "checkout", "is paused at 2 replicas", seconds(60), is_paused).await?;
    // Else it would scale the workload back.
    context.api::<HorizontalPodAutoscaler>().delete("keda-hpa-checkout", &DeleteParams::default()).await?;
    tell(context, "checkout", "True").await?;
    let run = context.finished(&run, seconds(150)).await?;
    ensure_verdict(&run, Verdict::Passed, "CapacityFound")?;
    let status = status(&run);
    let capacity = status.capacity.clone().context("no capacity")?;
    ensure!((capacity.replicas, capacity.failed_replicas) == (Some(2), None), "{capacity:?}");
    let pinning = status.pinning.clone().context("nothing is told of what was set")?;
    ensure!(pinning.restored && pinning.left.is_empty(), "{pinning:?}");
    let after = objects.get("checkout").await?;
    let told = |object: &DynamicObject| (object.annotations().clone(), object.data["spec"].clone());
    ensure!(told(&after) == told(&before), "it was {before:?} and is {after:?}");
    let is_ours = after.managed_fields().iter().any(|owner| owner.manager.as_deref() == Some(FIELD_MANAGER));
    ensure!(!is_ours, "the operator still owns fields of it: {:?}", after.managed_fields());
    let left = asked(context).await?;
    ensure!(left == replicas, "the workload had {replicas:?} replicas and has {left:?}");
    Ok(())
}

/// Replicas that the workload asks for.
async fn asked(context: &Context) -> Result<Option<i32>> {
    Ok(context.api::<Deployment>().get("checkout").await?.spec.replicas)
}

async fn scaled(context: &Context) -> Result<()> {
    let namespaces = format!("pinning.namespaces={{{}}}", context.namespace);
    install::upgrade(&["--set", "rbac.keda=true", "--set", &namespaces]).await?;
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
    paused(context).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the definition of KEDA's ScaledObject, and gives the operator more rights: make e2e-full"]
async fn a_scaled_object_is_the_autoscaler_of_a_run_and_is_paused_where_one_sets_replicas() -> Result<()> {
    with_temp_namespace(async |context| {
        let definitions = Definitions::install("E2E_KEDA").await?;
        let outcome = scaled(&context).await;
        install::upgrade(&[]).await?;
        operator::leader(&context.client).await?;
        definitions.remove(outcome).await
    })
    .await
}
