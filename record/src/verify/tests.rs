// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use serde_json::json;
use upsurge_core::{
    epochs::{Done, Next, answer},
    metrics::names,
};
use upsurge_crds::v1alpha1::{AutoscalingResult, EpochOutcome, EpochResult, WorkloadResult};

use super::*;
use crate::{model::Folded, redact, sample};

#[test]
fn a_record_says_what_was_measured() {
    let Verified { figures, differences, skipped } = verify(&sample::record());
    assert!(differences.is_empty() && skipped.is_empty(), "{differences:?} {skipped:?}");
    assert!(figures > 150, "{figures}");
}

#[test]
fn the_sample_has_thresholds_of_every_kind() {
    let record = sample::record();
    let thresholds = &record.epochs[0].thresholds;
    let passed: Vec<bool> = thresholds.iter().map(|threshold| threshold.passed).collect();
    assert_eq!(passed, [true, false, true, true, true, true], "{thresholds:?}");
    assert!(thresholds[3].detail.as_ref().unwrap().contains("windows"), "{thresholds:?}");
}

/// What somebody changed in a record, and which figure tells of it.
#[rstest]
#[case::percentile(|epoch: &mut Epoch| epoch.figures.summary.latency.p95 = "1ms".into(), ".figures.summary.latency.p95")]
#[case::count(|epoch: &mut Epoch| epoch.figures.summary.requests += 1, ".figures.summary.requests")]
#[case::rate(|epoch: &mut Epoch| epoch.figures.stages[1].summary.error_rate = "0%".into(), ".figures.stages[1].errorRate")]
#[case::request(|epoch: &mut Epoch| epoch.figures.requests[0].summary.latency.max = "9s".into(), ".figures.requests[0].latency.max")]
#[case::iterations(|epoch: &mut Epoch| epoch.figures.requests[0].summary.iterations = Some(3), ".figures.requests[0].iterations")]
#[case::metric(|epoch: &mut Epoch| drop(epoch.figures.metrics[0].values.insert("count".into(), "7".into())), ".figures.metrics[0].values.count")]
#[case::missing(|epoch: &mut Epoch| drop(epoch.figures.requests.pop()), ".figures.requests")]
#[case::threshold(|epoch: &mut Epoch| epoch.thresholds[1].passed = true, ".thresholds[1].passed")]
#[case::window(|epoch: &mut Epoch| epoch.thresholds[3].observed = "1ms".into(), ".thresholds[3].observed")]
#[case::series(|epoch: &mut Epoch| epoch.series.points[4].requests = 0, ".series.requests")]
#[case::error(|epoch: &mut Epoch| epoch.series.points[5].errors.clear(), ".series.error:timeout")]
#[case::longest(|epoch: &mut Epoch| epoch.series.points.truncate(12), ".series.max")]
#[case::heat(|epoch: &mut Epoch| drop(epoch.heat_map.columns.pop()), ".heatMap")]
#[case::totals(|epoch: &mut Epoch| drop(epoch.measured.totals.remove(names::HTTP_REQ_DURATION)), ".figures.summary.latency.p50")]
fn a_figure_that_was_changed_is_named(#[case] change: fn(&mut Epoch), #[case] figure: &str) {
    let mut record = sample::record();
    change(&mut record.epochs[0]);
    let differences = verify(&record).differences;
    let expected = format!("epochs[0]{figure}");
    assert!(differences.iter().any(|one| one.figure == expected), "{expected} is not in {differences:?}");
}

#[test]
fn zero_iterations_of_a_request_as_earlier_programs_told_them_are_no_difference() {
    let mut record = sample::record();
    let summary = &mut record.epochs[0].figures.requests[0].summary;
    assert_eq!((summary.iterations, summary.dropped_iterations), (None, None));
    (summary.iterations, summary.dropped_iterations) = (Some(0), Some(0));
    assert!(verify(&record).differences.is_empty(), "{:?}", verify(&record).differences);
}

#[test]
fn a_run_whose_threshold_did_not_hold_has_not_passed() {
    let mut record = sample::record();
    record.outcome.verdict = Verdict::Passed;
    let differences = verify(&record).differences;
    assert_eq!(differences.iter().map(|one| one.figure.as_str()).collect::<Vec<_>>(), ["outcome.verdict"]);
}

#[test]
fn replicas_are_those_of_the_event_log() {
    let mut record = sample::record();
    record.autoscaling.as_mut().unwrap().peak_replicas = Some(7);
    let differences = verify(&record).differences;
    assert_eq!(differences[0].figure, "autoscaling.peakReplicas");
    assert_eq!((differences[0].told.as_str(), differences[0].computed.as_str()), ("7", "1"));
}

#[test]
fn replicas_of_each_workload_are_those_of_its_own_log() {
    let mut record = sample::record();
    let named = |name: &str, peak: i32| WorkloadResult {
        name: name.into(),
        start_replicas: Some(1),
        peak_replicas: Some(peak),
        end_replicas: Some(1),
        ..WorkloadResult::default()
    };
    record.autoscaling = Some(AutoscalingResult {
        workloads: vec![named("shop", 1), named("cart", 7), named("gone", 1)],
        ..AutoscalingResult::default()
    });
    let cart = ObservedWorkload { name: "cart".into(), ..record.workloads[0].clone() };
    record.workloads.push(cart);
    let verified = verify(&record);
    let figures: Vec<&str> = verified.differences.iter().map(|one| one.figure.as_str()).collect();
    assert_eq!(figures, ["autoscaling.workloads[1].peakReplicas"]);
    assert!(verified.skipped[0].starts_with("autoscaling.workloads[2]: "), "{:?}", verified.skipped);
}

#[test]
fn what_cant_be_computed_is_named() {
    let mut record = sample::record();
    record.workloads.clear();
    record.epochs[0].counted_stage = Some("gone".into());
    let skipped = verify(&record).skipped;
    assert!(skipped.iter().any(|what| what.starts_with("autoscaling")), "{skipped:?}");
    assert!(skipped.iter().any(|what| what.starts_with("epochs[0].figures.summary")), "{skipped:?}");
}

#[test]
fn what_is_told_and_not_checked_is_named_too() {
    let mut record = sample::record();
    assert!(verify(&record).skipped.is_empty());
    record.autoscaling.as_mut().unwrap().limited_by = Some("MaxReplicas".into());
    record.usage = vec![Default::default()];
    let expected = "what is told of autoscaling (but for replicas at the start, the peak and the end); usage";
    assert_eq!(verify(&record).skipped, [expected]);
    (record.autoscaling, record.usage) = (None, Vec::new());
    record.capacity = Some(Default::default());
    let expected = "capacity, and the verdict with it: by its probes the search was not over";
    assert_eq!(verify(&record).skipped, [expected]);
    record.capacity = None;
    record.scalability = Some(Default::default());
    assert_eq!(verify(&record).skipped, ["what is told of scalability, and the verdict with it"]);
    record.scalability = None;
    (record.epochs, record.shown_epoch) = (Vec::new(), None);
    let skipped = verify(&record).skipped;
    assert!(skipped.len() == 1 && skipped[0].starts_with("outcome.verdict"), "{skipped:?}");
}

/// A search for the highest rate, of a target that carries 20 per second.
fn searched() -> Record {
    let (mut record, mut test) = (sample::record(), sample::test());
    let search =
        json!({"find": "MaxRate", "from": 10, "to": 80, "within": 50, "repeats": 1, "measure": "10s"});
    test.load = serde_json::from_value(json!({"capacity": search})).unwrap();
    record.test = redact::spec(&test);
    let (epochs, mut history) = (Epochs::of(&test.load).unwrap(), Vec::<EpochResult>::new());
    let found = loop {
        match epochs.decide(&history) {
            Next::Epoch(epoch) => {
                let is_carried = epoch.level.unwrap() <= 20.0;
                let outcome = Some(if is_carried { EpochOutcome::Passed } else { EpochOutcome::Failed });
                history.push(EpochResult { outcome, ..epoch.under_way(None).unwrap() });
            }
            Next::Done(Done::Capacity(found)) => break found,
            Next::Done(other) => panic!("{other:?}"),
        }
    };
    let told = answer(&test, &found, &history);
    record.capacity = Some(told.capacity);
    (record.outcome.verdict, record.outcome.reason) = (told.outcome.verdict, told.outcome.reason);
    let probe = record.epochs[0].clone();
    record.epochs = history.into_iter().map(|one| Epoch { result: Some(one), ..probe.clone() }).collect();
    record
}

/// What differs of the answer of a search, and of its verdict.
fn of_answer(record: &Record) -> Vec<String> {
    let differences = verify(record).differences.into_iter().map(|one| one.figure);
    differences.filter(|figure| !figure.starts_with("epochs")).collect()
}

#[test]
fn the_answer_of_a_search_follows_from_its_probes() {
    let whole = searched();
    assert!(whole.epochs.len() > 2);
    assert_eq!(of_answer(&whole), [""; 0]);
    let mut changed = whole.clone();
    changed.capacity.as_mut().unwrap().level = Some("80".into());
    assert_eq!(of_answer(&changed), ["capacity.level"]);
    let mut changed = whole.clone();
    changed.outcome.verdict = Verdict::Inconclusive;
    assert_eq!(of_answer(&changed), ["outcome.verdict"]);
    let mut folded = whole;
    folded.capacity.as_mut().unwrap().level = Some("80".into());
    folded.folded.push(Folded { what: "epochs".into(), count: None, message: "two are kept".into() });
    assert_eq!(of_answer(&folded), [""; 0]);
    assert!(verify(&folded).skipped.iter().any(|what| what.contains("not all of its probes are here")));
}
