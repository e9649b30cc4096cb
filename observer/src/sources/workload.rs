// SPDX-License-Identifier: Apache-2.0
//! What a workload says: replicas, revision, whether it is being rolled out, and whether a quota keeps it short.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::core::DynamicObject;
use serde_json::Value;
use upsurge_figures::observation::What;

use super::failures::is_about_quota;
use crate::fact::Fact;

/// Where the Deployment controller writes the number of the revision.
const NUMBER: &str = "deployment.kubernetes.io/revision";
/// Digits of a UID that tell a Deployment from another one of the name, whose numbers begin anew.
const UID_DIGITS: usize = 8;
/// Reasons of a Deployment's condition Progressing while a rollout is under way. A change of its replicas has none of them.
const ROLLING: [&str; 4] =
    ["NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated", "ProgressDeadlineExceeded"];

/// Facts of an object of group `apps`.
pub fn facts(object: &DynamicObject) -> Vec<Fact> {
    let replicas = |pointer: &str, otherwise| number(object, pointer).unwrap_or(otherwise);
    let asked = Fact {
        stamped: asked_at(object),
        ..Fact::of(What::Asked { replicas: replicas("/spec/replicas", 1) })
    };
    let mut facts = vec![asked, Fact::of(What::Existing { replicas: replicas("/status/replicas", 0) })];
    if let Some(revision) = revision(object) {
        facts.push(Fact::of(What::Revision { revision }));
        facts.push(Fact::of(What::Rollout { under_way: is_rolling(object) }));
    }
    facts.extend(quota(object));
    facts
}

/// Facts of a scale.
pub fn scale_facts(scale: &Scale) -> Vec<Fact> {
    let count = |replicas: i32| u32::try_from(replicas).unwrap_or(0);
    let asked = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
    let existing = scale.status.as_ref().map(|status| status.replicas).unwrap_or_default();
    vec![
        Fact::of(What::Asked { replicas: count(asked) }),
        Fact::of(What::Existing { replicas: count(existing) }),
    ]
}

/// When `spec.replicas` was last changed: the API server notes that for whoever owns a field.
fn asked_at(object: &DynamicObject) -> Option<Timestamp> {
    let entries = object.metadata.managed_fields.iter().flatten();
    let owners = entries.filter(|entry| {
        entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
    });
    owners.filter_map(|entry| Some(entry.time.as_ref()?.0)).max()
}

fn revision(object: &DynamicObject) -> Option<String> {
    if let Some(revision) = object.data.pointer("/status/updateRevision").and_then(Value::as_str) {
        return Some(revision.to_owned());
    }
    let number = object.metadata.annotations.as_ref()?.get(NUMBER)?;
    let uid: String = object.metadata.uid.iter().flat_map(|uid| uid.chars()).take(UID_DIGITS).collect();
    Some(format!("{number}-{uid}"))
}

/// Whether pods of two revisions are there, or those of the new one are still to come.
fn is_rolling(object: &DynamicObject) -> bool {
    let text = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_str);
    if let Some(update) = text("/status/updateRevision") {
        // A partition, or pods that are replaced by hand: then two revisions are meant to stay.
        let is_by_itself = text("/spec/updateStrategy/type") != Some("OnDelete")
            && number(object, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0) == 0;
        return is_by_itself && text("/status/currentRevision").is_some_and(|current| current != update);
    }
    let (all, updated) = (number(object, "/status/replicas"), number(object, "/status/updatedReplicas"));
    if all.unwrap_or(0) > updated.unwrap_or(0) {
        return true;
    }
    // The first revision replaces none.
    let annotations = object.metadata.annotations.as_ref();
    let is_first = annotations.and_then(|all| all.get(NUMBER)).is_some_and(|number| number == "1");
    let progressing =
        condition(object, "Progressing").and_then(|condition| condition.get("reason")?.as_str());
    !is_first && progressing.is_some_and(|reason| ROLLING.contains(&reason))
}

/// A Deployment and a ReplicaSet say themselves that a quota keeps them short.
fn quota(object: &DynamicObject) -> Option<Fact> {
    let failure = condition(object, "ReplicaFailure")?;
    let text = |field: &str| failure.get(field).and_then(Value::as_str);
    let message = text("message").filter(|message| is_about_quota(message))?;
    if text("status") != Some("True") {
        return None;
    }
    let stamped = text("lastTransitionTime").and_then(|time| time.parse().ok());
    Some(Fact { stamped, ..Fact::of(What::QuotaExceeded { message: message.into() }) })
}

fn condition<'a>(object: &'a DynamicObject, type_: &str) -> Option<&'a Value> {
    let conditions = object.data.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(type_))
}

fn number(object: &DynamicObject, pointer: &str) -> Option<u32> {
    object.data.pointer(pointer).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn deployment(revision: &str, spec: &Value, status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "checkout", "uid": "0a1b2c3d-4e5f", "annotations": {NUMBER: revision}, "managedFields": [
                {"manager": "kubectl", "operation": "Apply", "time": "2030-01-01T00:00:00Z",
                 "fieldsV1": {"f:spec": {"f:template": {}}}},
                {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
                 "time": "2030-01-01T00:00:30Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                 "time": "2030-01-01T00:00:40Z", "fieldsV1": {"f:status": {"f:replicas": {}}}},
            ]},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn under_way(object: &DynamicObject) -> bool {
        let told: Vec<Fact> =
            facts(object).into_iter().filter(|fact| matches!(fact.what, What::Rollout { .. })).collect();
        assert_eq!(told.len(), 1);
        told[0].what == What::Rollout { under_way: true }
    }

    #[test]
    fn replicas_are_stamped_with_the_change_of_their_field() {
        let facts =
            facts(&deployment("3", &json!({"replicas": 4}), &json!({"replicas": 2, "updatedReplicas": 2})));
        let expected = [What::Asked { replicas: 4 }, What::Existing { replicas: 2 }];
        assert_eq!(facts.iter().map(|fact| fact.what.clone()).take(2).collect::<Vec<_>>(), expected);
        assert_eq!(facts[0].stamped, Some("2030-01-01T00:00:30Z".parse().unwrap()));
        assert_eq!(facts[1].stamped, None);
        assert_eq!(facts[2].what, What::Revision { revision: "3-0a1b2c3d".into() });
    }

    #[rstest]
    #[case::settled("3", json!({"replicas": 2, "updatedReplicas": 2}), "NewReplicaSetAvailable", false)]
    #[case::scaled_up("3", json!({"replicas": 5, "updatedReplicas": 5, "readyReplicas": 2}), "NewReplicaSetAvailable", false)]
    #[case::from_zero("1", json!({}), "NewReplicaSetAvailable", false)]
    #[case::first_revision_comes_up("1", json!({"replicas": 2, "updatedReplicas": 2}), "ReplicaSetUpdated", false)]
    #[case::two_revisions("4", json!({"replicas": 3, "updatedReplicas": 1}), "ReplicaSetUpdated", true)]
    #[case::all_replaced_and_not_there_yet("4", json!({}), "NewReplicaSetCreated", true)]
    fn a_rollout_of_a_deployment_is_told_from_a_change_of_its_replicas(
        #[case] revision: &str,
        #[case] status: Value,
        #[case] reason: &str,
        #[case] expected: bool,
    ) {
        let mut status = status;
        status["conditions"] = json!([{"type": "Progressing", "status": "True", "reason": reason}]);
        assert_eq!(under_way(&deployment(revision, &json!({"replicas": 2}), &status)), expected);
    }

    #[rstest]
    #[case::settled("a", json!({}), false)]
    #[case::rolling("b", json!({}), true)]
    #[case::partition("b", json!({"updateStrategy": {"rollingUpdate": {"partition": 2}}}), false)]
    #[case::by_hand("b", json!({"updateStrategy": {"type": "OnDelete"}}), false)]
    fn a_rollout_of_a_stateful_set_is_two_revisions_that_are_not_meant_to_stay(
        #[case] update: &str,
        #[case] spec: Value,
        #[case] expected: bool,
    ) {
        let object: DynamicObject = serde_json::from_value(json!({"metadata": {"name": "db"}, "spec": spec,
            "status": {"replicas": 3, "currentRevision": "a", "updateRevision": update}}))
        .unwrap();
        assert_eq!(under_way(&object), expected);
    }

    #[test]
    fn a_quota_shows_on_the_deployment_itself() {
        let failure = |message: &str, status: &str| {
            let failure = json!([{"type": "ReplicaFailure", "status": status, "reason": "FailedCreate", "message": message,
                "lastTransitionTime": "2030-01-01T00:01:00Z"}]);
            quota(&deployment("1", &json!({}), &json!({"conditions": failure})))
        };
        let told = failure("pods \"x\" is forbidden: exceeded quota: pods", "True").unwrap();
        assert_eq!(told.stamped, Some("2030-01-01T00:01:00Z".parse().unwrap()));
        assert_eq!(failure("exceeded quota", "False"), None);
        assert_eq!(failure("admission webhook denied", "True"), None);
    }
}
