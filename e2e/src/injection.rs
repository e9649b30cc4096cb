// SPDX-License-Identifier: Apache-2.0
//! Containers that somebody else puts into runner pods, as service meshes do: by a MutatingAdmissionPolicy that knows one
//! namespace only.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, PostParams},
    discovery,
};
use serde_json::{Value, json};
use upsurge_crds::names::labels;

use crate::{
    Context,
    target::{restricted_container, restricted_pod},
    wait,
};

const GROUP: &str = "admissionregistration.k8s.io";

/// Puts a container in front of those of every runner pod of the namespace, in the list `containers` or `initContainers`,
/// and waits until that happens.
///
/// # Errors
/// When the cluster has no such policies, or it does not happen in time.
pub async fn inject(context: &Context, list: &str, container: Value) -> Result<()> {
    let name = format!("{}-{}", context.namespace, list.to_lowercase());
    let path = format!("/spec/{list}");
    // A list that is absent has to be made first.
    let add = |path: &str, value: &Value| {
        format!("JSONPatch{{op: \"add\", path: {path:?}, value: {}}}", cel(value))
    };
    let expression = if list == "containers" {
        format!("[{}]", add(&format!("{path}/0"), &container))
    } else {
        format!("[{}]", add(&path, &json!([container])))
    };
    let policy = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": context.namespace}},
            "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        },
        "matchConditions": [{
            "name": "runners",
            "expression": format!("has(object.metadata.labels) && {:?} in object.metadata.labels", labels::RUN),
        }],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    });
    create(context, "MutatingAdmissionPolicy", &name, policy).await?;
    create(context, "MutatingAdmissionPolicyBinding", &name, json!({"policyName": name})).await?;
    wait::eventually("containers are injected", wait::seconds(30), async || {
        let probe: Pod = serde_json::from_value(json!({
            "metadata": {"generateName": "probe-", "labels": {labels::RUN: "probe"}},
            "spec": {"securityContext": restricted_pod(), "containers": [
                {"name": "probe", "image": "upsurge/runner:dev", "securityContext": restricted_container()},
            ]},
        }))?;
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let spec = context.api::<Pod>().create(&dry, &probe).await?.spec.unwrap_or_default();
        let containers = spec.containers.len() + spec.init_containers.unwrap_or_default().len();
        Ok((containers == 2).then_some(()))
    })
    .await
}

/// A value as CEL has it, where maps and lists hold values of one type, unless each is called dynamic.
fn cel(value: &Value) -> String {
    let dynamic = |value: &Value| format!("dyn({})", cel(value));
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dynamic).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name:?}: {}", dynamic(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        leaf => leaf.to_string(),
    }
}

/// A container that never ends by itself, under the *restricted* standard.
pub fn sidecar(name: &str) -> Value {
    json!({
        "name": name, "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
        "args": ["target", "--listen", "127.0.0.1:18080"],
        "securityContext": restricted_container(),
    })
}

/// Creates an object of the cluster that goes with the test's namespace.
async fn create(context: &Context, kind: &str, name: &str, spec: Value) -> Result<()> {
    let group = discovery::group(&context.client, GROUP).await?;
    let known = group.resources_by_stability().into_iter().find(|(resource, _)| resource.kind == kind);
    let (resource, _): (ApiResource, _) = known.with_context(|| {
        format!(
            "the cluster has no {kind}: turn it on, as e2e/cluster does, or take Kubernetes 1.36 or newer"
        )
    })?;
    let namespace = Api::<Namespace>::all(context.client.clone()).get(&context.namespace).await?;
    let mut object = DynamicObject::new(name, &resource).data(json!({"spec": spec}));
    object.metadata.owner_references = namespace.owner_ref(&()).map(|owner| vec![owner]);
    let api: Api<DynamicObject> = Api::all_with(context.client.clone(), &resource);
    api.create(&PostParams::default(), &object)
        .await
        .with_context(|| format!("{kind} {name} was refused"))?;
    Ok(())
}
