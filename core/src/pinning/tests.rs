// SPDX-License-Identifier: Apache-2.0

mod sizes;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn workload(replicas: i32) -> PinnedObject {
    PinnedObject {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "checkout".into(),
        replicas: Some(replicas),
        ..PinnedObject::default()
    }
}

fn hpa(min: i32, max: i32) -> PinnedObject {
    PinnedObject {
        api_version: "autoscaling/v2".into(),
        kind: "HorizontalPodAutoscaler".into(),
        name: "checkout".into(),
        min_replicas: Some(min),
        max_replicas: Some(max),
        ..PinnedObject::default()
    }
}

fn scaled_object(paused: Option<&str>) -> PinnedObject {
    PinnedObject {
        api_version: "keda.sh/v1alpha1".into(),
        kind: "ScaledObject".into(),
        name: "checkout".into(),
        paused_replicas: paused.map(str::to_owned),
        ..PinnedObject::default()
    }
}

#[rstest]
#[case::workload(workload(2), "scale Deployment/checkout --replicas=2")]
#[case::autoscaler(
    hpa(2, 9),
    r#"patch HorizontalPodAutoscaler/checkout --type=merge -p '{"spec":{"minReplicas":2,"maxReplicas":9}}'"#
)]
#[case::paused(
    scaled_object(Some("3")),
    "annotate ScaledObject/checkout autoscaling.keda.sh/paused-replicas=3 --overwrite"
)]
#[case::paused_by_somebody_hostile(
    scaled_object(Some("3; it's $(gone)")),
    r"annotate ScaledObject/checkout autoscaling.keda.sh/paused-replicas='3; it'\''s $(gone)' --overwrite"
)]
#[case::not_paused(
    scaled_object(None),
    "annotate ScaledObject/checkout autoscaling.keda.sh/paused-replicas-"
)]
fn what_is_left_can_be_put_back_by_a_command(#[case] object: PinnedObject, #[case] command: &str) {
    assert_eq!(by_hand(&object, "shop"), format!("kubectl -n shop {command}"));
}

fn wish(epoch: i32, replicas: i32) -> Wish {
    Wish { epoch, replicas, size: None }
}

/// Objects of a cluster, which the functions under test are asked about again and again.
#[derive(Clone, Debug, PartialEq)]
struct Cluster(Vec<PinnedObject>);

impl Cluster {
    fn present(&self) -> Vec<Present> {
        let present = |object: &PinnedObject| Present { object: object.clone(), version: Some("7".into()) };
        self.0.iter().map(present).collect()
    }

    fn set(&mut self, to: &PinnedObject) {
        let object = self.0.iter_mut().find(|one| is_same(one, to)).unwrap();
        object.clone_from(to);
    }

    /// Takes so many steps; each of them is the writing of a note or of one object.
    fn pin(&mut self, known: &mut Option<PinningStatus>, replicas: i32, steps: usize) -> bool {
        self.pin_for(known, wish(1, replicas), steps)
    }

    fn pin_for(&mut self, known: &mut Option<PinningStatus>, wish: Wish, steps: usize) -> bool {
        let mut left = steps;
        loop {
            match pin(known.as_ref(), &self.present(), &wish, Timestamp::UNIX_EPOCH) {
                Next::Held => return true,
                _ if left == 0 => return false,
                Next::Note(noted) => *known = Some(*noted),
                Next::Change(changes) => self.set(&changes[0].to),
            }
            left -= 1;
        }
    }

    fn restore(&mut self, known: &PinningStatus) -> Vec<String> {
        loop {
            let Rest { changes, left } = restore(known, &self.present());
            let Some(change) = changes.first() else { return left };
            self.set(&change.to);
        }
    }
}

#[test]
fn what_was_found_is_noted_before_anything_is_changed() {
    let mut cluster = Cluster(vec![hpa(2, 10), workload(3)]);
    let mut known = None;
    assert!(!cluster.pin(&mut known, 5, 1));
    assert_eq!(known.as_ref().unwrap().originals, [hpa(2, 10), workload(3)]);
    assert_eq!(cluster.0, [hpa(2, 10), workload(3)], "nothing is changed yet");
    assert!(cluster.pin(&mut known, 5, 9));
    assert_eq!(cluster.0, [hpa(5, 5), workload(5)]);
    assert!(cluster.pin(&mut known, 2, 9));
    let now = known.as_ref().unwrap();
    assert_eq!(
        (now.replicas, now.previous, cluster.0.as_slice()),
        (2, Some(5), &[hpa(2, 2), workload(2)][..])
    );
    assert_eq!(now.originals, [hpa(2, 10), workload(3)], "what we have set is not taken for what was found");
    assert!(cluster.restore(now).is_empty());
    assert_eq!(cluster.0, [hpa(2, 10), workload(3)]);
}

#[rstest]
#[case::a_workload_alone(vec![workload(3)], vec![workload(5)])]
#[case::zero(vec![workload(0)], vec![workload(5)])]
#[case::an_autoscaler(vec![hpa(2, 10), workload(3)], vec![hpa(5, 5), workload(5)])]
#[case::keda(vec![scaled_object(None), workload(0)], vec![scaled_object(Some("5")), workload(5)])]
#[case::keda_that_was_paused(vec![scaled_object(Some("1")), workload(1)], vec![scaled_object(Some("5")), workload(5)])]
#[case::what_is_held_already(vec![hpa(5, 5), workload(5)], vec![hpa(5, 5), workload(5)])]
fn each_kind_is_held_and_put_back(#[case] found: Vec<PinnedObject>, #[case] expected: Vec<PinnedObject>) {
    let (mut cluster, mut known) = (Cluster(found.clone()), None);
    assert!(cluster.pin(&mut known, 5, 9));
    assert_eq!(cluster.0, expected);
    assert!(cluster.restore(&known.unwrap()).is_empty());
    assert_eq!(cluster.0, found);
}

#[test]
fn what_somebody_else_has_changed_is_left_alone_and_told() {
    let (mut cluster, mut known) = (Cluster(vec![hpa(2, 10), workload(3)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    cluster.set(&hpa(2, 20));
    cluster.set(&workload(8));
    let left = cluster.restore(&known.unwrap());
    assert_eq!(
        left,
        [
            "HorizontalPodAutoscaler/checkout has minReplicas 2 and maxReplicas 20, and had minReplicas 2 and maxReplicas 10 \
          before the run: somebody else has changed it meanwhile, and it is left as it is"
        ],
        "the replicas are the autoscaler's business"
    );
    assert_eq!(cluster.0, [hpa(2, 20), workload(8)]);

    let (mut cluster, mut known) = (Cluster(vec![workload(3)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    cluster.set(&workload(8));
    assert_eq!(cluster.restore(&known.unwrap()).len(), 1, "without an autoscaler it was a person");
}

#[test]
fn what_somebody_else_wishes_between_two_numbers_is_put_back() {
    let (mut cluster, mut known) = (Cluster(vec![hpa(2, 10), workload(3)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    cluster.set(&hpa(2, 20));
    assert!(cluster.pin(&mut known, 4, 9));
    assert_eq!(cluster.0, [hpa(4, 4), workload(4)]);
    let known = known.unwrap();
    assert!(cluster.restore(&known).is_empty());
    assert_eq!(cluster.0, [hpa(2, 20), workload(3)]);
    let told = "HorizontalPodAutoscaler/checkout had minReplicas 2 and maxReplicas 10; somebody else has set it to minReplicas 2 and \
                maxReplicas 20";
    assert!(matches!(&known.changed[..], [changed] if changed.starts_with(told)), "{:?}", known.changed);
}

/// What tools write that know only some of the fields, and what an autoscaler from 2 to 10 replicas has in the end.
#[rstest]
#[case::the_highest_alone(hpa(5, 10), hpa(2, 10), 0)]
#[case::the_lowest_alone(hpa(3, 5), hpa(3, 10), 1)]
#[case::a_higher_highest(hpa(5, 20), hpa(2, 20), 1)]
#[case::both(hpa(3, 20), hpa(3, 20), 1)]
#[case::what_was_found(hpa(2, 10), hpa(2, 10), 0)]
fn no_field_keeps_what_we_have_set_when_somebody_else_writes_another(
    #[case] written: PinnedObject,
    #[case] expected: PinnedObject,
    #[case] told: usize,
) {
    let (mut cluster, mut known) = (Cluster(vec![hpa(2, 10), workload(3)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    let mut held = cluster.clone();
    // At the end,
    cluster.set(&written);
    assert_eq!(cluster.restore(known.as_ref().unwrap()).len(), told);
    assert_eq!(cluster.0, [expected.clone(), workload(3)]);
    // and between two epochs.
    held.set(&written);
    assert!(held.pin(&mut known, 4, 9));
    let known = known.unwrap();
    assert_eq!(known.changed.len(), told, "{:?}", known.changed);
    assert!(held.restore(&known).is_empty());
    assert_eq!(held.0, [expected, workload(3)]);
}

#[test]
fn bounds_that_do_not_go_with_what_was_found_are_left_as_a_whole() {
    let (mut cluster, mut known) = (Cluster(vec![hpa(1, 2), workload(1)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    cluster.set(&hpa(4, 5));
    assert_eq!(cluster.restore(&known.unwrap()).len(), 1);
    assert_eq!(cluster.0, [hpa(4, 5), workload(1)], "no autoscaler has 4 replicas at least and 2 at most");
}

#[test]
fn a_wish_that_changes_before_it_is_carried_out_makes_no_number_somebody_elses() {
    let (mut cluster, mut known) = (Cluster(vec![hpa(2, 10), workload(3)]), None);
    assert!(cluster.pin(&mut known, 4, 9));
    // Noted, and not one object is changed.
    assert!(!cluster.pin_for(&mut known, wish(2, 6), 1));
    assert_eq!(cluster.0, [hpa(4, 4), workload(4)]);
    assert!(cluster.pin_for(&mut known, wish(2, 8), 9));
    assert_eq!(cluster.0, [hpa(8, 8), workload(8)]);
    let known = known.unwrap();
    assert_eq!(known.originals, [hpa(2, 10), workload(3)]);
    assert!(known.changed.is_empty(), "{:?}", known.changed);
}

#[test]
fn what_somebody_sets_a_workload_to_that_has_no_autoscaler_is_told() {
    let (mut cluster, mut known) = (Cluster(vec![workload(3)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    cluster.set(&workload(8));
    assert!(cluster.pin(&mut known, 4, 9));
    let known = known.unwrap();
    assert!(
        known.changed[0].starts_with("Deployment/checkout had 3 replicas; somebody else has set it to 8")
    );
    assert!(cluster.restore(&known).is_empty());
    assert_eq!(cluster.0, [workload(8)]);
}

#[test]
fn another_epoch_with_the_same_replicas_gets_its_own_time() {
    let (mut cluster, mut known) = (Cluster(vec![hpa(2, 10), workload(3)]), None);
    assert!(cluster.pin_for(&mut known, wish(1, 5), 9));
    assert!(cluster.pin_for(&mut known, wish(2, 4), 9));
    assert!(!cluster.pin_for(&mut known, wish(3, 4), 0), "it is noted first");
    assert!(cluster.pin_for(&mut known, wish(3, 4), 1), "and nothing has to be changed");
    let known = known.unwrap();
    assert_eq!((known.epoch, known.replicas, known.previous), (3, 4, Some(5)));
    assert!(cluster.restore(&known).is_empty());
    assert_eq!(cluster.0, [hpa(2, 10), workload(3)]);
}

#[test]
fn what_is_gone_needs_nothing() {
    let (mut cluster, mut known) = (Cluster(vec![hpa(2, 10), workload(3)]), None);
    assert!(cluster.pin(&mut known, 5, 9));
    assert_eq!(restore(&known.unwrap(), &[]), Rest::default());
}

proptest! {
    #[test]
    fn whenever_it_is_left_off_all_is_put_back(
        min in 1..9_i32, more in 0..9_i32, replicas in 0..9_i32,
        counts in prop::collection::vec(1..9_i32, 1..5), last in 0..6_usize,
    ) {
        let found = vec![hpa(min, min + more), workload(replicas)];
        let (mut cluster, mut known) = (Cluster(found.clone()), None);
        let (end, before) = counts.split_last().unwrap();
        for count in before {
            prop_assert!(cluster.pin(&mut known, *count, 99));
        }
        cluster.pin(&mut known, *end, last);
        if let Some(known) = &known {
            prop_assert!(cluster.restore(known).is_empty());
        }
        prop_assert_eq!(cluster.0, found);
    }

    #[test]
    fn whatever_is_wished_before_the_last_wish_is_carried_out_all_is_put_back(
        min in 1..9_i32, more in 0..9_i32, replicas in 0..9_i32,
        wishes in prop::collection::vec((1..9_i32, 0..6_usize), 1..8),
    ) {
        let found = vec![hpa(min, min + more), workload(replicas)];
        let (mut cluster, mut known) = (Cluster(found.clone()), None);
        for (epoch, (replicas, steps)) in (1..).zip(wishes) {
            cluster.pin_for(&mut known, wish(epoch, replicas), steps);
        }
        if let Some(known) = &known {
            prop_assert_eq!(&known.originals, &found);
            prop_assert!(cluster.restore(known).is_empty());
        }
        prop_assert_eq!(cluster.0, found);
    }
}
