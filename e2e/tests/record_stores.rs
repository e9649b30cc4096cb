// SPDX-License-Identifier: Apache-2.0
//! Records that go to the store of their test, by a pod of the test's namespace: into a volume whose claim comes late, after the
//! operator was killed, and into a bucket that is not there at first.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};
use upsurge_crds::{LoadTestRun, conditions, v1alpha1::Verdict};
use upsurge_e2e::{
    Context,
    api::ensure_verdict,
    fixtures::{constant, merged},
    operator::{self, Kill},
    target::{Target, apply, restricted_container, restricted_pod},
    wait::{self, seconds},
    with_temp_namespace,
};
use upsurge_testing::HttpServer;

/// Waits until the run says so of its record; gives the message.
async fn stored(context: &Context, run: &str, reason: &str) -> Result<String> {
    let told = |run: &LoadTestRun| {
        let conditions = &run.status.as_ref()?.conditions;
        let found = conditions::find(conditions, "RecordStored")?;
        (found.reason == reason).then(|| found.message.clone())
    };
    let api = context.api::<LoadTestRun>();
    let run = wait::until(&api, run, reason, seconds(120), |run| told(run).is_some()).await?;
    told(&run).context("the condition is gone")
}

/// The record there is whole and tells what was measured: by the command, in a pod.
async fn ensure_readable(context: &Context, place: &str, more: Value, volumes: Value) -> Result<()> {
    let container = json!({
        "name": "upsurge", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
        "args": ["report", place, "--verify"],
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
        "securityContext": restricted_container(),
    });
    apply::<Pod>(
        context,
        "reader",
        json!({"spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": restricted_pod(),
            "containers": [merged(container, more)],
            "volumes": volumes,
        }}),
    )
    .await?;
    let pods: Api<Pod> = context.api();
    let code = |pod: &Pod| {
        let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
        Some(statuses.first()?.state.as_ref()?.terminated.as_ref()?.exit_code)
    };
    let pod = wait::until(&pods, "reader", "has ended", seconds(60), |pod| code(pod).is_some()).await?;
    let log = pods.logs("reader", &Default::default()).await?;
    ensure!(code(&pod) == Some(0) && log.contains("all as told"), "{log}");
    Ok(())
}

/// One Job has stored it, and its identity is gone.
async fn ensure_tidy(context: &Context, run: &str) -> Result<()> {
    let jobs = context.jobs(run).await?;
    let storing = jobs.iter().filter(|job| job.name_any().ends_with("-store")).count();
    ensure!(storing == 1, "{storing} Jobs have stored the record");
    let accounts = context.api::<ServiceAccount>().list(&ListParams::default()).await?;
    let left: Vec<String> = accounts.items.iter().map(|account| account.name_any()).collect();
    ensure!(!left.iter().any(|name| name.ends_with("-store")), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_record_waits_for_its_claim() -> Result<()> {
    with_temp_namespace(async |context| {
        Target::deploy(&context, json!({})).await?;
        let namespace = context.namespace.clone();
        // Whoever is not root may write there on any node.
        let folder = format!("upsurge-records-{namespace}");
        let claim = json!({"claimName": "records", "path": folder, "history": {"passed": {"count": 1}}});
        let record = json!({"record": {"store": {"persistentVolumeClaim": claim}}});
        let run = context.run("kept", merged(constant(10, 3), record), seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let name = run.name_any();
        let message = stored(&context, &name, "RecordNotStored").await?;
        ensure!(message.contains("persistentvolumeclaim \"records\" not found"), "{message}");
        // Who made the record has it in memory; the next leader reads the one that the namespace keeps.
        let leader = operator::leader(&context.client).await?;
        operator::kill(&context.client, &leader, Kill::Process).await?;

        let volume: PersistentVolume = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace},
            "spec": {
                "capacity": {"storage": "16Mi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/tmp"},
                "claimRef": {"namespace": namespace, "name": "records"},
            },
        }))?;
        let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
        volumes.create(&PostParams::default(), &volume).await?;
        apply::<PersistentVolumeClaim>(
            &context,
            "records",
            json!({"spec": {
                "accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": namespace,
                "resources": {"requests": {"storage": "16Mi"}},
            }}),
        )
        .await?;
        let outcome = async {
            let message = stored(&context, &name, "RecordStored").await?;
            let file = format!("{folder}/{namespace}/kept/{name}.record");
            ensure!(message.contains(&file), "{message}");
            let mount =
                json!({"volumeMounts": [{"name": "records", "mountPath": "/records", "readOnly": true}]});
            let volume = json!([{"name": "records", "persistentVolumeClaim": {"claimName": "records"}}]);
            ensure_readable(&context, &format!("/records/{file}"), mount, volume).await?;
            context.told_about("LoadTestRun", &name, "RecordStored").await?;
            ensure_tidy(&context, &name).await
        };
        let outcome = outcome.await;
        volumes.delete(&namespace, &DeleteParams::default()).await?;
        outcome
    })
    .await
}

/// An address of the node at which this process can listen.
async fn node(context: &Context) -> Result<IpAddr> {
    let nodes = Api::<Node>::all(context.client.clone()).list(&ListParams::default()).await?;
    let status = nodes.items.into_iter().next().and_then(|node| node.status).context("there is no node")?;
    let addresses = status.addresses.unwrap_or_default();
    let internal = addresses.into_iter().find(|address| address.type_ == "InternalIP");
    Ok(internal.context("the node has no address")?.address.parse()?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs gofakes3 and a node on this machine: make e2e-full"]
async fn a_record_goes_into_a_bucket_once_its_store_is_there() -> Result<()> {
    with_temp_namespace(async |context| {
        let server = HttpServer::s3_at(node(&context).await?, "records");
        let server = server.context("there is no gofakes3 on the PATH: tools/build servers")?;
        Target::deploy(&context, json!({})).await?;
        let port = server.address().port();
        let endpoint = format!("http://store.{}.svc:{port}", context.namespace);
        apply::<Service>(&context, "store", json!({"spec": {"ports": [{"port": port}]}})).await?;
        let variables = json!({
            "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        });
        apply::<Secret>(&context, "store", json!({"stringData": variables})).await?;
        let store = json!({"objectStore": {"url": "s3://records/nightly", "secretRef": {"name": "store"}}});
        let spec = merged(constant(10, 3), json!({"record": {"store": store}}));
        let run = context.run("kept", spec, seconds(60)).await?;
        ensure_verdict(&run, Verdict::Passed, "ThresholdsMet")?;
        let name = run.name_any();
        let message = stored(&context, &name, "RecordNotStored").await?;
        ensure!(message.contains("the store"), "{message}");

        apply::<EndpointSlice>(
            &context,
            "store",
            json!({
                "metadata": {"labels": {"kubernetes.io/service-name": "store"}}, "addressType": "IPv4",
                "endpoints": [{"addresses": [server.address().ip().to_string()]}],
                "ports": [{"port": port}],
            }),
        )
        .await?;
        let place = format!("s3://records/nightly/{}/kept/{name}.record", context.namespace);
        let message = stored(&context, &name, "RecordStored").await?;
        ensure!(message.ends_with(&place), "{message}");
        let credentials = json!({"envFrom": [{"secretRef": {"name": "store"}}]});
        ensure_readable(&context, &place, credentials, json!([])).await?;
        ensure_tidy(&context, &name).await
    })
    .await
}
