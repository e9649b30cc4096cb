// SPDX-License-Identifier: Apache-2.0
//! Finding the autoscaler of a workload, and what it says.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::{Api, Client, api::ListParams};
use upsurge_core::autoscaling::Autoscaler;
use upsurge_crds::v1alpha1::WorkloadReference;

use super::SamplingError;

/// The autoscaler that drives a workload.
#[derive(Clone, Debug)]
pub struct FoundAutoscaler {
    /// Its name and bounds. The kind is `ScaledObject` if KEDA made the HorizontalPodAutoscaler.
    pub autoscaler: Autoscaler,
    /// The HorizontalPodAutoscaler, with the state it had when it was found.
    pub hpa: HorizontalPodAutoscaler,
}

/// What a condition of an autoscaler says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason, for example `FailedGetResourceMetric`.
    pub reason: String,
    /// Message.
    pub message: String,
}

impl FoundAutoscaler {
    /// A condition of the HorizontalPodAutoscaler, for example `ScalingActive`; `None` if it has none of that type.
    pub fn condition(&self, type_: &str) -> Option<Condition> {
        conditions(&self.hpa).find(|(name, _)| *name == type_).map(|(_, condition)| condition)
    }

    /// Replicas that it wants and that it knows of; `None` before its first look.
    pub fn replicas(&self) -> Option<(i32, i32)> {
        replicas(&self.hpa)
    }
}

/// Finds the HorizontalPodAutoscaler whose `scaleTargetRef` is the workload. One that KEDA made for a
/// ScaledObject has the same reference, so both are found alike.
///
/// # Errors
/// When the API server can't be asked.
pub async fn find_autoscaler(
    client: &Client,
    namespace: &str,
    workload: &WorkloadReference,
) -> Result<Option<FoundAutoscaler>, SamplingError> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), namespace);
    let what = || format!("HorizontalPodAutoscalers of namespace {namespace}");
    let all = api.list(&ListParams::default()).await.map_err(|error| SamplingError::of(what(), error))?;
    let found = all.items.into_iter().find(|hpa| targets(hpa, workload));
    Ok(found.map(|hpa| FoundAutoscaler { autoscaler: described(&hpa), hpa }))
}

/// Whether an autoscaler targets a workload. Versions of one API group name the same object.
pub(super) fn targets(hpa: &HorizontalPodAutoscaler, workload: &WorkloadReference) -> bool {
    let group = |api_version: &str| api_version.split_once('/').map(|(group, _)| group.to_owned());
    let target = &hpa.spec.scale_target_ref;
    target.kind == workload.kind
        && target.name == workload.name
        && target.api_version.as_deref().and_then(group) == group(&workload.api_version)
}

/// Name and bounds of an autoscaler.
pub(super) fn described(hpa: &HorizontalPodAutoscaler) -> Autoscaler {
    let mut owners = hpa.metadata.owner_references.iter().flatten();
    let scaled_object =
        owners.find(|owner| owner.kind == "ScaledObject" && owner.api_version.starts_with("keda.sh/"));
    let (kind, name) = match scaled_object {
        Some(owner) => (owner.kind.clone(), owner.name.clone()),
        None => ("HorizontalPodAutoscaler".into(), hpa.metadata.name.clone().unwrap_or_default()),
    };
    Autoscaler {
        kind,
        name,
        min_replicas: hpa.spec.min_replicas.unwrap_or(1),
        max_replicas: hpa.spec.max_replicas,
    }
}

/// Replicas that an autoscaler wants and that it knows of; `None` before its first look.
pub(super) fn replicas(hpa: &HorizontalPodAutoscaler) -> Option<(i32, i32)> {
    let status = hpa.status.as_ref()?;
    // A status without conditions was never written by the autoscaler; its zeros mean nothing.
    status.conditions.as_ref()?;
    Some((status.desired_replicas, status.current_replicas.unwrap_or_default()))
}

/// The conditions of an autoscaler with their types.
pub(super) fn conditions(hpa: &HorizontalPodAutoscaler) -> impl Iterator<Item = (&str, Condition)> {
    let all = hpa.status.iter().flat_map(|status| status.conditions.iter().flatten());
    all.map(|condition| {
        let said = Condition {
            status: condition.status.clone(),
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
        };
        (condition.type_.as_str(), said)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hpa(api_version: &str, owner: Option<&str>) -> HorizontalPodAutoscaler {
        let owners: Vec<_> = owner
            .map(|name| json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": name, "uid": "u"}))
            .into_iter()
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "checkout", "ownerReferences": owners},
            "spec": {
                "scaleTargetRef": {"apiVersion": api_version, "kind": "Deployment", "name": "checkout"},
                "maxReplicas": 7,
            },
            "status": {"desiredReplicas": 2, "currentReplicas": 1, "conditions": [
                {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no"},
            ]},
        }))
        .unwrap()
    }

    fn workload(api_version: &str) -> WorkloadReference {
        WorkloadReference {
            api_version: api_version.into(),
            kind: "Deployment".into(),
            name: "checkout".into(),
        }
    }

    #[test]
    fn an_autoscaler_is_told_by_group_kind_and_name_of_its_target() {
        assert!(targets(&hpa("apps/v1", None), &workload("apps/v1")));
        assert!(targets(&hpa("apps/v1beta2", None), &workload("apps/v1")));
        assert!(!targets(&hpa("argoproj.io/v1", None), &workload("apps/v1")));
        assert!(!targets(&hpa("v1", None), &workload("apps/v1")));
        assert!(!targets(
            &hpa("apps/v1", None),
            &WorkloadReference { name: "cart".into(), ..workload("apps/v1") }
        ));
    }

    #[test]
    fn an_autoscaler_made_by_keda_is_called_by_its_scaled_object() {
        let plain = described(&hpa("apps/v1", None));
        assert_eq!((plain.kind.as_str(), plain.name.as_str()), ("HorizontalPodAutoscaler", "checkout"));
        assert_eq!((plain.min_replicas, plain.max_replicas), (1, 7));
        let keda = described(&hpa("apps/v1", Some("queue")));
        assert_eq!((keda.kind.as_str(), keda.name.as_str()), ("ScaledObject", "queue"));
    }

    #[test]
    fn what_an_autoscaler_says_is_read_from_its_status() {
        let hpa = hpa("apps/v1", None);
        let found = FoundAutoscaler { autoscaler: described(&hpa), hpa };
        assert_eq!(found.replicas(), Some((2, 1)));
        assert_eq!(found.condition("ScalingActive").unwrap().reason, "FailedGetResourceMetric");
        assert_eq!(found.condition("AbleToScale"), None);
    }
}
