// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use serde_json::json;
use upsurge_core::{
    epochs::Next,
    metrics::{Metrics, Selector, SeriesKey, Sink, Tags, Trend},
    points::Points,
    results,
    series::{Course, SeriesAnswer},
    thresholds::Windowed,
};
use upsurge_crds::v1alpha1::EpochResult;
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, Source, What},
    workload::Workload,
};
use upsurge_observer::Setup;
use upsurge_record::{
    disk::decode,
    fit::fit,
    verify::{Verified, verify},
};

use super::*;
use crate::{
    collector::EpochFigures,
    load_test_run::fixtures::{at, plan, run, search, session, standing},
};

/// What was recorded in a second.
fn second(number: u64) -> Metrics {
    let mut metrics = Metrics::default();
    let tags = Tags {
        stage: Some("constant".into()),
        scenario: Some("pay".into()),
        request: Some("pay".into()),
        ..Tags::default()
    };
    let mut add = |metric: &str, sink: Sink| {
        metrics.add(SeriesKey { metric: metric.into(), tags: tags.clone() }, &sink)
    };
    let mut trend = Trend::default();
    (0..6).for_each(|nth| trend.record(Duration::from_micros(5_000 + number * 700 + nth * 31)));
    add(names::HTTP_REQ_DURATION, Sink::Trend(trend));
    add(names::HTTP_REQS, Sink::Counter(6.0));
    add(names::HTTP_REQ_FAILED, Sink::Rate { passes: number % 2, total: 6 });
    add(names::STARTED_ITERATIONS, Sink::Counter(6.0));
    add(names::ITERATIONS, Sink::Counter(6.0));
    add(names::DATA_RECEIVED, Sink::Counter(600.0));
    metrics
}

/// A session whose load of so many seconds has ended.
fn ended(seconds: u64) -> SessionSnapshot {
    let (mut metrics, mut points) = (Metrics::default(), Points::default());
    for number in 0..seconds {
        let recorded = second(number);
        let slice = Windowed::default().slice(number * 1_000, number * 1_000 + 1_000, &recorded);
        points.add(&slice, 2.0);
        metrics.merge(&recorded);
    }
    let mut workload = Workload::new(Demand::None);
    for source in [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints] {
        workload.note(Event::live(at(-1), What::Listed { source }));
    }
    workload.note(Event::live(at(5), What::Asked { replicas: 2 }));
    SessionSnapshot {
        metrics: metrics.into(),
        points: points.into(),
        workload: workload.into(),
        setups: vec![Arc::new(Setup {
            images: [("main".to_owned(), "shop/checkout:7".to_owned())].into(),
            resources: [("main".to_owned(), json!({"requests": {"cpu": "100m"}}))].into(),
            autoscaler: Some(json!({"maxReplicas": 5})),
        })],
        elapsed: Duration::from_secs(seconds),
        all_done: true,
        ..session(None, Some(at(0)))
    }
}

fn status() -> LoadTestRunStatus {
    LoadTestRunStatus {
        verdict: Some(Verdict::Failed),
        reason: Some("ThresholdsBreached".into()),
        message: Some("http_req_failed rate < 1%: observed 8.3%".into()),
        warnings: vec!["the steps after the load failed".into()],
        ..LoadTestRunStatus::default()
    }
}

fn made(more: &serde_json::Value, session: &SessionSnapshot, status: &LoadTestRunStatus) -> Record {
    let (plan, mut run) = (plan(more), run(more));
    run.annotations_mut().insert(annotations::GIT_REVISION.into(), "main@sha1:4f2c9b1".into());
    let plan = session.epochs.as_ref().map_or(plan.clone(), |epochs| plan.at(epochs));
    let test = plan.whole.as_ref().map_or(&plan.content.test, |whole| &whole.test);
    let answers = [SeriesAnswer::Course(Course::of([0, 1], 1, [(0.0, 4.0), (1.0, 6.0)]))];
    document(&Ended {
        run: &run,
        status,
        test,
        plan: &plan.content,
        valid: &plan.valid,
        epochs: plan.epochs(),
        session,
        series: &answers,
        cluster_version: Some("v1.36.1"),
        now: at(90),
    })
}

#[test]
fn a_record_tells_what_the_status_tells_and_adds_up() {
    let thresholds = json!({"thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}]});
    let record = made(&thresholds, &ended(60), &status());
    let Verified { figures, differences, skipped } = verify(&record);
    assert!(differences.is_empty() && skipped.is_empty(), "{differences:?} {skipped:?}");
    assert!(figures > 50, "{figures}");
    assert_eq!((record.run.name.as_str(), record.run.uid.as_deref()), ("checkout-g1", Some("run-uid")));
    assert_eq!((record.run.start_time, record.run.end_time), (at(0), at(90)));
    assert_eq!(record.outcome.reason, "ThresholdsBreached");
    assert!(record.outcome.conditions.iter().any(|one| one.type_ == "Failed" && one.status == "True"));
    assert_eq!(record.environment.generator.processes, 3);
    assert_eq!((record.workloads[0].name.as_str(), record.workloads[0].events.len()), ("checkout", 5));
    let series = &record.epochs[0].series;
    assert_eq!((series.points.len(), series.step_seconds), (60, 1));
    assert!(series.points.iter().all(|point| point.asked_users == Some(6.0) && point.iterations == 6));
    assert!(record.prometheus_series.is_empty(), "the test asks for none");
    let read = decode(&fit(record.clone(), 64 << 10).unwrap()).unwrap();
    assert_eq!(read, record, "small as it is, nothing is left out");
}

#[test]
fn series_of_prometheus_are_kept_with_their_values() {
    let series = json!([{"name": "connections", "query": "q", "saturatedAt": "4.5"}]);
    let more = json!({"prometheus": {"server": "main", "series": series}});
    let record = made(&more, &ended(60), &status());
    let [kept] = &record.prometheus_series[..] else { panic!("{:?}", record.prometheus_series) };
    assert_eq!((kept.values.as_slice(), kept.saturated_at), (&[Some(4.0), Some(6.0)][..], Some(4.5)));
    assert_eq!((kept.figures.name.as_str(), kept.figures.max.as_deref()), ("connections", Some("6")));
    assert!(verify(&record).differences.is_empty());
}

#[test]
fn each_workload_of_which_something_was_seen_is_told_by_its_name() {
    let workloads = json!([{"name": "checkout"}, {"name": "quiet"}, {"name": "cart"}]);
    let more = json!({"target": {"baseURL": "http://checkout:8080", "workloads": workloads}});
    let mut session = ended(60);
    session.further = vec![Workload::new(Demand::None).into(), session.workload.clone()];
    session.setups = vec![Arc::default(), Arc::default(), Arc::clone(&session.setups[0])];
    let record = made(&more, &session, &status());
    let told: Vec<(&str, usize)> =
        record.workloads.iter().map(|one| (one.name.as_str(), one.events.len())).collect();
    assert_eq!(told, [("checkout", 5), ("cart", 5)]);
    let images: Vec<(&str, usize)> =
        record.environment.workloads.iter().map(|one| (one.name.as_str(), one.images.len())).collect();
    assert_eq!(images, [("checkout", 0), ("quiet", 0), ("cart", 1)]);
}

#[test]
fn it_tells_where_the_run_was_made_and_how_its_workload_was_set_up() {
    let Environment { kubernetes, workloads, git_revision, .. } =
        made(&json!({}), &ended(3), &status()).environment;
    let kubernetes = kubernetes.unwrap();
    assert_eq!((kubernetes.version.as_deref(), kubernetes.nodes.len()), (Some("v1.36.1"), 0));
    assert_eq!(git_revision.as_deref(), Some("main@sha1:4f2c9b1"));
    assert_eq!(workloads.len(), 1);
    let workload = &workloads[0];
    assert_eq!((workload.name.as_str(), workload.images["main"].as_str()), ("checkout", "shop/checkout:7"));
    assert_eq!(workload.resources["main"], json!({"requests": {"cpu": "100m"}}));
    assert_eq!(workload.autoscaler, Some(json!({"maxReplicas": 5})));
    let mut bare = ended(3);
    bare.setups.clear();
    let bare = made(&json!({}), &bare, &status()).environment;
    assert_eq!(bare.workloads[0].autoscaler, None, "what was not seen is absent");
}

#[test]
fn no_credential_that_is_known_by_its_name_is_in_it() {
    let more = json!({
        "target": {"baseURL": "http://bob:hunter2@checkout:8080"},
        "http": {"headers": {"X-Api-Key": "k-0123", "X-Team": "shop-team"}},
    });
    let text = serde_json::to_string(&made(&more, &ended(3), &status())).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("k-0123"), "{text}");
    assert!(text.contains("shop-team"), "the rest is: {text}");
}

#[test]
fn seconds_that_are_not_all_known_are_left_out_and_said_to_be() {
    let mut session = ended(60);
    session.points = ended(59).points;
    let record = made(&json!({}), &session, &status());
    assert!(record.epochs[0].series.points.is_empty());
    assert!(record.folded.iter().any(|folded| folded.what == "series"));
    let Verified { differences, skipped, .. } = verify(&record);
    assert!(differences.is_empty() && skipped.len() == 1, "{differences:?} {skipped:?}");
}

#[test]
fn a_long_load_has_joined_points_and_still_adds_up() {
    let more = json!({"load": {"constant": {"level": 6, "duration": "30m"}}});
    let record = made(&more, &ended(1_800), &status());
    let series = &record.epochs[0].series;
    assert!(series.points.len() <= 600 && series.step_seconds == 4, "{} points", series.points.len());
    assert!(verify(&record).differences.is_empty(), "{:?}", verify(&record).differences);
    let packed = fit(record, 64 << 10).unwrap();
    assert!(packed.len() <= 64 << 10);
}

#[test]
fn a_run_that_broke_before_its_load_has_no_epochs() {
    let session = session(None, None);
    let record = made(&json!({}), &session, &status());
    assert_eq!((record.epochs.len(), record.shown_epoch), (0, None));
    assert_eq!(record.run.start_time, at(90));
    assert!(verify(&record).differences.is_empty());
}

#[test]
fn of_a_search_the_last_probe_is_there_and_the_one_that_is_shown() {
    let probe = |number: i32, level: &str, outcome: &str| -> EpochResult {
        serde_json::from_value(json!({"number": number, "level": level, "outcome": outcome,
            "startTime": "2027-01-15T08:00:00.000000Z"}))
        .unwrap()
    };
    let found = |history: &[EpochResult]| {
        let plan = plan(&search());
        matches!(plan.epochs().unwrap().decide(history), Next::Done(_))
    };
    // Up to a level that fails; as often as the search asks for more, that fails as well.
    let mut history = vec![probe(1, "10", "Passed"), probe(2, "20", "Failed")];
    while !found(&history) {
        history.push(probe(i32::try_from(history.len()).unwrap() + 1, "20", "Failed"));
        assert!(history.len() < 20, "{history:?}");
    }
    let last = history.len();
    let whole = plan(&search());
    let before = standing(&whole, history[..last - 1].to_vec());
    let summary = results::figures(&second(0), whole.timeline(), Duration::from_secs(1)).summary;
    let figures = EpochFigures { level: "10".into(), summary, ..EpochFigures::default() };
    let mut session = ended(15);
    session.epochs =
        Some(crate::collector::EpochsView { history, figures: vec![figures], is_over: true, ..before });
    let mut status = status();
    status.capacity = Some(Box::new(serde_json::from_value(json!({"level": "10", "probes": last})).unwrap()));
    let record = made(&search(), &session, &status);
    let numbers: Vec<u32> = record.epochs.iter().map(|epoch| epoch.number).collect();
    assert_eq!(numbers, [1, u32::try_from(last).unwrap()]);
    assert_eq!(record.shown().unwrap().figures.summary.requests, 6);
    assert_eq!(record.epochs[1].result.as_ref().unwrap().level, "20");
    assert_eq!(record.history, session.epochs.as_ref().unwrap().history);
    assert!(record.folded.iter().any(|folded| folded.what == "epochs"));
    assert_eq!(session.metrics.count(names::HTTP_REQS, &Selector::default()), 90.0);
    let Verified { differences, skipped, .. } = verify(&record);
    assert!(differences.is_empty(), "{differences:?}");
    assert!(skipped.iter().any(|what| what.starts_with("epochs[0]")), "{skipped:?}");
}
