// SPDX-License-Identifier: Apache-2.0
//! Runs of which there is little to tell.

use rstest::rstest;
use upsurge_crds::v1alpha1::{RequestsWhileScalingDown, WorkloadResult};
use upsurge_record::model::{ElasticSpeedup, HeatColumn, HeatMap, Note, Record};
use upsurge_report::{html, junit, markdown, svg, timeline};

use crate::{played, read::Page};

#[rstest]
#[case::spike(played::spike(), "Failed")]
#[case::broken(played::broken_before_start(), "Error")]
#[case::empty(played::empty_load(), "Inconclusive")]
#[case::one_request(played::one_request(), "Passed")]
#[case::aborted(played::aborted(), "Aborted")]
#[case::search(played::search(), "Passed")]
#[case::scalability(played::scalability(), "Passed")]
#[case::sizes(played::sizes(), "Passed")]
#[case::hostile(played::hostile(), "Failed")]
fn every_report_has_its_verdict_and_no_number_that_is_none(#[case] record: Record, #[case] verdict: &str) {
    let text = html(&record);
    let page = Page::of(&text);
    assert!(page.text("#verdict").contains(verdict));
    let (picture, summary) = (svg(&record), markdown(&record));
    assert!(picture.contains(verdict) && summary.contains(verdict));
    for (name, text) in [("page", &page.text("body > main")), ("picture", &picture), ("Markdown", &summary)] {
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
    }
    for path in page.all("svg path") {
        let place = path.value().attr("d").unwrap();
        assert!(!place.contains("NaN") && !place.contains("inf") && place.len() < 60_000, "{place:.80}");
    }
}

#[test]
fn a_run_that_broke_before_its_load_says_so_and_shows_no_figures() {
    let page = Page::of(&html(&played::broken_before_start()));
    assert!(page.text("header").contains("No load was made"));
    assert!(page.all("#chart-data, #requests, #errors, #latency, .tiles").is_empty());
    assert!(page.text("#story").contains("Nothing was measured over time."));
    assert!(page.text("#environment").contains("baseURL"), "what was to be done is there");
    assert!(markdown(&played::broken_before_start()).contains("No load was made."));
}

#[test]
fn where_nothing_was_finished_no_time_is_told() {
    let page = Page::of(&html(&played::empty_load()));
    for figure in ["p50", "p95", "max", "error-rate"] {
        assert_eq!(page.text(&format!("#figure-{figure}")), "–", "{figure}");
    }
    let results: Vec<String> = page.rows("#table-judged").into_iter().map(|row| row[5].clone()).collect();
    assert_eq!(results, ["? not known", "? not known"]);
}

#[test]
fn a_single_request_has_all_its_figures() {
    let page = Page::of(&html(&played::one_request()));
    assert_eq!(page.text("#figure-requests"), "1");
    assert_eq!(page.text("#figure-p99"), "12.34ms");
    assert!(page.text("#latency").contains("12.34ms"));
    assert_eq!(page.text("#errors > p"), "No request failed.");
}

#[test]
fn an_incomplete_record_says_until_when_it_tells_and_its_gap_is_one_in_the_charts() {
    let page = Page::of(&html(&played::aborted()));
    assert!(
        page.text("header .note").contains("does not cover the whole run")
            && page.text("header .note").contains("1:30")
    );
    assert!(page.text("#data").contains("Not seen: load from 0:30 to 0:40: runner 2 of 2 did not report."));
    let data = page.data();
    let seconds: Vec<f64> = data
        .pointer("/panes/0/seconds")
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|second| second.as_f64())
        .collect();
    let gap = seconds.iter().position(|second| *second == 30.0).unwrap();
    assert_eq!(data["panes"][0]["lines"][0]["values"][gap], serde_json::Value::Null);
    assert!(seconds.iter().all(|second| *second <= 30.0 || *second > 40.0));
}

#[test]
fn what_was_noted_stands_first_and_is_text() {
    let mut record = played::spike();
    let note = |text: &str| Note { time: played::start(), text: text.into() };
    record.notes = vec![note("<b>bold</b>\nin two lines"), note("@team: raised it to 50")];
    let page = Page::of(&html(&record));
    let sections = page.all("main > section");
    assert_eq!(sections[0].value().attr("id"), Some("notes"));
    assert_eq!(page.all("#noted li").len(), 2);
    assert!(page.text("#noted").contains("<b>bold</b>") && page.all("#noted b").is_empty());
    let text = markdown(&record);
    let (newest, oldest) = (text.find("raised it to 50").unwrap(), text.find("bold").unwrap());
    assert!(newest < oldest && !text.contains("<b>") && !text.contains("@team"), "{text}");
}

#[test]
fn each_scale_down_says_how_many_requests_were_lost_meanwhile() {
    let page = Page::of(&html(&played::spike()));
    let rows = page.rows("#scale-ups [aria-label='1 scale-down'] table");
    let [down] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(down[1..], ["4 → 1", "306s", "15s", "12"]);
}

#[test]
fn of_two_workloads_each_has_a_sentence_of_its_own_also_if_nothing_was_seen_of_the_other() {
    let mut record = played::spike();
    let result = record.autoscaling.as_mut().unwrap();
    result.replicas = "checkout 1→4→1, cart ?→?→?".into();
    let cause = "Deployment/cart was the first to miss what is expected of it, at 90 s of the load";
    result.cause = Some(cause.into());
    let lost =
        RequestsWhileScalingDown { requests: 3, failed: 5, pods: 1, ..RequestsWhileScalingDown::default() };
    let own = WorkloadResult {
        replicas: Some("1→4→1".into()),
        requests_while_scaling_down: Some(lost),
        ..result.workloads[0].clone()
    };
    let cart = WorkloadResult {
        name: "cart".into(),
        kind: "Deployment".into(),
        replicas: Some("?→?→?".into()),
        ..WorkloadResult::default()
    };
    result.workloads = vec![own, cart];
    let page = Page::of(&html(&record));
    let (story, verdict, errors) =
        (page.text("#story"), page.text("header > .verdict"), page.text("#errors"));
    assert!(story.contains("at start, peak and end: 1→4→1;") && !story.contains("cart ?"), "{story}");
    assert!(verdict.contains(cause) && verdict.contains("To change: checkout: let pods"), "{verdict}");
    assert!(errors.contains("While 1 pod of checkout ended, 3 requests in flight failed"), "{errors}");
}

#[test]
fn the_speedup_against_a_baseline_stands_in_each_report_and_is_text() {
    let mut record = played::spike();
    let untold = [html(&record), markdown(&record), timeline(&record)];
    assert!(untold.iter().all(|text| !text.contains("lastic speedup")));
    record.elastic_speedups = vec![ElasticSpeedup {
        baseline: "<b>fixed</b>".into(),
        kind: "Deployment".into(),
        workload: "checkout".into(),
        unclamped: Some("1.41".into()),
        clamped: Some("1.2".into()),
        doubts: vec!["shares below 0.1% were taken for 0.1%".into()],
    }];
    let sentence = "Elastic speedup of Deployment/checkout against <b>fixed</b>: 1.41, within the autoscaler's bounds 1.2 \
                    (shares below 0.1% were taken for 0.1%) (above 1 is better).";
    let page = Page::of(&html(&record));
    assert_eq!(page.text("#scale-ups .speedup"), sentence);
    assert!(page.all("#scale-ups .speedup b").is_empty());
    assert!(timeline(&record).ends_with(&format!("\n{sentence}\n")));
    let text = markdown(&record);
    assert!(text.contains("against &lt;b&gt;fixed&lt;/b&gt;: 1.41, within"), "{text}");
}

#[test]
fn the_junit_file_has_what_did_not_hold_and_what_was_noted() {
    let mut record = played::spike();
    record.notes = vec![Note { time: played::start(), text: "raised it to 50".into() }];
    let text = junit(&record);
    let document = roxmltree::Document::parse(&text).unwrap();
    let failed: Vec<&str> = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .filter(|node| node.children().any(|child| child.has_tag_name("failure")))
        .filter_map(|node| node.attribute("classname"))
        .collect();
    let of = |class: &str| format!("checkout-spike.{class}");
    assert_eq!(failed, [of("run"), of("thresholds"), of("autoscaling")]);
    let note = document.descendants().find(|node| node.attribute("name") == Some("note")).unwrap();
    assert_eq!(note.attribute("value"), Some("raised it to 50"));
    let broken = junit(&played::broken_before_start());
    assert!(broken.contains("type=\"BeforeFailed\"") && broken.contains("name=\"requests\" value=\"0\""));
}

#[test]
fn a_map_of_latency_that_no_run_makes_does_not_break_the_page() {
    let mut record = played::spike();
    let column = |from_ms: u64, to_ms: u64, bucket: i32| HeatColumn {
        from_ms,
        to_ms,
        zeros: u64::MAX,
        buckets: vec![(bucket, u64::MAX), (bucket, 1)],
    };
    let columns = vec![column(u64::MAX, 0, i32::MIN), column(7, u64::MAX, i32::MAX), column(0, 0, 1)];
    record.epochs[0].heat_map = HeatMap { step_seconds: 0, columns };
    let page = Page::of(&html(&record));
    assert_eq!(page.all("#latency svg").len(), 2, "the curve, and the map");
    record.epochs[0].heat_map.columns.truncate(1);
    assert_eq!(Page::of(&html(&record)).all("#latency svg").len(), 2);
}
