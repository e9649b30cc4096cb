// SPDX-License-Identifier: Apache-2.0
//! What Kubernetes' events say of pods that could not be made.

use k8s_openapi::api::core::v1::Event;
use upsurge_figures::observation::What;

use crate::{fact::Fact, target::Target};

/// Which events are watched; the API server selects them.
pub const SELECTOR: &str = "type=Warning,reason=FailedCreate";

/// That a quota forbade a pod of the workload, if an event says so. A Deployment's ReplicaSet is told by its name: the name of
/// the Deployment, a dash and a hash.
pub fn quota(event: &Event, target: &Target) -> Option<Fact> {
    let object = &event.involved_object;
    let (kind, name) = (object.kind.as_deref()?, object.name.as_deref()?);
    let is_own = (kind == target.kind && name == target.name)
        || (kind == "ReplicaSet"
            && target.kind != "ReplicaSet"
            && name.rsplit_once('-').is_some_and(|(owner, _)| owner == target.name));
    let message = event.message.as_deref()?;
    if !is_own || event.reason.as_deref() != Some("FailedCreate") || !is_about_quota(message) {
        return None;
    }
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let at = last.or(series.map(|time| time.0)).or(event.event_time.as_ref().map(|time| time.0));
    Some(Fact { stamped: at, ..Fact::of(What::QuotaExceeded { message: message.into() }) })
}

/// Whether a message of the API server tells of a quota; in these words since there are quotas.
pub fn is_about_quota(message: &str) -> bool {
    message.contains("exceeded quota")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const QUOTA: &str =
        "Error creating: pods \"checkout-7c1f-x\" is forbidden: exceeded quota: pods, requested: pods=1";

    #[rstest]
    #[case::its_replica_set("Deployment", "ReplicaSet", "checkout-7c1f", QUOTA, true)]
    #[case::itself("StatefulSet", "StatefulSet", "checkout", QUOTA, true)]
    #[case::replica_set_of_another("Deployment", "ReplicaSet", "checkout-cart-7c1f", QUOTA, false)]
    #[case::another("StatefulSet", "StatefulSet", "cart", QUOTA, false)]
    #[case::no_quota(
        "StatefulSet",
        "StatefulSet",
        "checkout",
        "Error creating: admission webhook denied",
        false
    )]
    fn a_quota_is_told_of_the_own_workload(
        #[case] target: &str,
        #[case] kind: &str,
        #[case] name: &str,
        #[case] message: &str,
        #[case] told: bool,
    ) {
        let event: Event = serde_json::from_value(json!({
            "metadata": {"name": "e"}, "type": "Warning", "reason": "FailedCreate", "message": message,
            "involvedObject": {"kind": kind, "name": name}, "lastTimestamp": "2030-01-01T00:00:07Z",
        }))
        .unwrap();
        let target = Target {
            namespace: "shop".into(),
            api_version: "apps/v1".into(),
            kind: target.into(),
            name: "checkout".into(),
        };
        let fact = quota(&event, &target);
        assert_eq!(fact.is_some(), told);
        if let Some(fact) = fact {
            assert_eq!(fact.stamped, Some("2030-01-01T00:00:07Z".parse().unwrap()));
        }
    }
}
