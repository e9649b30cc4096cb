// SPDX-License-Identifier: Apache-2.0
//! A service to test against: `upsurge target` with scripted behaviour, which counts what it sees.

mod autoscaler;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Context, fixtures::merged, wait};

/// What keeps the pods of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Deployment, as most targets have.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A ReplicaSet that no Deployment made.
    ReplicaSet,
}

impl Kind {
    fn resource(self) -> ApiResource {
        let (kind, plural) = match self {
            Self::Deployment => ("Deployment", "deployments"),
            Self::StatefulSet => ("StatefulSet", "statefulsets"),
            Self::ReplicaSet => ("ReplicaSet", "replicasets"),
        };
        ApiResource {
            group: "apps".into(),
            version: "v1".into(),
            api_version: "apps/v1".into(),
            kind: kind.into(),
            plural: plural.into(),
        }
    }
}

/// A target in a test's namespace.
#[derive(Clone)]
pub struct Target {
    context: Context,
    name: String,
    kind: Kind,
}

/// What the pods of a target have counted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Requests that came in.
    pub received: u64,
    /// Answers that were made.
    pub answered: u64,
    /// Counts by route.
    pub routes: Vec<RouteStats>,
}

/// What a route has counted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct RouteStats {
    /// Method and path.
    pub route: String,
    /// Requests that came in.
    pub received: u64,
}

impl Target {
    /// Deploys a target named `target` and waits until it serves. `behaviour` is its configuration.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn deploy(context: &Context, behaviour: Value) -> Result<Self> {
        Self::deploy_as(context, "target", behaviour).await
    }

    /// The same under another name.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn deploy_as(context: &Context, name: &str, behaviour: Value) -> Result<Self> {
        Self::deploy_kind(context, Kind::Deployment, name, behaviour).await
    }

    /// The same, with its pods kept by another kind of workload.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn deploy_kind(context: &Context, kind: Kind, name: &str, behaviour: Value) -> Result<Self> {
        let target = Self::create(context, kind, name, behaviour).await?;
        target.serves().await?;
        Ok(target)
    }

    /// A Deployment named `target` whose pods may use no more than these limits.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn deploy_limited(context: &Context, behaviour: Value, limits: Value) -> Result<Self> {
        Self::deploy_shaped(context, "target", behaviour, json!({"resources": {"limits": limits}}), json!({}))
            .await
    }

    /// A Deployment whose pods differ from the usual: `container` is merged into the spec of their container, `pod` into their own,
    /// in which it replaces lists.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn deploy_shaped(
        context: &Context,
        name: &str,
        behaviour: Value,
        container: Value,
        pod: Value,
    ) -> Result<Self> {
        let target = Self::create_shaped(context, Kind::Deployment, name, behaviour, container, pod).await?;
        target.serves().await?;
        Ok(target)
    }

    async fn serves(&self) -> Result<()> {
        let ready = |found: &DynamicObject| ready_replicas(found) > 0;
        wait::until(&self.workloads(), &self.name, "serves", wait::seconds(60), ready).await?;
        Ok(())
    }

    /// The same, and nothing is waited for.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn create(context: &Context, kind: Kind, name: &str, behaviour: Value) -> Result<Self> {
        Self::create_shaped(context, kind, name, behaviour, json!({}), json!({})).await
    }

    async fn create_shaped(
        context: &Context,
        kind: Kind,
        name: &str,
        behaviour: Value,
        container: Value,
        pod: Value,
    ) -> Result<Self> {
        let target = Self { context: context.clone(), name: name.into(), kind };
        let behaviour = merged(json!({"listen": "0.0.0.0:8080", "drain": "3s"}), behaviour);
        let labels = json!({"app": name});
        target.apply::<ConfigMap>(json!({"data": {"target.yaml": behaviour.to_string()}})).await?;
        target
            .apply::<Service>(
                json!({"spec": {"selector": labels, "ports": [{"port": 8080, "targetPort": 8080}]}}),
            )
            .await?;
        let container = merged(
            json!({
                "name": "target", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
                "args": ["target", "/etc/target/target.yaml"],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "100m", "memory": "16Mi"}},
                "securityContext": restricted_container(),
                "volumeMounts": [{"name": "behaviour", "mountPath": "/etc/target"}],
            }),
            container,
        );
        let pod = merged(
            json!({
                "securityContext": restricted_pod(),
                "containers": [container],
                "volumes": [{"name": "behaviour", "configMap": {"name": name}}],
            }),
            pod,
        );
        let resource = kind.resource();
        let mut workload = json!({
            "apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        });
        if kind == Kind::StatefulSet {
            workload["spec"]["serviceName"] = name.into();
        }
        let parameters = PatchParams::apply("upsurge-e2e").force();
        target.workloads().patch(name, &parameters, &Patch::Apply(workload)).await?;
        Ok(target)
    }

    /// Merges a patch into the target's workload.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn patch(&self, patch: Value) -> Result<()> {
        self.workloads().patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Sets the number of replicas and waits until as many are ready and no others are left.
    ///
    /// # Errors
    /// When that takes longer than a minute.
    pub async fn scale(&self, replicas: i64) -> Result<()> {
        self.patch(json!({"spec": {"replicas": replicas}})).await?;
        let done = |found: &DynamicObject| {
            ready_replicas(found) == replicas && number(found, "/status/replicas") == replicas
        };
        let what = format!("has {replicas} replicas");
        wait::until(&self.workloads(), &self.name, &what, wait::seconds(60), done).await?;
        Ok(())
    }

    /// Waits until so many replicas are ready, whoever asks for them; gives the pods that are there then.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn ready(&self, replicas: i64, limit: std::time::Duration) -> Result<Vec<Pod>> {
        let done = |found: &DynamicObject| ready_replicas(found) >= replicas;
        let what = format!("has {replicas} ready replicas");
        wait::until(&self.workloads(), &self.name, &what, limit, done).await?;
        self.pods().await
    }

    /// The target's pods.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        let pods: Api<Pod> = self.context.api();
        Ok(pods.list(&ListParams::default().labels(&format!("app={}", self.name))).await?.items)
    }

    /// The target's one pod.
    async fn pod(&self) -> Result<Pod> {
        let [pod] = <[Pod; 1]>::try_from(self.pods().await?)
            .map_err(|pods| anyhow::anyhow!("{} has {} pods, not one", self.name, pods.len()))?;
        Ok(pod)
    }

    /// The address of the target's one pod, at which it answers as soon as it is ready.
    ///
    /// The address of its Service leads nowhere until each node's proxy knows that the pod is ready, a second or
    /// two later.
    ///
    /// # Errors
    /// When there is not exactly one pod, or it has no address.
    pub async fn pod_address(&self) -> Result<String> {
        self.pod().await?.status.and_then(|status| status.pod_ip).context("the pod has no address")
    }

    /// What the target's one pod has counted, asked through the API server.
    ///
    /// # Errors
    /// When there is not exactly one pod (the counts of those gone are lost), or it does not answer.
    pub async fn stats(&self) -> Result<Stats> {
        stats_of(&self.context, &self.pod().await?.name_any()).await
    }

    /// Waits until the target has had no request for two seconds; gives its counts.
    ///
    /// # Errors
    /// When requests keep coming until the limit.
    pub async fn quiet(&self, limit: std::time::Duration) -> Result<Stats> {
        let mut last = (self.stats().await?.received, std::time::Instant::now());
        let end = std::time::Instant::now() + limit;
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(200));
        loop {
            ticks.tick().await;
            let stats = self.stats().await?;
            if stats.received != last.0 {
                last = (stats.received, std::time::Instant::now());
                ensure!(last.1 < end, "load still came in after {} s", limit.as_secs());
            } else if last.1.elapsed() > std::time::Duration::from_secs(2) {
                return Ok(stats);
            }
        }
    }

    fn workloads(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.context.client.clone(), &self.context.namespace, &self.kind.resource())
    }

    async fn apply<K>(&self, body: Value) -> Result<()>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned,
    {
        apply::<K>(&self.context, &self.name, body).await
    }
}

/// What a pod of a target has counted, asked through the API server.
///
/// # Errors
/// When it does not answer.
pub async fn stats_of(context: &Context, pod: &str) -> Result<Stats> {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}:8080/proxy/__stats", context.namespace);
    let text = context.client.request_text(http::Request::get(path).body(Vec::new())?).await?;
    Ok(serde_json::from_str(&text)?)
}

fn ready_replicas(workload: &DynamicObject) -> i64 {
    number(workload, "/status/readyReplicas")
}

/// A number of an object; 0 when it has none there.
fn number(object: &DynamicObject, pointer: &str) -> i64 {
    object.data.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Applies an object with that name and body.
///
/// # Errors
/// When the API server refuses it.
pub async fn apply<K>(context: &Context, name: &str, body: Value) -> Result<()>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let identity =
        json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": {"name": name}});
    let object = merged(identity, body);
    context.api::<K>().patch(name, &PatchParams::apply("upsurge-e2e").force(), &Patch::Apply(object)).await?;
    Ok(())
}

/// Security context of a pod under the *restricted* standard.
pub fn restricted_pod() -> Value {
    json!({"runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}})
}

/// The same of a container.
pub fn restricted_container() -> Value {
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
}
