// SPDX-License-Identifier: Apache-2.0
//! Checks against a real Prometheus server, started for the test on a loopback address.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use upsurge_core::{checks, http::Reach, plan::Plan};
use upsurge_crds::v1alpha1::{PrometheusCheck, PrometheusCheckResult, PrometheusSeries};
use upsurge_prometheus::{AskError, Client, Server, ask, ask_series};
use upsurge_testing::Prometheus;

fn client(prometheus: &Prometheus) -> Client {
    let server = Server { url: prometheus.url(), reach: Arc::new(Reach::default()), ..Server::default() };
    Client::new(&server).unwrap()
}

async fn asked(
    prometheus: &Prometheus,
    list: serde_json::Value,
    from: Timestamp,
) -> Vec<PrometheusCheckResult> {
    let list: Vec<PrometheusCheck> = serde_json::from_value(list).unwrap();
    let load = json!({"unit": "Users", "stages": [
        {"name": "rise", "duration": "2s", "target": 5}, {"name": "hold", "duration": "1h", "target": 5}]});
    let timeline = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
    let client = client(prometheus);
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

#[tokio::test]
async fn series_have_a_value_for_each_step_of_the_load_and_gaps_before_the_first_scrape() {
    let Some(prometheus) = Prometheus::scraping_itself() else { return };
    let from = Timestamp::now();
    scraped(&prometheus, from).await;
    let list: Vec<PrometheusSeries> = serde_json::from_value(json!([
        {"name": "up", "query": "up * 3 / 9", "unit": "of one", "saturatedAt": 1},
        {"name": "scalar", "query": "vector(1/0)"},
        {"name": "none", "query": "no_such_metric"},
        {"name": "syntax", "query": "sum("},
    ]))
    .unwrap();
    // A load of an hour, of which all but the last seconds were before there was a server. The last value is of its end.
    let (start, end) = (from - Duration::from_secs(3_600), Timestamp::now());
    let answers = ask_series(&client(&prometheus), &list, start, end).await;
    let up = answers[0].as_ref().unwrap();
    let step = (end.as_second() - start.as_second()) / 250 + 1;
    assert!((up.step - step).abs() <= 1 && (200..=250).contains(&up.values.len()), "{up:?}");
    assert_eq!((up.start - start.as_second() <= step, up.values[0]), (true, None));
    // The newest value may lie behind the last scrape of its step, but the load lasted for several scrapes.
    let of_now = ask_series(&client(&prometheus), &list[..1], from, end).await;
    let known: Vec<f64> = of_now[0].as_ref().unwrap().values.iter().flatten().copied().collect();
    assert!(known.len() >= 2 && known.iter().all(|value| *value == 0.333_333), "{known:?}");
    let infinite = answers[1].as_ref().unwrap();
    assert!(infinite.values.iter().all(Option::is_none), "{infinite:?}");
    assert_eq!(answers[2], Err(AskError::NoSeries));
    assert!(matches!(&answers[3], Err(AskError::Query { kind: "bad_data", .. })), "{:?}", answers[3]);
}
