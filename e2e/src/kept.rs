// SPDX-License-Identifier: Apache-2.0
//! The record that a finished run leaves in its namespace, as somebody has it who may read it and nothing else.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    core::v1::{Pod, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;
use upsurge_crds::{
    LoadTestRun,
    internal::{Record, record::MOST_BYTES},
};

use crate::{
    Context,
    target::{apply, restricted_container, restricted_pod},
    wait::{self, seconds},
};

/// Name of what is made to read it.
const READER: &str = "reader";

/// The record of a run is there, belongs to it, and all that it tells comes out of what was measured: by the command, in a
/// pod, and by the program in Python.
///
/// # Errors
/// When that is not so.
pub async fn ensure_adds_up(context: &Context, run: &LoadTestRun) -> Result<()> {
    let name = run.name_any();
    let record = context.api::<Record>().get(&name).await.context("the run has left no record")?;
    let owners = record.owner_references();
    ensure!(owners.iter().any(|owner| Some(&owner.uid) == run.metadata.uid.as_ref()), "{owners:?}");
    let bytes = record.spec.data.0.len();
    ensure!(i64::try_from(bytes) == Ok(record.spec.bytes) && bytes <= 64 << 10, "{bytes} bytes");
    let verdict = run.status.as_ref().and_then(|status| status.verdict);
    ensure!(Some(record.spec.verdict) == verdict, "{:?}", record.spec.verdict);
    // By a program that shares nothing with ours, where there is Python.
    let file = tempfile::Builder::new().suffix(".record").tempfile()?;
    std::fs::write(file.path(), &record.spec.data.0)?;
    if let Some((code, words)) = upsurge_testing::recomputed(file.path()) {
        ensure!(code == 0, "{words}");
    }

    apply::<ServiceAccount>(context, READER, json!({})).await?;
    let rule = json!({"apiGroups": ["internal.upsurge.dev"], "resources": ["records"], "verbs": ["get"]});
    apply::<Role>(context, READER, json!({"rules": [rule]})).await?;
    let who = json!({"kind": "ServiceAccount", "name": READER, "namespace": context.namespace});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": READER});
    apply::<RoleBinding>(context, READER, json!({"roleRef": role, "subjects": [who]})).await?;
    apply::<Pod>(
        context,
        READER,
        json!({"spec": {
            "restartPolicy": "Never",
            "serviceAccountName": READER,
            "terminationGracePeriodSeconds": 1,
            "securityContext": restricted_pod(),
            "containers": [{
                "name": "upsurge", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
                "args": ["report", name, "--verify"],
                "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
                "securityContext": restricted_container(),
            }],
        }}),
    )
    .await?;
    let pods: Api<Pod> = context.api();
    let code = |pod: &Pod| {
        let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
        Some(statuses.first()?.state.as_ref()?.terminated.as_ref()?.exit_code)
    };
    let ended = |pod: &Pod| code(pod).is_some();
    let pod = wait::until(&pods, READER, "has ended", seconds(60), ended).await?;
    let log = pods.logs(READER, &Default::default()).await?;
    ensure!(code(&pod) == Some(0) && log.contains("all as told"), "{log}");
    Ok(())
}

/// How many records take all of the room of a namespace: no record counts for more than the largest that there can be.
const PLANTED: u64 = (16 << 20) / MOST_BYTES + 1;

/// Records that take all of the room of the namespace.
///
/// # Errors
/// When they can't be made.
pub async fn plant(context: &Context) -> Result<()> {
    for number in 0..PLANTED {
        let planted: Record = serde_json::from_value(json!({
            "apiVersion": "internal.upsurge.dev/v1alpha1", "kind": "Record",
            "metadata": {
                "name": format!("planted-{number}"),
                "labels": {"app.kubernetes.io/component": "record"},
                "annotations": {"upsurge.dev/record-bytes": "16777216", "upsurge.dev/record-verdict": "Passed"},
            },
            "spec": {"verdict": "Passed", "bytes": 16_777_216, "data": ""},
        }))?;
        context.api::<Record>().create(&PostParams::default(), &planted).await?;
    }
    Ok(())
}

/// They have made room, and no more of them than it took: what one claims to have does not make others go.
///
/// # Errors
/// When all are still there, or hardly any.
pub async fn ensure_unplanted(context: &Context) -> Result<()> {
    let found = context.api::<Record>().list(&ListParams::default()).await?;
    let names = found.items.iter().map(ResourceExt::name_any);
    let left = names.filter(|name| name.starts_with("planted-")).count();
    ensure!((10..PLANTED as usize).contains(&left), "{left} of {PLANTED} old records are left");
    Ok(())
}
