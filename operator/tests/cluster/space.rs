// SPDX-License-Identifier: Apache-2.0
//! A namespace of a test's own, and what is made in it.

use std::{future::Future, time::Duration};

use k8s_openapi::{
    api::{
        authentication::v1::TokenRequest,
        batch::v1::Job,
        core::v1::{Namespace, Pod, ServiceAccount},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    serde::de::DeserializeOwned,
};
use kube::{
    Api, Client, CustomResourceExt as _, Resource, ResourceExt as _,
    api::{DeleteParams, PostParams},
    core::NamespaceResourceScope,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use upsurge_crds::{
    LoadTestRun,
    internal::{Checkpoint, Record, TargetLease},
};

/// Image that every bundled cluster has; it does nothing.
pub const PAUSE: &str = "localhost/upsurge/pause:1";

/// A namespace of its own, deleted by [`Self::end`].
pub struct Space {
    pub client: Client,
    pub name: String,
}

impl Space {
    pub async fn new(test: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::try_default().await.expect("a cluster: run this by e2e/cluster/with exec");
        let name = format!("operator-{test}-{}", std::process::id());
        let namespace = object(json!({"metadata": {"name": name}}));
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        let space = Self { client, name };
        until("the default service account", || async {
            space.api::<ServiceAccount>().get_opt("default").await.unwrap().map(|_| ())
        })
        .await;
        space
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub async fn create<K>(&self, value: Value) -> K
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + DeserializeOwned
            + serde::Serialize
            + Clone
            + std::fmt::Debug,
    {
        self.api::<K>().create(&PostParams::default(), &object(value)).await.unwrap()
    }

    /// A pod of a Job that is never scheduled: who it is matters here, not what it does.
    pub async fn runner(&self, job: Option<&Job>, name: &str, index: &str) -> Pod {
        let owners: Vec<_> = job
            .map(|job| json!({"apiVersion": "batch/v1", "kind": "Job", "name": job.name_any(), "uid": job.uid()}))
            .into_iter()
            .collect();
        self.create(json!({
            "metadata": {"name": name, "ownerReferences": owners,
                "labels": {"batch.kubernetes.io/job-completion-index": index}},
            "spec": {"nodeSelector": {"no-such": "node"}, "containers": [{"name": "runner", "image": PAUSE}]},
        }))
        .await
    }

    pub async fn token(&self, pod: Option<&Pod>, audience: &str) -> String {
        let bound = pod
            .map(|pod| json!({"apiVersion": "v1", "kind": "Pod", "name": pod.name_any(), "uid": pod.uid()}));
        let request: TokenRequest = object(json!({"spec": {
            "audiences": [audience], "boundObjectRef": bound, "expirationSeconds": 600}}));
        let accounts = self.api::<ServiceAccount>();
        let made = accounts.create_token_request("default", &PostParams::default(), &request).await.unwrap();
        made.status.unwrap().token.unwrap()
    }

    pub async fn end(self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.name, &DeleteParams::background()).await.unwrap();
    }
}

pub fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Looks until there is something to see.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a run exists is asked of the API server: it must know what a run is, and what the operator keeps of
/// it. What it did not
/// know before is for the end of the test.
pub async fn with_kinds(client: &Client) -> Vec<CustomResourceDefinition> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut made = Vec::new();
    for definition in [LoadTestRun::crd(), Checkpoint::crd(), TargetLease::crd(), Record::crd()] {
        if definitions.get_opt(&definition.name_any()).await.unwrap().is_none() {
            // Another test may be at it, too.
            if definitions.create(&PostParams::default(), &definition).await.is_ok() {
                made.push(definition);
            }
        }
    }
    let runs: Api<LoadTestRun> = Api::namespaced(client.clone(), "default");
    until("runs to be known", || async { runs.get_opt("no-such").await.ok() }).await;
    let checkpoints: Api<Checkpoint> = Api::namespaced(client.clone(), "default");
    until("checkpoints to be known", || async { checkpoints.list(&Default::default()).await.ok() }).await;
    let leases: Api<TargetLease> = Api::namespaced(client.clone(), "default");
    until("target leases to be known", || async { leases.list(&Default::default()).await.ok() }).await;
    let records: Api<Record> = Api::namespaced(client.clone(), "default");
    until("records to be known", || async { records.list(&Default::default()).await.ok() }).await;
    made
}

pub async fn without_kinds(client: &Client, made: Vec<CustomResourceDefinition>) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in made {
        definitions.delete(&definition.name_any(), &DeleteParams::default()).await.unwrap();
    }
}
