// SPDX-License-Identifier: Apache-2.0
//! Asking the Prometheus server that the test names.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};
use upsurge_agent::{Ending, run_with};
use upsurge_core::{
    protocol::{CheckAnswer, RunnerEnd},
    series::SeriesAnswer,
};

use crate::{
    PATIENCE, agent, arrivals,
    collector::{Collector, Seen},
    get, load, run, run_while,
    server::{self, Server},
    wait_until,
};

/// A server that gives one value, to those who know the word.
fn prometheus() -> Server {
    Server::start(|arrived| async move {
        if arrived.headers.get("authorization").is_none_or(|word| word != "Bearer geheim") {
            return server::status(401);
        }
        server::json(
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"7.5"]]}]}}"#,
        )
    })
}

fn checked(target: &Server, prometheus: &Server) -> Value {
    let mut test = load::spec(&target.url(), arrivals(20, "1s"), get());
    let reference = json!({"secretKeyRef": {"name": "prometheus", "key": "authorization"}});
    test["prometheus"] = json!({
        "url": prometheus.url(),
        "headers": [{"name": "Authorization", "valueFrom": reference}],
        "checks": [{"name": "db", "query": "db_seconds", "condition": "< 9"}],
        "series": [{"name": "connections", "query": "db_connections", "saturatedAt": 10}],
    });
    test
}

#[tokio::test]
async fn the_server_is_asked_when_the_word_comes_and_the_answer_is_told() {
    let (target, prometheus) = (Server::simple(), prometheus());
    // What it said must survive an operator that forgets it.
    let collector = Collector::start(Seen { statuses: vec![200, 200, 500], ..Seen::default() });
    let (mut config, _scratch) = agent("prometheus", &collector, checked(&target, &prometheus));
    config.prometheus_headers.insert(0, "Bearer geheim\n".into());
    let seen = Arc::clone(&collector.seen);
    let ending = run_while(config, async {
        wait_until("the end of the load", || seen.lock().unwrap().ended()).await;
        let messages = seen.lock().unwrap().messages;
        wait_until("more messages", || seen.lock().unwrap().messages >= messages + 3).await;
        assert_eq!(prometheus.arrived().len(), 0, "the others may still make load");
        seen.lock().unwrap().ask_prometheus = Some((1_000_000_000_000_000_000, 1_000_000_009_000_000_000));
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    assert_eq!(collector.seen.lock().unwrap().checks(), Some(vec![CheckAnswer::Value("7.5".into())]));
    let series = collector.seen.lock().unwrap().series();
    // Its one value is of another time than the load's.
    assert!(
        matches!(&series[..], [SeriesAnswer::Course(course)] if course.values == [None; 10]
            && (course.start, course.step) == (1_000_000_000, 1)),
        "{series:?}"
    );
    let mut queries: Vec<String> = Vec::new();
    for asked in prometheus.arrived() {
        let asked = String::from_utf8(asked.body.to_vec()).unwrap();
        assert!(asked.contains("start=1000000000&end=1000000009&step=1"), "{asked}");
        queries.push(asked.split('&').next().unwrap().to_owned());
    }
    queries.sort();
    assert_eq!(queries, ["query=db_connections", "query=db_seconds"]);
}

#[tokio::test]
async fn a_wrong_word_is_told_and_ends_nothing() {
    let (target, prometheus) = (Server::simple(), prometheus());
    let collector = Collector::start(Seen { ask_prometheus: Some((0, 0)), ..Seen::default() });
    let (config, _scratch) = agent("prometheus-401", &collector, checked(&target, &prometheus));
    assert_eq!(run(config).await, Ending::Done);
    let checks = collector.seen.lock().unwrap().checks().expect("nothing was told");
    let told = |why: &str| why.contains("401") && why.contains("spec.prometheus.url");
    assert!(matches!(&checks[..], [CheckAnswer::Problem(why)] if told(why)), "{checks:?}");
    let series = collector.seen.lock().unwrap().series();
    assert!(matches!(&series[..], [SeriesAnswer::Problem(why)] if told(why)), "{series:?}");
}

#[tokio::test]
async fn a_load_that_is_stopped_waits_for_no_word() {
    let (target, prometheus) = (Server::simple(), prometheus());
    let collector = Collector::start(Seen::default());
    let mut test = checked(&target, &prometheus);
    test["load"] = arrivals(20, "10m");
    let (config, _scratch) = agent("prometheus-stopped", &collector, test);
    let ending = run_while(config, async {
        wait_until("the load", || !collector.seen.lock().unwrap().deltas.is_empty()).await;
        collector.seen.lock().unwrap().stop = Some("abort".into());
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!((collector.seen.lock().unwrap().checks(), prometheus.arrived().len()), (None, 0));
}

#[tokio::test]
async fn a_runner_that_is_terminated_says_that_it_did_not_ask() {
    let (target, prometheus) = (Server::simple(), prometheus());
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent("prometheus-terminated", &collector, checked(&target, &prometheus));
    let (terminate, receiver) = watch::channel(false);
    let (ending, ()) = tokio::join!(timeout(PATIENCE, run_with(config, receiver)), async {
        wait_until("the end of the load", || collector.end().is_some()).await;
        terminate.send_replace(true);
    });
    assert_eq!(ending.unwrap(), Ending::Terminated);
    let checks = collector.seen.lock().unwrap().checks().expect("nothing was told");
    assert!(matches!(&checks[..], [CheckAnswer::Problem(why)] if why.contains("SIGTERM")), "{checks:?}");
}
