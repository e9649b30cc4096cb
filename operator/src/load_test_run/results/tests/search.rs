// SPDX-License-Identifier: Apache-2.0
//! What a search found, in status and verdict.

use upsurge_crds::v1alpha1::{EpochOutcome, EpochResult, RunSummary};

use super::*;
use crate::load_test_run::fixtures::{search, standing};

#[test]
fn a_search_that_ends_between_two_probes_tells_what_is_known_of_its_load() {
    let mut spec = search();
    spec["after"] = json!([{"request": {"name": "tidy up", "url": "/"}}]);
    let plan = plan(&spec);
    let first = plan.epochs().unwrap().under_way(&[]).under_way(Some(MicroTime(at(0)))).unwrap();
    let mut snapshot = session(Some(Readiness::Preparing), None);
    snapshot.epochs =
        Some(standing(&plan, vec![EpochResult { outcome: Some(EpochOutcome::Passed), ..first }]));
    let company =
        [Company { namespace: "shop".into(), name: "load-2".into(), from: Time(at(3)), until: Time(at(9)) }];
    let beside = Beside { checks: &[], series: &[], company: &company };
    let mut status = LoadTestRunStatus::default();
    let outcome = conclude(&mut status, &plan, &snapshot, &pods(), Some(&Cause::aborted()), &beside, at(20));
    assert_eq!(
        (outcome.verdict, outcome.message.contains("load-2")),
        (Verdict::Aborted, true),
        "{outcome:?}"
    );
    assert!(outcome.message.contains("; until then 10 iterations/s passed"), "{outcome:?}");
    let [start, end] = [status.start_time, status.load_end_time].map(|time| time.unwrap().0);
    assert_eq!((start, end), (at(0), at(15)), "a probe takes 15 s");
    assert_eq!(status.company, company);
    assert!(matches!(&status.warnings[..], [told] if told.contains("was gone")), "{:?}", status.warnings);
    assert!(status.summary.is_none());
}

#[test]
fn the_figures_of_a_search_are_without_the_warm_up() {
    let mut spec = search();
    spec["metrics"] = json!([{"name": "orders", "type": "Counter"}]);
    let plan = plan(&spec);
    let mut snapshot = session(Some(Readiness::Ready), Some(at(0)));
    snapshot.elapsed = std::time::Duration::from_secs(15);
    snapshot.epochs = Some(standing(&plan, Vec::new()));
    let plan = plan.at(snapshot.epochs.as_ref().unwrap());
    for (stage, requests, failed) in [("warm-up", 50_u32, 50), ("measure", 100, 10)] {
        let key = |metric| {
            let key = key(metric);
            SeriesKey { tags: Tags { stage: Some(stage.into()), ..key.tags }, ..key }
        };
        for metric in ["http_reqs", "orders"] {
            snapshot.metrics.add(key(metric), &Sink::Counter(f64::from(requests)));
        }
        let rate = Sink::Rate { passes: failed, total: requests.into() };
        snapshot.metrics.add(key("http_req_failed"), &rate);
    }
    let figures = finished(&plan, &snapshot).unwrap().figures;
    let of = |summary: &RunSummary| {
        (summary.requests, summary.requests_per_second.clone(), summary.error_rate.clone())
    };
    let measured = (100, "10".to_owned(), "10%".to_owned());
    assert_eq!((of(&figures.summary), of(&figures.requests[0].summary)), (measured.clone(), measured));
    let stages: Vec<(&str, i64)> =
        figures.stages.iter().map(|stage| (stage.name.as_str(), stage.summary.requests)).collect();
    assert_eq!(stages, [("warm-up", 50), ("measure", 100)]);
    let orders = &figures.metrics[0].values;
    assert_eq!((orders["count"].as_str(), orders["rate"].as_str()), ("100", "10"), "{orders:?}");
}

#[test]
fn a_probe_that_did_not_find_its_target_at_rest_says_nothing() {
    let plan = plan(&search());
    let mut snapshot = session(Some(Readiness::Ready), Some(at(0)));
    snapshot.elapsed = std::time::Duration::from_secs(15);
    snapshot.epochs = Some(standing(&plan, Vec::new()));
    snapshot.restless = Some("spec.autoscaling.waitForIdle.timeout of 1m has passed".into());
    let plan = plan.at(snapshot.epochs.as_ref().unwrap());
    let result = finished(&plan, &snapshot).unwrap().result;
    assert_eq!(result.outcome, Some(EpochOutcome::Inconclusive));
}
