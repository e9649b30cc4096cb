// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use serde_json::json;
use upsurge_crds::v1alpha1::{AutoscalingResult, Snapshot};

use super::*;
use crate::{model::Incomplete, sample};

/// A run with these θ_U, θ_O, τ_U and τ_O.
fn run(name: &str, [theta_under, theta_over, tau_under, tau_over]: [&str; 4]) -> Record {
    let elasticity = json!({"demandSource": "Declared", "unclamped": {
        "underProvisioned": theta_under, "overProvisioned": theta_over, "timeUnder": tau_under, "timeOver": tau_over,
    }});
    let workload = WorkloadResult {
        name: "shop".into(),
        kind: "Deployment".into(),
        elasticity: serde_json::from_value(elasticity).unwrap(),
        ..WorkloadResult::default()
    };
    let mut record = sample::record();
    record.run.name = name.into();
    record.incomplete = None;
    record.autoscaling =
        Some(AutoscalingResult { workloads: vec![workload], ..AutoscalingResult::default() });
    record
}

fn scaled() -> Record {
    run("scaled", ["12.5%", "25%", "25%", "25%"])
}

fn fixed() -> Record {
    run("fixed", ["12.5%", "25%", "50%", "50%"])
}

#[test]
fn the_speedup_is_that_of_the_papers() {
    let found = elastic_speedups(&scaled(), &fixed()).unwrap();
    let expected = ElasticSpeedup {
        baseline: "fixed".into(),
        kind: "Deployment".into(),
        workload: "shop".into(),
        unclamped: Some("1.41".into()),
        clamped: None,
        doubts: Vec::new(),
    };
    assert_eq!(found, [expected]);
    let back = elastic_speedups(&fixed(), &scaled()).unwrap();
    assert_eq!(back[0].unclamped.as_deref(), Some("0.71"), "and the other way round");
}

#[test]
fn a_perfect_run_is_no_division_by_zero() {
    let found = elastic_speedups(&run("ideal", ["0%"; 4]), &run("poor", ["10%"; 4])).unwrap();
    assert_eq!(found[0].unclamped.as_deref(), Some("100"));
    assert!(found[0].doubts[0].contains("taken for 0.1%"), "{found:?}");
}

#[test]
fn a_load_that_was_cut_short_is_told() {
    let mut baseline = fixed();
    baseline.epochs.iter_mut().for_each(|epoch| epoch.elapsed_seconds *= 0.96);
    assert!(elastic_speedups(&scaled(), &baseline).unwrap()[0].doubts.is_empty());
    baseline.epochs.iter_mut().for_each(|epoch| epoch.elapsed_seconds /= 2.0);
    let found = elastic_speedups(&scaled(), &baseline).unwrap();
    assert!(found[0].doubts[0].starts_with("the load lasted ") && found[0].unclamped.is_some(), "{found:?}");
}

#[rstest]
#[case::gap(|record: &mut Record| workload(record).elasticity.as_mut().unwrap().unknown = Some("3s".into()), "not seen")]
#[case::none(|record: &mut Record| workload(record).elasticity = None, "no figures")]
#[case::other(|record: &mut Record| workload(record).name = "cart".into(), "did not watch it")]
#[case::kind(|record: &mut Record| workload(record).kind = "StatefulSet".into(), "did not watch it")]
#[case::capacity(|record: &mut Record| record.test = with_capacity(), "capacityPerReplica is another one")]
#[case::demand(|record: &mut Record| workload(record).elasticity.as_mut().unwrap().unclamped = None, "capacityPerReplica")]
fn what_cant_be_told_is_absent_with_the_reason(#[case] change: fn(&mut Record), #[case] doubt: &str) {
    let mut baseline = fixed();
    change(&mut baseline);
    let found = elastic_speedups(&scaled(), &baseline).unwrap();
    assert_eq!((&found[0].unclamped, &found[0].clamped), (&None, &None));
    assert!(found[0].doubts[0].contains(doubt), "{found:?}");
}

fn with_capacity() -> Snapshot {
    let mut test = sample::test();
    test.target.workloads[0].capacity_per_replica = serde_json::from_value(json!("50")).unwrap();
    Snapshot::of(&test)
}

fn workload(record: &mut Record) -> &mut WorkloadResult {
    &mut record.autoscaling.as_mut().unwrap().workloads[0]
}

#[test]
fn runs_of_different_loads_parts_of_them_and_those_without_a_workload_are_not_compared() {
    let mut other = fixed();
    let mut test = sample::test();
    test.load.stages = None;
    other.test = Snapshot::of(&test);
    let (run, baseline) = ("scaled".into(), "fixed".into());
    assert_eq!(elastic_speedups(&scaled(), &other), Err(BaselineError::Load { run, baseline }));
    let mut part = fixed();
    part.incomplete = Some(Incomplete { message: "killed".into(), until_ms: 5_000 });
    assert_eq!(elastic_speedups(&scaled(), &part), Err(BaselineError::Incomplete("fixed".into())));
    let mut unwatched = fixed();
    unwatched.autoscaling = None;
    let error = BaselineError::NoWorkload("fixed".into());
    assert_eq!(elastic_speedups(&scaled(), &unwatched), Err(error));
}
