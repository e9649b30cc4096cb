// SPDX-License-Identifier: Apache-2.0
//! Single answers by example; that no two exclusive runs are ever at work, and nobody waits for ever, by any course of
//! looks, writes, ends and crashes of two operators ([`world`]).

mod world;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rstest::rstest;
use upsurge_crds::internal::TargetLeaseSpec;

use super::*;

const TARGET: &str = "http://checkout.shop:8080";

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(1_800_000_000 + second).unwrap())
}

/// A run `namespace/name`, made at a second.
fn user(name: &str, created: i64, sharing: Sharing) -> TargetUser {
    let (namespace, short) = name.split_once('/').unwrap();
    TargetUser {
        namespace: namespace.into(),
        name: short.into(),
        uid: format!("uid of {name}"),
        created: at(created),
        since: at(created),
        sharing,
        part: false,
    }
}

fn alone(name: &str, created: i64) -> TargetUser {
    user(name, created, Sharing::Exclusive)
}

fn shared(name: &str, created: i64) -> TargetUser {
    user(name, created, Sharing::Shared)
}

fn part(user: TargetUser) -> TargetUser {
    TargetUser { part: true, ..user }
}

fn taken(lease: Option<&TargetLeaseSpec>, user: &TargetUser) -> TargetLeaseSpec {
    match standing(TARGET, lease, user, &Gone::new()) {
        Standing::Free(lease) => lease,
        other => panic!("{} got {other:?}", user.name),
    }
}

fn busy(lease: &TargetLeaseSpec, user: &TargetUser) -> Busy {
    match standing(TARGET, Some(lease), user, &Gone::new()) {
        Standing::Busy(busy) => busy,
        other => panic!("{} got {other:?}", user.name),
    }
}

fn met(
    lease: &TargetLeaseSpec,
    uid: &str,
    mine: (Timestamp, Timestamp),
    loads: &BTreeMap<String, Load>,
) -> Vec<Company> {
    company(std::slice::from_ref(lease), uid, mine, loads)
}

fn gone(names: &[&str]) -> Gone {
    names.iter().map(|name| (format!("uid of {name}"), None)).collect()
}

#[test]
fn the_first_one_has_it_and_the_next_is_told_for_whom_it_waits() {
    let (first, second) = (alone("shop/first", 0), alone("billing/second", 1));
    let lease = taken(None, &first);
    assert_eq!((lease.target.as_str(), lease.holders.len()), (TARGET, 1));
    assert_eq!(standing(TARGET, Some(&lease), &first, &Gone::new()), Standing::Held, "asked again");
    let told = busy(&lease, &second);
    assert!(told.message.contains("run shop/first has until its end"), "{}", told.message);
    let lease = told.line.expect("a place in line");
    assert_eq!(busy(&lease, &second), Busy { line: None, ..told }, "asked again, it has its place");
    let Left::Lease(lease) = left(&lease, &first.uid, None) else { panic!("somebody waits") };
    let lease = taken(Some(&lease), &second);
    assert!(lease.waiting.is_empty() && lease.holders == [second.clone()]);
    assert_eq!(left(&lease, &second.uid, None), Left::Idle);
}

#[test]
fn the_oldest_is_first_whoever_asks() {
    let lease = taken(None, &alone("a/holder", 0));
    let (old, young) = (alone("b/old", 1), alone("a/young", 2));
    let lease = busy(&lease, &young).line.unwrap();
    let lease = busy(&lease, &old).line.unwrap();
    let order: Vec<&str> = lease.waiting.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(order, ["old", "young"]);
    let Left::Lease(lease) = left(&lease, "uid of a/holder", None) else { panic!() };
    let told = busy(&lease, &young).message;
    assert!(told.contains("run b/old is first"), "{told}");
    taken(Some(&lease), &old);
}

#[test]
fn those_who_share_are_side_by_side_and_pass_nobody_who_does_not() {
    let lease = taken(None, &shared("a/1", 0));
    let lease = taken(Some(&lease), &shared("b/2", 1));
    assert_eq!(lease.holders.len(), 2);
    let told = busy(&lease, &alone("c/3", 2));
    assert!(told.message.contains("each of the runs a/1, b/2 has"), "{}", told.message);
    let lease = told.line.unwrap();
    let told = busy(&lease, &shared("d/4", 3)).message;
    assert!(told.contains("run c/3 is first"), "{told}");
    // An older one, which asks late, passes.
    taken(Some(&lease), &shared("d/0", -1));
}

#[test]
fn runs_of_two_workloads_behind_one_address_are_not_in_each_others_way() {
    let lease = taken(None, &part(alone("a/1", 0)));
    let lease = taken(Some(&lease), &part(alone("b/2", 1)));
    let whole = busy(&lease, &alone("c/3", 2));
    assert!(whole.message.contains("a/1, b/2"), "{}", whole.message);
    let lease = taken(None, &alone("c/3", 2));
    busy(&lease, &part(alone("a/1", 3)));
}

#[test]
fn what_runs_that_are_gone_have_and_wait_for_is_free() {
    let lease = taken(None, &alone("a/1", 0));
    let lease = busy(&lease, &alone("a/2", 1)).line.unwrap();
    let me = alone("a/3", 2);
    let Standing::Busy(told) = standing(TARGET, Some(&lease), &me, &gone(&["a/1"])) else { panic!() };
    assert!(told.message.contains("run a/2 is first"), "{}", told.message);
    let free = standing(TARGET, Some(&lease), &me, &gone(&["a/1", "a/2"]));
    assert!(matches!(free, Standing::Free(lease) if lease.waiting.is_empty() && lease.holders == [me]));
    assert_eq!(without(&lease, &gone(&["other"])), Left::Unchanged);
    assert_eq!(without(&lease, &gone(&["a/1", "a/2"])), Left::Idle);
}

#[test]
fn holders_and_line_are_bounded() {
    let mut lease = taken(None, &shared("a/0", 0));
    for number in 1..64 {
        lease = taken(Some(&lease), &shared(&format!("a/{number}"), number));
    }
    let told = busy(&lease, &shared("b/0", 100));
    assert!(told.message.contains("64 runs share it"), "{}", told.message);
    for number in 0..64 {
        lease = busy(&lease, &alone(&format!("b/{number}"), 200 + number)).line.unwrap();
    }
    let told = busy(&lease, &alone("c/1", 300));
    assert_eq!(told.line, None);
    assert!(told.message.contains("a/0, a/1, a/2 and 61 more has"), "{}", told.message);
    assert!(told.message.contains("64 older runs wait too"), "{}", told.message);
}

#[test]
fn the_schema_says_the_same_bounds() {
    let definitions = serde_json::to_value(upsurge_crds::manifests::internal()).unwrap();
    let is_lease = |one: &&serde_json::Value| one["spec"]["names"]["kind"] == "TargetLease";
    let definition = definitions.as_array().unwrap().iter().find(is_lease).unwrap();
    let fields =
        &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    for list in ["holders", "waiting", "past"] {
        assert_eq!(fields[list]["maxItems"], MOST, "{list}");
    }
}

#[rstest]
#[case::before((0, 50), None)]
#[case::until_its_start((0, 100), None)]
#[case::into_it((50, 120), Some((100, 120)))]
#[case::within_it((110, 120), Some((110, 120)))]
#[case::around_it((0, 900), Some((100, 200)))]
#[case::out_of_it((150, 300), Some((150, 200)))]
#[case::after((200, 300), None)]
fn company_is_who_made_load_at_the_same_time(
    #[case] (from, until): (i64, i64),
    #[case] expected: Option<(i64, i64)>,
) {
    let (me, other) = (shared("a/me", 0), shared("b/other", 0));
    let lease = taken(Some(&taken(None, &me)), &other);
    let mine = (at(100).0, at(200).0);
    let load = |until| Load { from: at(from), until };
    let both = |company: &[Company]| company.iter().map(|one| (one.from.clone(), one.until.clone())).next();
    let expected = expected.map(|(from, until)| (at(from), at(until)));
    // While the other one is still there, and when it has left.
    let loads = BTreeMap::from([(other.uid.clone(), load(Some(at(until))))]);
    assert_eq!(both(&met(&lease, &me.uid, mine, &loads)), expected);
    let Left::Lease(lease) = left(&lease, &other.uid, Some(load(Some(at(until))))) else { panic!() };
    let found = met(&lease, &me.uid, mine, &BTreeMap::new());
    assert_eq!(both(&found), expected);
    assert_eq!(told(&found).is_some(), expected.is_some());
    // Two leases of the same two runs tell it once.
    assert_eq!(company(&[lease.clone(), lease], &me.uid, mine, &BTreeMap::new()), found);
}

#[test]
fn a_run_that_has_made_no_load_is_no_company() {
    let (me, other) = (shared("a/me", 0), shared("b/other", 0));
    let lease = taken(Some(&taken(None, &me)), &other);
    let mine = (at(100).0, at(200).0);
    assert_eq!(met(&lease, &me.uid, mine, &BTreeMap::new()), []);
    let still = BTreeMap::from([(other.uid.clone(), Load { from: at(150), until: None })]);
    let found = met(&lease, &me.uid, mine, &still);
    assert_eq!(
        told(&found).unwrap(),
        "another run made load on the target at the same time: b/other for 50 s"
    );
}

#[test]
fn runs_of_other_workloads_behind_the_address_are_no_company() {
    let (me, other, whole) = (part(shared("a/me", 0)), part(shared("b/other", 0)), shared("c/whole", 0));
    let lease = taken(Some(&taken(Some(&taken(None, &me)), &other)), &whole);
    let load = || Load { from: at(100), until: Some(at(200)) };
    let loads = BTreeMap::from([(other.uid.clone(), load()), (whole.uid.clone(), load())]);
    let names = |found: Vec<Company>| found.into_iter().map(|run| run.name).collect::<Vec<_>>();
    let mine = (at(100).0, at(200).0);
    assert_eq!(names(met(&lease, &me.uid, mine, &loads)), ["whole"]);
    let Left::Lease(lease) = left(&lease, &other.uid, Some(load())) else { panic!() };
    assert_eq!(lease.past.len(), 1, "the whole one had it for company");
    assert_eq!(names(met(&lease, &me.uid, mine, &loads)), ["whole"]);
    assert_eq!(names(met(&lease, &whole.uid, mine, &BTreeMap::from([(me.uid, load())]))), ["me", "other"]);
}

#[test]
fn a_past_load_is_kept_as_long_as_somebody_was_beside_it() {
    let (me, other) = (shared("a/me", 0), shared("b/other", 0));
    let lease = taken(Some(&taken(None, &me)), &other);
    let load = Load { from: at(10), until: Some(at(20)) };
    let Left::Lease(lease) = left(&lease, &other.uid, Some(load)) else { panic!() };
    let late = TargetUser { since: at(30), ..shared("c/late", 0) };
    let lease = taken(Some(&lease), &late);
    assert_eq!(lease.past.len(), 1);
    let Left::Lease(lease) = left(&lease, &me.uid, None) else { panic!() };
    assert!(lease.past.is_empty(), "{lease:?}");
}
