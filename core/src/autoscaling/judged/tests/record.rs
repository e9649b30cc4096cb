// SPDX-License-Identifier: Apache-2.0
//! What a record tells besides numbers of replicas, and records that were begun otherwise than their run.

use upsurge_figures::observation::Condition;

use super::{
    super::super::{ONLY_AUTOSCALER, PAUSED, begin},
    *,
};

fn begun_at(second: i64, events: Vec<Event>) -> Workload {
    let mut workload = record_of(events);
    let timeline = Plan::compile(&test(json!({})).load, &["a"]).unwrap().timeline;
    begin(&mut workload, &timeline, at(second));
    workload
}

fn under_provisioned(workload: &Workload) -> upsurge_crds::v1alpha1::ExpectationResult {
    let test = test(json!({"maxUnderProvisionedPercent": 12}));
    told_of(&test, workload, None).0.expectations.remove(0)
}

#[test]
fn a_record_that_was_begun_at_a_start_that_was_given_up_tells_the_figures_of_the_true_one() {
    let one = under_provisioned(&begun_at(-20, recorded()));
    assert_eq!((one.observed.as_str(), one.undecided), ("12.5%", false));
}

#[test]
fn where_it_can_not_be_counted_anew_nothing_is_known() {
    let mut events = recorded();
    events.extend((0..600).map(|number| Event::live(at(130), What::Asked { replicas: 4 + number % 2 })));
    let workload = begun_at(-20, events);
    assert!(!workload.log().left_out().is_empty());
    let one = under_provisioned(&workload);
    assert_eq!((one.passed, one.undecided), (false, true), "{one:?}");
    assert!(one.message.is_some_and(|message| message.contains("pods were not seen for 240s")));
}

#[test]
fn users_and_arrival_rates_are_not_added_up_to_a_demand() {
    let mut test = test(json!({"maxUnderProvisionedPercent": 12}));
    test.load = serde_json::from_value(json!({"executors": [
        {"name": "a", "constantVUs": {"vus": 20, "duration": "4m"}},
        {"name": "b", "constantArrivalRate": {"rate": 20, "duration": "4m", "preAllocatedVUs": 9}}
    ]}))
    .unwrap();
    let (mut result, _) = told_of(&test, &record_of(recorded()), None);
    let elasticity = result.workloads[0].elasticity.as_ref().unwrap();
    assert_eq!((elasticity.demand_source.as_str(), elasticity.peak_demand), ("None", None));
    assert_eq!(elasticity.unclamped, None);
    assert!(result.expectations.remove(0).undecided);
}

/// Each expectation that needs a demand, with a limit that would hold.
const BY_DEMAND: [&str; 12] = [
    "maxOvershootPercent",
    "maxUnderProvisionedPercent",
    "maxOverProvisionedPercent",
    "maxTimeUnderProvisionedPercent",
    "maxTimeOverProvisionedPercent",
    "maxMissingReplicas",
    "maxSpareReplicas",
    "maxCostPercent",
    "maxInstabilityPercent",
    "maxJitterPerMinute",
    "maxFlapping",
    "maxSettlingTime",
];

#[test]
fn what_needs_a_capacity_is_undecided_without_one_and_says_how_to_measure_it() {
    let limits = BY_DEMAND
        .map(|name| (name.to_owned(), if name == "maxSettlingTime" { json!("1h") } else { json!(100) }));
    let mut test = test(Value::Object(limits.into_iter().collect()));
    test.target.workloads[0].capacity_per_replica = None;
    let mut record = Workload::new(Demand::None);
    recorded().into_iter().for_each(|event| record.note(event));
    let (result, _) = told_of(&test, &record, None);
    let mut names: Vec<&str> = result.expectations.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    let mut all = BY_DEMAND.to_vec();
    all.sort_unstable();
    assert_eq!(names, all);
    for one in &result.expectations {
        assert!(one.undecided && !one.passed, "{one:?}");
        assert!(
            one.message
                .as_ref()
                .is_some_and(|why| why.contains("`upsurge quick http://****@checkout:8080 --users ")),
            "{one:?}"
        );
    }
}

fn condition(second: i64, name: &str, status: &str) -> Event {
    let condition = Condition { condition: name.into(), status: status.into(), ..Condition::default() };
    Event::live(at(second), What::Condition(condition))
}

fn rollout(second: i64, under_way: bool) -> Event {
    Event::live(at(second), What::Rollout { under_way })
}

#[rstest]
#[case::several(vec![condition(-20, ONLY_AUTOSCALER, "False")], &["SeveralAutoscalers"])]
#[case::several_later(vec![condition(50, ONLY_AUTOSCALER, "False")], &["SeveralAutoscalers"])]
#[case::one_again_before(vec![condition(-20, ONLY_AUTOSCALER, "False"), condition(-10, ONLY_AUTOSCALER, "True")], &[])]
#[case::one_again_within(vec![condition(-20, ONLY_AUTOSCALER, "False"), condition(10, ONLY_AUTOSCALER, "True")], &["SeveralAutoscalers"])]
#[case::paused(vec![condition(-20, PAUSED, "True")], &["AutoscalerPaused"])]
#[case::resumed_before(vec![condition(-20, PAUSED, "True"), condition(-10, PAUSED, "False")], &[])]
#[case::never_paused(vec![condition(-20, PAUSED, "False")], &[])]
#[case::rolling(vec![rollout(-20, true)], &["RolloutDuringRun"])]
#[case::rolled_out_within(vec![rollout(-20, true), rollout(20, false)], &["RolloutDuringRun"])]
#[case::rolled_out_before(vec![rollout(-20, true), rollout(-10, false)], &[])]
fn what_stands_in_the_way_of_the_autoscaler_is_a_doubt(#[case] more: Vec<Event>, #[case] doubts: &[&str]) {
    let mut events = recorded();
    events.extend(more);
    events.sort_by_key(|event| event.seen);
    assert_eq!(told(json!({}), events).1, doubts);
}
