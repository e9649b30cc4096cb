// SPDX-License-Identifier: Apache-2.0
//! A target whose pods are held at a size.

use std::collections::BTreeMap;

use super::*;
use crate::pinning::sized;

fn size(cpu: &str) -> PinnedContainer {
    let limits = BTreeMap::from([("memory".to_owned(), "1Gi".to_owned())]);
    let requests = BTreeMap::from([("cpu".to_owned(), cpu.to_owned())]);
    PinnedContainer { name: "app".into(), requests, limits }
}

fn container(size: PinnedContainer) -> PinnedObject {
    PinnedObject { replicas: None, container: Some(size), ..workload(0) }
}

fn sized_wish(epoch: i32, cpu: &str) -> Wish {
    Wish { size: Some(size(cpu)), ..wish(epoch, 3) }
}

fn found() -> Vec<PinnedObject> {
    vec![hpa(2, 10), workload(3), container(size("250m"))]
}

#[test]
fn a_size_is_set_beside_the_replicas_that_there_are_and_put_back() {
    let (mut cluster, mut known) = (Cluster(found()), None);
    assert!(!cluster.pin_for(&mut known, sized_wish(1, "500m"), 1));
    assert_eq!((&known.as_ref().unwrap().originals, &cluster.0), (&found(), &found()), "it is noted first");
    for (epoch, cpu) in [(1, "500m"), (2, "1"), (3, "500m")] {
        assert!(cluster.pin_for(&mut known, sized_wish(epoch, cpu), 9));
        assert_eq!(cluster.0, [hpa(3, 3), workload(3), container(size(cpu))]);
    }
    let known = known.unwrap();
    assert_eq!((known.size.clone(), known.previous_size.clone()), (Some(size("500m")), Some(size("1"))));
    assert!(known.changed.is_empty(), "{:?}", known.changed);
    assert!(cluster.restore(&known).is_empty());
    assert_eq!(cluster.0, found());
}

#[test]
fn amounts_that_the_api_server_writes_in_its_own_way_are_ours() {
    let (mut cluster, mut known) = (Cluster(found()), None);
    assert!(cluster.pin_for(&mut known, sized_wish(1, "1000m"), 9));
    cluster.set(&container(size("1")));
    assert!(cluster.pin_for(&mut known, sized_wish(1, "1000m"), 0), "nothing has to be changed");
    assert!(cluster.restore(&known.unwrap()).is_empty());
    assert_eq!(cluster.0, found(), "as it was written before");
}

#[test]
fn a_size_that_somebody_else_sets_is_put_back_between_two_epochs_and_left_at_the_end() {
    let (mut cluster, mut known) = (Cluster(found()), None);
    assert!(cluster.pin_for(&mut known, sized_wish(1, "1"), 9));
    cluster.set(&container(size("3")));
    let mut ended = cluster.clone();
    let left = ended.restore(known.as_ref().unwrap());
    assert_eq!(
        left,
        [
            "Deployment/checkout has requests of cpu 3 and limits of memory 1Gi of container app, and had requests of cpu 250m and \
          limits of memory 1Gi of container app before the run: somebody else has changed it meanwhile, and it is left as it is"
        ]
    );
    assert!(cluster.pin_for(&mut known, sized_wish(2, "2"), 9));
    let known = known.unwrap();
    assert_eq!(known.changed.len(), 1, "{:?}", known.changed);
    assert!(cluster.restore(&known).is_empty());
    assert_eq!(cluster.0, [hpa(2, 10), workload(3), container(size("3"))]);
}

#[test]
fn a_size_that_is_wished_before_the_last_one_is_carried_out_makes_none_somebody_elses() {
    let (mut cluster, mut known) = (Cluster(found()), None);
    assert!(cluster.pin_for(&mut known, sized_wish(1, "1"), 9));
    // Noted, and nothing is changed.
    assert!(!cluster.pin_for(&mut known, sized_wish(2, "2"), 1));
    assert_eq!(cluster.0[2], container(size("1")));
    assert!(cluster.pin_for(&mut known, sized_wish(2, "4"), 9));
    let known = known.unwrap();
    assert_eq!((&known.originals, known.changed.len()), (&found(), 0));
    assert!(cluster.restore(&known).is_empty());
    assert_eq!(cluster.0, found());
}

#[test]
fn what_is_read_before_replicas_are_set_changes_no_container() {
    let present = Cluster(vec![workload(2), container(size("250m"))]).present();
    let Next::Note(known) = pin(None, &present, &sized_wish(1, "1"), Timestamp::UNIX_EPOCH) else {
        panic!("it is noted first")
    };
    let Next::Change(changes) = pin(Some(&known), &present, &sized_wish(1, "1"), Timestamp::UNIX_EPOCH)
    else {
        panic!("something has to be changed")
    };
    let changed: Vec<PinnedObject> = changes.into_iter().map(|change| change.to).collect();
    assert_eq!(changed, [workload(3)], "the rest comes with the next look");
}

#[test]
fn a_size_of_a_test_is_all_that_a_container_has() {
    let given = serde_json::from_value(
        serde_json::json!({"name": "small", "requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}),
    );
    assert_eq!(sized("app", &given.unwrap()), size("500m"));
}

#[test]
fn a_size_can_be_put_back_by_a_command() {
    let command = by_hand(&container(size("250m")), "shop");
    assert!(command.starts_with("kubectl -n shop patch Deployment/checkout -p '{\"spec\":"), "{command}");
    let patch = command.split('\'').nth(1).unwrap();
    let patch: serde_json::Value = serde_json::from_str(patch).unwrap();
    let resources =
        serde_json::json!({"$patch": "replace", "requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}});
    let containers = patch.pointer("/spec/template/spec/containers").unwrap();
    assert_eq!(*containers, serde_json::json!([{"name": "app", "resources": resources}]));
}

proptest! {
    #[test]
    fn whenever_sizes_are_left_off_all_is_put_back(
        min in 1..9_i32, more in 0..9_i32,
        wishes in prop::collection::vec((1..5_i32, 0..8_usize), 1..8),
    ) {
        let found = vec![hpa(min, min + more), workload(3), container(size("2"))];
        let (mut cluster, mut known) = (Cluster(found.clone()), None);
        for (epoch, (cpu, steps)) in (1..).zip(wishes) {
            cluster.pin_for(&mut known, sized_wish(epoch, &cpu.to_string()), steps);
        }
        if let Some(known) = &known {
            prop_assert_eq!(&known.originals, &found);
            prop_assert!(cluster.restore(known).is_empty());
        }
        prop_assert_eq!(cluster.0, found);
    }
}
