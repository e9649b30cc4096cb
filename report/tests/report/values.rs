// SPDX-License-Identifier: Apache-2.0
//! What a page tells is what the record says.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::digest;
use upsurge_figures::observation::What;
use upsurge_report::html;

use crate::{played, read::Page};

#[test]
fn the_verdict_and_the_main_figures_are_those_of_the_record() {
    let record = played::spike();
    let page = Page::of(&html(&record));
    assert!(page.text("#verdict").contains("Failed"));
    assert_eq!(page.text("#reason"), record.outcome.reason);
    assert_eq!(page.text("#sentence"), record.outcome.message);
    let summary = &record.epochs[0].figures.summary;
    let figures = [
        ("rate", &summary.requests_per_second),
        ("error-rate", &summary.error_rate),
        ("p50", &summary.latency.p50),
        ("p95", &summary.latency.p95),
        ("p99", &summary.latency.p99),
        ("max", &summary.latency.max),
    ];
    for (id, figure) in figures {
        assert_eq!(page.text(&format!("#figure-{id}")), *figure, "{id}");
    }
    assert_eq!(page.text("#figure-requests").replace(',', ""), summary.requests.to_string());
    assert_eq!(page.text("#figure-replicas"), "1→4→1");
    let recommendation = record.autoscaling.as_ref().unwrap().workloads[0].recommendation.as_ref().unwrap();
    assert!(
        page.text("header > .verdict").contains(&recommendation.text),
        "what to change stands beside the verdict"
    );
}

#[test]
fn the_tables_of_requests_and_stages_are_those_of_the_record() {
    let record = played::spike();
    let page = Page::of(&html(&record));
    let figures = &record.epochs[0].figures;
    let rows = page.rows("#table-requests");
    assert_eq!(rows.len(), figures.requests.len());
    for (row, request) in rows.iter().zip(&figures.requests) {
        let (summary, latency) = (&request.summary, &request.summary.latency);
        assert_eq!(row[..2], [request.name.clone(), request.scenario.clone()]);
        assert_eq!(row[2].replace(',', ""), summary.requests.to_string());
        let told = [
            &summary.requests_per_second,
            &summary.error_rate,
            &latency.p50,
            &latency.p90,
            &latency.p95,
            &latency.p99,
            &latency.max,
        ];
        assert_eq!(row[3..], told.map(Clone::clone));
    }
    let stages: Vec<String> = page.rows("#table-stages").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(stages, ["warm-up", "rise", "hold", "recovery"]);
}

#[test]
fn what_did_not_hold_comes_first_with_how_far_it_was_off() {
    let record = played::spike();
    let page = Page::of(&html(&record));
    let rows = page.rows("#table-judged");
    assert_eq!(rows.len(), 4);
    let first = &rows[0];
    let threshold = record.epochs[0].thresholds.iter().find(|one| !one.passed).unwrap();
    assert_eq!(
        first[..4],
        [threshold.metric.as_str(), "threshold", &threshold.condition, &threshold.observed]
    );
    assert!(first[4].ends_with("% over"), "{first:?}");
    let results: Vec<&str> = rows.iter().map(|row| row[5].as_str()).collect();
    assert_eq!(results, ["✗ did not hold", "✗ did not hold", "✓ held", "✓ held"]);
}

#[test]
fn the_charts_hold_every_point_of_the_record() {
    let record = played::spike();
    let page = Page::of(&html(&record));
    let points = &record.epochs[0].series.points;
    let high: Vec<f64> = points.iter().map(|point| point.latency.unwrap().p95 as f64 / 1e3).collect();
    assert_eq!(page.line("latency", 1), high);
    let failed: Vec<f64> = points.iter().map(|point| point.failed as f64).collect();
    assert_eq!(page.line("errors", 0), failed);
    let asked: Vec<f64> = points.iter().filter_map(|point| point.asked_rate).collect();
    assert_eq!(page.line("load", 0), asked);
    let ready = page.line("replicas-0", 2);
    assert_eq!((ready.first(), ready.iter().copied().reduce(f64::max)), (Some(&1.0), Some(4.0)));
    assert_eq!(ready.last(), Some(&1.0));
    let data = page.data();
    let limits = data.pointer("/panes/1/limits").unwrap();
    assert_eq!(limits[0]["value"], 250.0, "the limit of latency is a line");
}

#[test]
fn every_decision_to_scale_is_a_mark() {
    let record = played::spike();
    let page = Page::of(&html(&record));
    let data = page.data();
    let asked: Vec<f64> = record.workloads[0]
        .events
        .iter()
        .filter(|event| !event.found && matches!(event.what, What::Asked { .. }))
        .map(|event| event.seen.duration_since(played::start()).as_secs_f64())
        .collect();
    let marks: Vec<f64> = data["marks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|mark| mark["kind"] == "up" || mark["kind"] == "down")
        .map(|mark| mark["at"].as_f64().unwrap())
        .collect();
    assert_eq!(marks, asked);
    let section = page.text("#story");
    assert!(section.contains("checkout: 1 → 2 replicas asked for"), "{section}");
    assert!(section.contains("a threshold is missed") && section.contains("all thresholds are met again"));
    assert!(!section.contains("isn't ready any more"), "pods that were asked to end are no news");
}

#[test]
fn each_scale_up_says_where_its_time_went() {
    let page = Page::of(&html(&played::spike()));
    let section = page.text("#scale-ups");
    for told in
        ["1 → 2", "2 → 4", "29s", "27s", "readiness", "Most of the time of its scale-ups went to readiness"]
    {
        assert!(section.contains(told), "{told}");
    }
    let bars = page.all("#scale-ups svg.bar");
    assert_eq!(bars.len(), 2);
    let label = bars[1].value().attr("aria-label").unwrap();
    assert_eq!(
        label,
        "decision 29 s, creation 0.6 s, scheduling 0.5 s, start 3.9 s, readiness 27 s, in endpoints 0.4 s, recovery 4.6 s"
    );
}

#[test]
fn counts_of_replicas_are_shown_with_their_efficiency_and_the_laws_that_fit() {
    let mut record = played::search();
    record.capacity = None;
    let fitted = |estimate: &str| serde_json::json!({"estimate": estimate, "low": "0.01", "high": "0.09"});
    let found = serde_json::json!({
        "counts": [
            {"replicas": 1, "users": 5, "passed": 3, "failed": 0, "inconclusive": 0, "throughput": "200", "speedup": "1",
                "efficiency": "1"},
            {"replicas": 8, "users": 40, "passed": 1, "failed": 2, "inconclusive": 0, "throughput": "900", "speedup": "4.5",
                "efficiency": "0.5625", "efficiencyInterval": {"low": "0.55", "high": "0.57"}, "limit": "http_req_failed rate < 1%"},
        ],
        "sublinearFrom": 8,
        "usl": {"contention": fitted("0.05"), "coherency": fitted("0.002"), "single": fitted("200"), "linearUntil": 2,
            "peak": "21.79", "rSquared": "0.99"},
        "doubts": ["FewPoints"],
    });
    record.scalability = Some(serde_json::from_value(found).unwrap());
    let page = Page::of(&html(&record));
    let rows = page.rows("#table-counts");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1][..3], ["8", "40", "✗ did not hold"]);
    assert_eq!(rows[1][4..7], ["4.5", "0.5625", "0.55 to 0.57"]);
    assert_eq!(page.rows("#table-fits").len(), 3);
    assert_eq!(page.all("#findings figure circle").len(), 2);
    assert!(
        page.text("#findings figcaption").starts_with("8 replicas served 4.5 times what the fewest did.")
    );
}

#[test]
fn measurements_of_scalability_are_told_by_their_replicas() {
    let page = Page::of(&html(&played::scalability()));
    let names = page.data()["stages"].clone();
    assert_eq!(names[0]["name"], "1: 1 replica");
    assert_eq!(names[1]["name"], "2: 2 replicas");
    let told = "No number of replicas serves more than 18.9 times what one does.";
    assert!(page.text("#findings").contains(told));
}

#[test]
fn sizes_are_told_by_their_names_beside_what_each_core_serves() {
    let page = Page::of(&html(&played::sizes()));
    let names = page.data()["stages"].clone();
    assert_eq!(names[0]["name"], "1: small");
    assert_eq!(names[1]["name"], "2: large");
    let rows = page.rows("#table-sizes");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1][..3], ["large", "6", "✗ did not hold"]);
    assert_eq!(rows[1][3..], ["96", "3.2", "16", "0.8", "http_req_failed rate < 1%"]);
    assert!(page.rows("#table-counts").is_empty() && page.rows("#table-fits").is_empty());
}

#[test]
fn probes_of_a_cluster_are_those_of_its_history() {
    let mut record = played::search();
    record.history = record.epochs.iter().filter_map(|epoch| epoch.result.clone()).collect();
    record.epochs.retain(|epoch| Some(epoch.number) == record.shown_epoch);
    let page = Page::of(&html(&record));
    assert_eq!(page.rows("#table-probes").len(), 3);
}

#[test]
fn what_was_asked_for_beyond_the_breaking_point_stands_beside_it() {
    let mut record = played::spike();
    let stress = serde_json::json!({
        "message": "the target broke at step-8",
        "expectations": [
            {"name": "recoverWithin", "expected": "30s", "observed": "12s", "passed": true},
            {"name": "minGoodPercent", "expected": "80%", "observed": "41%", "passed": false, "message": "too few were good"},
        ],
    });
    record.stress = Some(serde_json::from_value(stress).unwrap());
    let text = Page::of(&html(&record)).text("#findings");
    assert!(
        text.contains("recoverWithin") && text.contains("12s") && text.contains("too few were good"),
        "{text}"
    );
}

#[test]
fn a_search_shows_its_probes_and_the_figures_of_the_one_that_counts() {
    let record = played::search();
    let page = Page::of(&html(&record));
    assert_eq!(page.text("#figure-capacity"), "80/s");
    let rows = page.rows("#table-probes");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2][1..3], ["100", "✗ did not hold"]);
    let data = page.data();
    let stages: Vec<&str> =
        data["stages"].as_array().unwrap().iter().filter_map(|stage| stage["name"].as_str()).collect();
    assert_eq!(stages, ["1: 40/s", "2: 80/s", "3: 100/s"]);
    let seconds = data.pointer("/panes/0/seconds").and_then(serde_json::Value::as_array).unwrap();
    assert_eq!(
        seconds.last().and_then(serde_json::Value::as_f64),
        Some(199.5),
        "all probes stand on one axis"
    );
    assert_eq!(
        data.pointer("/panes/0/lines/0/values/60"),
        Some(&serde_json::Value::Null),
        "nothing is known between two"
    );
}

#[test]
fn the_page_loads_nothing_and_lets_only_its_own_script_run() {
    let text = html(&played::spike());
    let page = Page::of(&text);
    assert!(page.all("[src], iframe, object, embed, form, base, [style]").is_empty());
    for link in page.all("[href]") {
        let href = link.value().attr("href").unwrap();
        assert!(href.starts_with('#') || href == "data:,", "{href}");
    }
    let policy = page.all("meta[http-equiv=\"Content-Security-Policy\"]")[0]
        .value()
        .attr("content")
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for tag in ["script:not([type])", "style"] {
        let found = page.all(&format!("head > {tag}, body > {tag}"));
        assert_eq!(found.len(), 1, "{tag}");
        let own: String = found[0].text().collect();
        let passport = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, own.as_bytes()));
        assert!(policy.contains(&format!("'sha256-{passport}'")), "{tag}");
    }
}

#[test]
fn every_link_within_the_page_leads_somewhere_and_no_two_ids_are_equal() {
    for record in [played::spike(), played::search(), played::day()] {
        let page = Page::of(&html(&record));
        let mut ids: Vec<&str> =
            page.all("[id]").iter().filter_map(|element| element.value().attr("id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        for link in page.all("a[href]") {
            let target = link.value().attr("href").unwrap().trim_start_matches('#');
            assert!(ids.contains(&target), "{target}");
        }
    }
}

#[test]
fn behind_every_chart_there_is_a_table_that_can_be_read() {
    let page = Page::of(&html(&played::spike()));
    let tables = page.all("#story details table");
    // Load, latency, errors, replicas, what the autoscaler read, and the list of events.
    assert_eq!(tables.len(), 6);
    for table in &tables[..5] {
        let rows = table.select(&scraper::Selector::parse("tbody tr").unwrap()).count();
        assert!((2..=60).contains(&rows), "{rows}");
    }
    for picture in page.all("svg:not([aria-hidden])") {
        assert_eq!(picture.value().attr("role"), Some("img"));
        assert!(picture.value().attr("aria-label").is_some_and(|label| label.len() > 10));
    }
}
