// SPDX-License-Identifier: Apache-2.0
//! Targets whose pods are kept by something else than a Deployment.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, api::ListParams};
use serde_json::json;
use upsurge_crds::v1alpha1::Verdict;
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{constant, merged},
    target::{Kind, Target},
    wait::seconds,
    with_temp_namespace,
};

/// A run during which its target is scaled by hand, up to two replicas and back: all of that is seen.
async fn scaled_by_hand(context: &Context, kind: Kind, name: &str) -> Result<()> {
    let target = Target::deploy_kind(context, kind, name, json!({})).await?;
    let test = json!({"target": {
        "baseURL": format!("http://{name}:8080"),
        "workloads": [{"apiVersion": "apps/v1", "kind": format!("{kind:?}"), "name": name}],
    }});
    let run = context.start(name, merged(constant(5, 40), test)).await?;
    context.loaded(&run, seconds(60)).await?;
    target.scale(2).await?;
    target.scale(1).await?;
    let run = context.finished(&run, seconds(90)).await?;
    ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
    let seen = status(&run).autoscaling.context("nothing about the target")?;
    ensure!(
        [seen.start_replicas, seen.peak_replicas, seen.end_replicas] == [1, 2, 1].map(Some)
            && seen.problems.is_empty(),
        "{seen:?}"
    );
    let workload = seen.workloads.first().context("no figures of the target")?;
    let ups: Vec<(i32, i32)> = workload.scale_ups.iter().map(|event| (event.from, event.to)).collect();
    let downs: Vec<(i32, i32)> = workload.scale_downs.iter().map(|event| (event.from, event.to)).collect();
    ensure!((&ups[..], &downs[..]) == (&[(1, 2)][..], &[(2, 1)][..]), "{seen:?}");
    // On a node alone, the runner can only have been beside its target.
    let nodes = Api::<Node>::all(context.client.clone()).list(&ListParams::default()).await?.items;
    let warnings = status(&run).warnings;
    let is_told = warnings.iter().any(|one| one.starts_with("runner pod ") && one.contains(" shared node "));
    ensure!(is_told || nodes.len() > 1, "{warnings:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_and_a_replica_set_are_watched_as_a_deployment_is() -> Result<()> {
    with_temp_namespace(async |context| {
        tokio::try_join!(
            scaled_by_hand(&context, Kind::StatefulSet, "stateful"),
            scaled_by_hand(&context, Kind::ReplicaSet, "bare"),
        )?;
        Ok(())
    })
    .await
}
