// SPDX-License-Identifier: Apache-2.0
//! Checks against a real Prometheus server, started for the test on a loopback address.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use upsurge_core::{checks, http::Reach, plan::Plan};
use upsurge_crds::v1alpha1::{PrometheusCheck, PrometheusCheckResult};
use upsurge_prometheus::{Client, Server, ask};
use upsurge_testing::Prometheus;

async fn asked(
    prometheus: &Prometheus,
    list: serde_json::Value,
    from: Timestamp,
) -> Vec<PrometheusCheckResult> {
    let list: Vec<PrometheusCheck> = serde_json::from_value(list).unwrap();
    let load = json!({"unit": "Users", "stages": [
        {"name": "rise", "duration": "2s", "target": 5}, {"name": "hold", "duration": "1h", "target": 5}]});
    let timeline = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
    let server = Server { url: prometheus.url(), reach: Arc::new(Reach::default()), ..Server::default() };
    let client = Client::new(&server).unwrap();
    let answers = ask(&client, &list, &timeline, from, Timestamp::now()).await;
    let judged = answers.into_iter().zip(&list).map(|(answer, check)| {
        let values = answer.map_err(|error| error.to_string());
        checks::judge(check, values.and_then(|values| checks::observe(check, &values)))
    });
    judged.collect()
}

/// Waits until it has scraped itself a few times.
async fn scraped(prometheus: &Prometheus, from: Timestamp) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let count = json!([{"name": "scrapes", "query": "count_over_time(up[1m])", "aggregate": "max", "condition": ">= 4"}]);
    while !asked(prometheus, count.clone(), from).await[0].passed {
        assert!(Instant::now() < deadline, "{}", prometheus.log());
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn checks_are_answered_by_a_real_server() {
    let Some(prometheus) = Prometheus::scraping_itself() else { return };
    let from = Timestamp::now();
    scraped(&prometheus, from).await;
    let results = asked(
        &prometheus,
        json!([
            {"name": "up", "query": "up", "aggregate": "min", "condition": ">= 1", "stage": "hold"},
            {"name": "scalar", "query": "scalar(up) * 41 + 1", "aggregate": "p95", "condition": "== 42"},
            {"name": "breached", "query": "max(up)", "aggregate": "last", "condition": "< 0.5"},
            {"name": "many", "query": "{__name__=~'up|scrape_samples_scraped'}", "condition": "> 0"},
            {"name": "none", "query": "no_such_metric", "condition": "> 0"},
            {"name": "syntax", "query": "sum(", "condition": "> 0"},
            {"name": "no stage", "query": "up", "stage": "fall", "condition": "> 0"},
        ]),
        from,
    )
    .await;
    let told = |name: &str| results.iter().find(|result| result.name == name).unwrap();
    let told_message = |name: &str| told(name).message.clone().unwrap_or_default();
    for (name, observed, passed) in [("up", "1", true), ("scalar", "42", true), ("breached", "1", false)] {
        assert_eq!((told(name).observed.as_deref(), told(name).passed), (Some(observed), passed), "{name}");
    }
    assert!(told_message("many").contains("2 series instead of one"), "{}", told_message("many"));
    assert!(told_message("none").contains("gave no series"), "{}", told_message("none"));
    assert!(told_message("syntax").contains("refused the query (bad_data)"), "{}", told_message("syntax"));
    assert!(told_message("no stage").contains("no stage \"fall\""), "{}", told_message("no stage"));
    for name in ["many", "none", "syntax", "no stage"] {
        assert!(!told(name).passed && told(name).observed.is_none());
    }
}
