// SPDX-License-Identifier: Apache-2.0
//! What objects say of their revisions, as the controllers write them.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A Deployment whose rollout is complete, with some of it changed.
fn deployment(change: Value) -> Deployment {
    let mut whole = json!({
        "metadata": {"name": "checkout", "uid": "1f2e3d4c-0000", "generation": 4,
                     "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {"replicas": 2, "selector": {}, "template": {}},
        "status": {"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                   "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                                   "lastUpdateTime": "1970-01-01T00:01:40Z"}]},
    });
    merge(&mut whole, change);
    serde_json::from_value(whole).unwrap()
}

fn merge(whole: &mut Value, change: Value) {
    match (whole, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            changes.into_iter().for_each(|(name, change)| {
                merge(fields.entry(name).or_insert(Value::Null), change);
            });
        }
        (whole, change) => *whole = change,
    }
}

#[test]
fn a_complete_rollout_is_ready_since_its_end() {
    let revision = deployment(json!({})).reading().unwrap().after(None, at(500));
    let expected = Revision { id: "3-1f2e3d4c".into(), ready_since: Some(at(100)), is_ours: false };
    assert_eq!(revision, expected);
}

#[rstest]
#[case::not_seen_by_its_controller(json!({"metadata": {"generation": 5}}))]
#[case::old_pods_left(json!({"status": {"replicas": 3}}))]
#[case::not_all_updated(json!({"status": {"updatedReplicas": 1}}))]
#[case::not_ready(json!({"status": {"readyReplicas": 1}}))]
#[case::not_ready_for_long_enough(json!({"status": {"availableReplicas": 1}}))]
#[case::scaling_up(json!({"spec": {"replicas": 3}}))]
fn a_rollout_under_way_is_not_ready(#[case] change: Value) {
    assert_eq!(deployment(change).reading().unwrap().after(None, at(500)).ready_since, None);
}

#[test]
fn none_asked_for_is_ready_and_none_numbered_is_nothing() {
    let none = json!({"replicas": 0, "updatedReplicas": 0, "readyReplicas": 0, "availableReplicas": 0});
    let scaled_down = deployment(json!({"spec": {"replicas": 0}, "status": none}));
    assert!(scaled_down.reading().unwrap().is_ready);
    assert_eq!(Deployment::default().reading(), None);
}

#[test]
fn time_counts_from_when_it_was_last_seen_to_become_ready() {
    let ready = || deployment(json!({})).reading().unwrap();
    let broken = || deployment(json!({"status": {"readyReplicas": 1}})).reading().unwrap();
    let next =
        || deployment(json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "4"}}}));
    let first = ready().after(None, at(500));
    assert_eq!(ready().after(Some(&first), at(510)).ready_since, Some(at(100)), "it stays");
    let lost = broken().after(Some(&first), at(520));
    assert_eq!(ready().after(Some(&lost), at(530)).ready_since, Some(at(530)), "it came back");
    assert_eq!(
        next().reading().unwrap().after(Some(&first), at(540)).ready_since,
        Some(at(540)),
        "another one"
    );
}

fn stateful_set(change: Value) -> Revision {
    let mut whole = json!({
        "metadata": {"name": "store", "generation": 2},
        "spec": {"replicas": 2, "selector": {}, "template": {}, "serviceName": "store"},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                   "currentRevision": "store-a", "updateRevision": "store-b"},
    });
    merge(&mut whole, change);
    let object: StatefulSet = serde_json::from_value(whole).unwrap();
    object.reading().unwrap().after(None, at(7))
}

#[test]
fn a_stateful_set_is_known_by_its_update_revision() {
    let ready = stateful_set(json!({}));
    assert_eq!((ready.id.as_str(), ready.ready_since), ("store-b", Some(at(7))));
    assert_eq!(stateful_set(json!({"status": {"updatedReplicas": 1}})).ready_since, None);
    assert_eq!(stateful_set(json!({"metadata": {"generation": 3}})).ready_since, None);
}

#[rstest]
#[case::nobody(json!([]), false)]
#[case::people(json!([["helm", 1, "f:template"]]), false)]
#[case::us(json!([["helm", 1, "f:template"], ["upsurge.dev/operator", 2, "f:template"]]), true)]
#[case::people_after_us(json!([["upsurge.dev/operator", 2, "f:template"], ["helm", 3, "f:template"]]), false)]
#[case::only_replicas(json!([["helm", 1, "f:template"], ["upsurge.dev/operator", 2, "f:replicas"]]), false)]
fn who_wrote_the_template_last_made_the_revision(#[case] writers: Value, #[case] expected: bool) {
    let entries = writers.as_array().unwrap().iter().map(|writer| {
        json!({"manager": writer[0], "time": at(writer[1].as_i64().unwrap()).to_string(), "operation": "Apply",
               "fieldsV1": {"f:spec": {writer[2].as_str().unwrap(): {}}}})
    });
    let entries: Vec<Value> = entries.collect();
    let revision = deployment(json!({"metadata": {"managedFields": entries}})).reading().unwrap();
    assert_eq!(revision.is_ours, expected);
}

fn known(id: &str, ready_since: Option<i64>, is_ours: bool) -> Revision {
    Revision { id: id.into(), ready_since: ready_since.map(at), is_ours }
}

#[rstest]
#[case::of_one_it_is_its_own(vec![known("b", Some(5), true)], Some("a"), known("b", Some(5), true))]
#[case::the_other_is_new(vec![known("a", Some(90), false), known("d", Some(50), false)], Some("a,c"), known("a,d", Some(50), false))]
#[case::both_are_new(vec![known("b", Some(90), false), known("d", Some(50), false)], Some("a,c"), known("b,d", Some(90), false))]
#[case::nothing_is_new(vec![known("a", Some(90), false), known("c", Some(50), false)], Some("a,c"), known("a,c", Some(90), false))]
#[case::the_old_one_is_not_ready(vec![known("a", None, false), known("d", Some(50), false)], Some("a,c"), known("a,d", None, false))]
#[case::the_new_one_is_ours(vec![known("a", Some(1), false), known("d", Some(2), true)], Some("a,c"), known("a,d", Some(2), true))]
#[case::one_of_the_new_ones_is_ours(vec![known("b", Some(1), false), known("d", Some(2), true)], Some("a,c"), known("b,d", Some(2), false))]
fn several_revisions_are_one_that_is_as_new_as_its_newest(
    #[case] each: Vec<Revision>,
    #[case] noted: Option<&str>,
    #[case] expected: Revision,
) {
    assert_eq!(Revision::of_all(&each, noted), expected);
}
