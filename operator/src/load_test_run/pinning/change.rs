// SPDX-License-Identifier: Apache-2.0
//! Changes what decides on the replicas of a target, and keeps the run until it is put back.

use k8s_openapi::{
    api::autoscaling::v2::HorizontalPodAutoscaler,
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use tracing::info;
use upsurge_core::pinning::{Change, said};
use upsurge_crds::{
    LoadTestRun,
    names::{FIELD_MANAGER, finalizers},
    v1alpha1::{PinnedContainer, PinnedObject},
};
use upsurge_observer::{self as observer, FindError, Target, plain};

use super::{
    PAUSED_REPLICAS, advice,
    container::{read, resized, workloads},
    look::scaled_objects,
};

/// Something can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what was looked at any more: look again.
    #[error("{what} has changed since it was looked at")]
    Conflict {
        /// What was to be changed.
        what: String,
    },
    /// The API server refused or did not answer.
    #[error("failed to change {what}")]
    Api {
        /// What was to be changed.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// A workload can't be looked at.
    #[error(transparent)]
    Find(#[from] FindError),
}

impl Error {
    fn of(what: String, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict { what },
            source => Self::Api { what, source: Box::new(source) },
        }
    }

    /// Why trying again at once is of no use: the API server does not want it.
    pub fn refusal(&self, namespace: &str) -> Option<String> {
        let Self::Api { what, source } = self else { return None };
        let kube::Error::Api(status) = source.as_ref() else { return None };
        match status.code {
            403 => Some(format!(
                "the operator may not change {what} in namespace {namespace}: {}; {}",
                plain(source),
                advice(namespace)
            )),
            400 | 422 => Some(format!("failed to change {what}: {}", plain(source))),
            _ => None,
        }
    }
}

/// Changes an object, if it is still what was looked at. One that is gone needs no change.
///
/// # Errors
/// When it is not, or the API server refuses it or does not answer.
pub async fn change(client: &Client, namespace: &str, change: &Change) -> Result<(), Error> {
    write(client, namespace, change).await.map(drop)
}

/// The same of what was found. Of an autoscaler, and of a workload whose size was set, the operator owns nothing after that.
///
/// # Errors
/// The same.
pub async fn put_back(client: &Client, namespace: &str, change: &Change) -> Result<(), Error> {
    if let Some(metadata) = write(client, namespace, change).await? {
        disown(client, namespace, &change.to, metadata).await;
    }
    Ok(())
}

/// Gives what the API server has then of an autoscaler, or of a workload whose size was set.
async fn write(client: &Client, namespace: &str, change: &Change) -> Result<Option<ObjectMeta>, Error> {
    let Change { to, version } = change;
    let PinnedObject { api_version, kind, name, .. } = to;
    let what = format!("{kind}/{name} to {}", said(to));
    let parameters = parameters();
    let patched = match body(to, version.as_deref()) {
        Body::Scale(body) => {
            let target = Target {
                namespace: namespace.into(),
                api_version: api_version.clone(),
                kind: kind.clone(),
                name: name.clone(),
            };
            let found = match observer::find(client, &target).await {
                Err(FindError::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            found.api.patch_scale(name, &parameters, &Patch::Merge(&body)).await.map(|_| None)
        }
        Body::Container(size) => {
            let api = workloads(client, namespace, to);
            let object = match read(&api, name).await {
                Ok(Some(object)) => object,
                Ok(None) => return Ok(None),
                Err(error) => return Err(Error::of(what, error)),
            };
            let version_now = object.metadata.resource_version.as_ref();
            let is_as_seen = version.as_ref().is_none_or(|version| version_now == Some(version));
            let Some(containers) = resized(&object, &size).filter(|_| is_as_seen) else {
                return Err(Error::Conflict { what });
            };
            let body = json!({"metadata": {"resourceVersion": version_now},
                "spec": {"template": {"spec": {"containers": containers}}}});
            api.patch(name, &parameters, &Patch::Merge(&body)).await.map(|object| Some(object.metadata))
        }
        Body::Autoscaler(body) => {
            let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), namespace);
            api.patch(name, &parameters, &Patch::Merge(&body)).await.map(|hpa| Some(hpa.metadata))
        }
        Body::ScaledObject(body) => {
            let api = scaled_objects(client, namespace);
            api.patch(name, &parameters, &Patch::Merge(&body)).await.map(|object| Some(object.metadata))
        }
    };
    match patched {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        patched => patched.map_err(|error| Error::of(what, error)),
    }
}

/// Takes the operator from the owners of an object's fields: else a server-side apply that changes one of them, as of Helm, would be
/// refused as a conflict with it. Best effort; a change of owners alone makes nobody an owner.
async fn disown(client: &Client, namespace: &str, object: &PinnedObject, metadata: ObjectMeta) {
    let owners = metadata.managed_fields.unwrap_or_default();
    let is_other = |owner: &&ManagedFieldsEntry| owner.manager.as_deref() != Some(FIELD_MANAGER);
    let others: Vec<&ManagedFieldsEntry> = owners.iter().filter(is_other).collect();
    // An empty list would be taken for none, and leave all as it is.
    if others.is_empty() || others.len() == owners.len() {
        return;
    }
    let body = json!({"metadata": {"resourceVersion": metadata.resource_version, "managedFields": others}});
    let (name, parameters, patch) = (&object.name, parameters(), Patch::Merge(&body));
    let patched = if object.container.is_some() {
        workloads(client, namespace, object).patch(name, &parameters, &patch).await.map(drop)
    } else if object.max_replicas.is_some() {
        let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), namespace);
        api.patch(name, &parameters, &patch).await.map(drop)
    } else {
        scaled_objects(client, namespace).patch(name, &parameters, &patch).await.map(drop)
    };
    if let Err(error) = patched {
        info!(kind = object.kind, name, reason = plain(&error), "stayed an owner of what was put back");
    }
}

/// A patch, by what it is of.
#[derive(Debug, PartialEq)]
enum Body {
    Scale(Value),
    Container(PinnedContainer),
    Autoscaler(Value),
    ScaledObject(Value),
}

fn body(to: &PinnedObject, version: Option<&str>) -> Body {
    let metadata = json!({"resourceVersion": version});
    if let Some(container) = &to.container {
        // What is written is known once the workload is read.
        return Body::Container(container.clone());
    }
    match (to.replicas, to.max_replicas) {
        (Some(replicas), _) => Body::Scale(json!({"metadata": metadata, "spec": {"replicas": replicas}})),
        (None, Some(most)) => Body::Autoscaler(
            json!({"metadata": metadata, "spec": {"minReplicas": to.min_replicas, "maxReplicas": most}}),
        ),
        (None, None) => Body::ScaledObject(json!({"metadata": {
            "resourceVersion": version, "annotations": {PAUSED_REPLICAS: to.paused_replicas}}})),
    }
}

/// Has a run kept, from here on, until what it has set is put back.
///
/// # Errors
/// When it has changed since it was read, or the API server refuses it or does not answer.
pub async fn keep(client: &Client, run: &LoadTestRun) -> Result<(), Error> {
    let mut names = run.finalizers().to_vec();
    names.push(finalizers::RESTORE.into());
    set_finalizers(client, run, &names).await
}

/// Lets go of a run. One that is gone is let go of.
///
/// # Errors
/// When it has changed since it was read, or the API server refuses it or does not answer.
pub async fn release(client: &Client, run: &LoadTestRun) -> Result<(), Error> {
    let mut names = run.finalizers().to_vec();
    names.retain(|name| name != finalizers::RESTORE);
    set_finalizers(client, run, &names).await
}

async fn set_finalizers(client: &Client, run: &LoadTestRun, names: &[String]) -> Result<(), Error> {
    let name = run.name_any();
    // The answer may be of a run that this operator can't read.
    let (resource, namespace) = (ApiResource::erase::<LoadTestRun>(&()), run.namespace().unwrap_or_default());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    // A merge replaces the list: what others have added since must not get lost.
    let body = json!({"metadata": {"resourceVersion": run.resource_version(), "finalizers": names}});
    match api.patch(&name, &parameters(), &Patch::Merge(&body)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        patched => patched.map(drop).map_err(|error| Error::of(format!("finalizers of run {name}"), error)),
    }
}

fn parameters() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_changed_under_the_version_that_was_read() {
        let workload = PinnedObject { replicas: Some(0), ..PinnedObject::default() };
        assert_eq!(
            body(&workload, Some("7")),
            Body::Scale(json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 0}}))
        );
        let hpa = PinnedObject { min_replicas: Some(2), max_replicas: Some(9), ..PinnedObject::default() };
        assert_eq!(
            body(&hpa, Some("7")),
            Body::Autoscaler(
                json!({"metadata": {"resourceVersion": "7"}, "spec": {"minReplicas": 2, "maxReplicas": 9}})
            )
        );
        let annotated = |value: Value| {
            Body::ScaledObject(
                json!({"metadata": {"resourceVersion": "7", "annotations": {PAUSED_REPLICAS: value}}}),
            )
        };
        let paused = PinnedObject { paused_replicas: Some("3".into()), ..PinnedObject::default() };
        assert_eq!(body(&paused, Some("7")), annotated(json!("3")));
        assert_eq!(body(&PinnedObject::default(), Some("7")), annotated(Value::Null), "it is taken away");
    }
}
