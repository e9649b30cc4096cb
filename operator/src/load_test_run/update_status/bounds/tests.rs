// SPDX-License-Identifier: Apache-2.0
//! A status stays small, keeps what tells most, and says what it leaves out.

mod filled;

use std::collections::BTreeMap;

use kube::CustomResourceExt;
use proptest::prelude::*;
use serde_json::Value;
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{RequestResult, RunnerResult, ThresholdResult},
};

use self::filled::{Shape, status, summary};
use super::*;

const HUGE: Shape = Shape { entries: 5_000, width: 100_000, letter: '"' };

fn breached(status: &LoadTestRunStatus) -> usize {
    status.thresholds.iter().filter(|threshold| !threshold.passed).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_status_is_small_complete_or_says_so_and_stays_as_it_is(
        entries in prop_oneof![0..30_i32, 0..1_200_i32],
        width in prop_oneof![0..100_usize, 0..3_000_usize],
        letter in prop_oneof![Just('x'), Just('"'), Just('ä'), Just('\u{1}')],
    ) {
        let whole = status(Shape { entries, width, letter });
        let small = bounded(whole.clone());
        prop_assert!(size(&small) <= LARGEST, "{} bytes", size(&small));
        for list in &LISTS {
            let (before, _) = (list.measure)(&whole);
            let (after, _) = (list.measure)(&small);
            prop_assert!(after <= list.most);
            let left_out = small.omitted.get(list.name).copied().unwrap_or_default();
            // What a pod that is left out had goes with it, and is not counted by itself.
            if list.name.starts_with("usage[]") && small.omitted.contains_key("usage") {
                continue;
            }
            prop_assert_eq!(before - after, left_out as usize, "{}", list.name);
        }
        // No threshold that held is shown in the place of one that did not.
        let left_out = small.omitted.get("thresholds").copied().unwrap_or_default();
        prop_assert!(left_out == 0 || breached(&small) == breached(&whole).min(small.thresholds.len()));
        prop_assert_eq!(bounded(small.clone()), small);
    }
}

/// A test has one load, so what belongs to others is not there.
fn of_one_load(status: LoadTestRunStatus) -> LoadTestRunStatus {
    LoadTestRunStatus {
        epochs: Vec::new(),
        capacity: None,
        scalability: None,
        stress: None,
        spikes: Vec::new(),
        operations: Vec::new(),
        soak: None,
        ..status
    }
}

#[test]
fn the_largest_status_still_shows_something_of_everything() {
    let whole = of_one_load(status(HUGE));
    let status = bounded(whole.clone());
    assert!(breached(&status) > 0);
    for list in LISTS.iter().filter(|list| (list.measure)(&whole).0 > 0) {
        assert!((list.measure)(&status).0 > 0, "{} is empty: {:?}", list.name, status.omitted);
    }
}

#[test]
fn the_status_of_a_common_run_is_complete_and_small() {
    let mut common = of_one_load(status(Shape { entries: 4, width: 24, letter: 'x' }));
    // It asks for nothing of usage, which is told with some 300 bytes for each pod.
    (common.usage, common.usage_expectations) = (Vec::new(), Vec::new());
    // Nor of series.
    common.series = Vec::new();
    // A minute of scaling up, and as much of scaling down.
    let whole = status(Shape { entries: 40, width: 24, letter: 'x' });
    let autoscaling = common.autoscaling.as_mut().unwrap();
    autoscaling.timeline = whole.autoscaling.unwrap().timeline;
    // Most have one workload, of which these are told above it.
    autoscaling.workloads.truncate(1);
    let workload = &mut autoscaling.workloads[0];
    (workload.timeline, workload.requests_while_scaling_down) = (Vec::new(), None);
    common.message = Some("x".repeat(200));
    common.conditions.iter_mut().for_each(|condition| condition.message = "x".repeat(200));
    let status = bounded(common.clone());
    assert_eq!(status, common);
    assert!(size(&status) <= 16 * 1_024, "{} bytes", size(&status));
}

#[test]
fn requests_that_fail_and_slow_ones_are_kept_and_those_of_breached_thresholds() {
    let mut whole = status(Shape { entries: 0, width: 0, letter: 'x' });
    whole.requests = (0..1_000)
        .map(|n| RequestResult { name: format!("r{n}"), scenario: "all".into(), summary: summary(n) })
        .collect();
    whole.thresholds = vec![ThresholdResult {
        metric: "http_req_duration{request:r500,stage:hold}".into(),
        ..ThresholdResult::default()
    }];
    let small = bounded(whole);
    let shown: Vec<&str> = small.requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!((shown.len(), small.omitted.get("requests")), (50, Some(&950)));
    assert!(["r0", "r1", "r500", "r998", "r999"].iter().all(|name| shown.contains(name)), "{shown:?}");
}

#[test]
fn runners_that_failed_are_shown_before_those_that_did_not() {
    let mut whole = status(Shape { entries: 0, width: 0, letter: 'x' });
    whole.runners = (0..1_000)
        .map(|index| RunnerResult { index, state: "Completed".into(), ..RunnerResult::default() })
        .collect();
    whole.runners[777].state = "RunnerOOMKilled".into();
    let small = bounded(whole);
    assert!(small.runners.iter().any(|runner| runner.index == 777));
    assert!(small.runners.is_sorted_by_key(|runner| runner.index));
    assert_eq!(small.omitted, BTreeMap::from([("runners".to_owned(), 950)]));
}

/// Paths of the lists of a schema, with their greatest lengths.
fn lists_of(schema: &Value, path: &str, found: &mut BTreeMap<String, usize>) {
    if let Some(most) = schema.get("maxItems").and_then(Value::as_u64) {
        found.insert(path.into(), most as usize);
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        lists_of(field, &path, found);
    }
    if let Some(items) = schema.get("items") {
        lists_of(items, &format!("{path}[]"), found);
    }
}

#[test]
fn each_list_of_the_schema_is_bounded_to_what_it_says() {
    let definition = serde_json::to_value(LoadTestRun::crd()).unwrap();
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap();
    let mut declared = BTreeMap::new();
    lists_of(schema, "", &mut declared);
    // There are as many conditions as there are types of them.
    declared.remove("conditions");
    // Without any of them something would stay as a run has set it.
    declared.remove("pinning.originals");
    let bounded: BTreeMap<String, usize> =
        LISTS.iter().map(|list| (list.name.to_owned(), list.most)).collect();
    assert_eq!(bounded, declared);
}
