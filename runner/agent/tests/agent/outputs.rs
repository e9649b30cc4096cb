// SPDX-License-Identifier: Apache-2.0
//! Servers that runners push their figures to: a real Prometheus, which has to know of three runners what the merged figures
//! are, and servers that take nothing.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use upsurge_core::{
    http::ReachRules,
    metrics::{Metrics, Selector, names},
    outputs::OutputReport,
    protocol::RunnerEnd,
};
use upsurge_testing::Prometheus;

use crate::{
    Ending, Scratch, agent, arrivals,
    collector::{Collector, Seen},
    get, load, run,
    server::{self, Server},
};

/// As much as two bounds of a bucket are apart.
const BUCKET: f64 = 1.022;

/// A target that takes between 2 and about 100 ms, most often little.
fn target() -> Server {
    Server::start(|arrived| async move {
        let number: u64 = arrived.target.trim_start_matches('/').parse().unwrap_or_default();
        let milliseconds = if number % 20 == 7 { 40 + number % 60 } else { 2 + number % 9 };
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        server::json("{}")
    })
}

fn pushed(target: &Server, load: Value, outputs: Value) -> Value {
    let mut test = load::spec(&target.url(), load, get());
    test["outputs"] = outputs;
    test
}

fn remote_write(url: &str) -> Value {
    json!([{"name": "metrics", "prometheusRemoteWrite": {"url": url}, "interval": "1s"}])
}

impl Collector {
    /// How the outputs fared, by the last word of it.
    fn outputs(&self) -> Vec<OutputReport> {
        let seen = self.seen.lock().unwrap();
        let told = seen.deltas.values().rev().find(|delta| !delta.outputs.is_empty());
        told.map(|delta| delta.outputs.clone()).unwrap_or_default()
    }
}

/// Three runners of one run, each with a collector of its own that plays its part of the operator.
async fn three(name: &str, test: &Value) -> Vec<Collector> {
    let start = Timestamp::now().as_nanosecond() as i64 + 2_000_000_000;
    let mut collectors = Vec::new();
    let mut agents = Vec::<(_, Scratch)>::new();
    for runner in 0..3 {
        let collector = Collector::start(Seen { start: Some(start), ..Seen::default() });
        let (mut config, scratch) = agent(&format!("{name}-{runner}"), &collector, test.clone());
        config.runner = runner;
        if let Some(plan) = &mut collector.seen.lock().unwrap().plan {
            plan.runners = 3;
        }
        agents.push((config, scratch));
        collectors.push(collector);
    }
    let endings = agents.iter().map(|(config, _)| run(config.clone()));
    for ending in futures::future::join_all(endings).await {
        assert_eq!(ending, Ending::Done);
    }
    collectors
}

#[tokio::test]
async fn a_real_prometheus_knows_the_percentiles_of_three_runners_together() {
    let Some(prometheus) = Prometheus::receiving() else { return };
    let target = target();
    let mut test =
        pushed(&target, arrivals(150, "4s"), remote_write(&format!("{}/api/v1/write", prometheus.url())));
    test["tags"] = json!({"team": "shop", "runner": "nobody"});
    let collectors = three("three", &test).await;
    let mut merged = Metrics::default();
    collectors.iter().for_each(|collector| merged.merge(&collector.metrics()));
    let all = Selector::default();
    assert_eq!(merged.count(names::HTTP_REQS, &all), 600.0);

    let run = r#"namespace="shop",testid="spike-1""#;
    assert_eq!(prometheus.value(&format!("sum(k6_http_reqs_total{{{run}}})")), 600.0);
    for (runner, collector) in collectors.iter().enumerate() {
        let own = prometheus.value(&format!("sum(k6_http_reqs_total{{{run},runner=\"{runner}\"}})"));
        assert_eq!(own, collector.requests(), "runner {runner}");
    }
    assert_eq!(
        prometheus.value(&format!("sum(k6_http_req_failed_total{{{run},condition=\"zero\"}})")),
        600.0
    );
    assert_eq!(prometheus.value("sum(k6_http_req_failed_total{condition=\"nonzero\"})"), 0.0);
    assert_eq!(prometheus.query("k6_http_reqs_total{team=\"shop\"}").len(), 3);
    assert_eq!(
        prometheus.query("{__name__=~\"k6_.*_(p[0-9]+|rate|avg|med)\"}"),
        [],
        "nothing that can't be merged"
    );

    for metric in [names::HTTP_REQ_DURATION, names::HTTP_REQ_RESPONSE_TIME] {
        let trend = merged.trend(metric, &all);
        let series = format!("sum(k6_{metric}_seconds{{{run}}})");
        assert_eq!(prometheus.value(&format!("histogram_count({series})")), trend.count() as f64);
        let sum = prometheus.value(&format!("histogram_sum({series})"));
        assert!((sum - trend.sum() / 1e3).abs() < 1e-6, "{sum} {}", trend.sum());
        for percent in [50.0, 90.0, 95.0, 99.0] {
            let asked = prometheus.value(&format!("histogram_quantile({}, {series})", percent / 100.0));
            let ratio = asked * 1e3 / trend.percentile(percent);
            assert!((1.0 / BUCKET..BUCKET).contains(&ratio), "{metric} p{percent}: {asked} s, {ratio}");
        }
    }
    // Of panels that show trouble there was none.
    let trouble = ["Requests without a response", "Checks that did not hold,", "Dropped iterations"];
    assert_eq!(empty_panels(&prometheus), trouble.map(|what| format!("{what} per second")));
    // One after the other: there were several pushes, and none went back.
    assert!(prometheus.value("min(count_over_time(k6_iterations_total[1m]))") >= 2.0);
    assert_eq!(prometheus.value("sum(resets(k6_iterations_total[1m]))"), 0.0);
    for collector in &collectors {
        let [report] = &collector.outputs()[..] else { panic!("one output") };
        assert!(report.delivered > 20 && (report.lost, &report.problem) == (0, &None), "{report:?}");
    }
}

/// Titles of the panels of the dashboard for runs in which there is nothing, but for the row of other names.
fn empty_panels(prometheus: &Prometheus) -> Vec<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/upsurge/files/dashboards/run.json");
    let board: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let panels = board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let is_empty = |panel: &&Value| {
        panel["targets"].as_array().unwrap().iter().any(|target| {
            let query = target["expr"].as_str().unwrap().replace("$namespace", "shop");
            let query = query.replace("$testid", "spike-1").replace("$__rate_interval", "1m");
            prometheus.query(&query).is_empty()
        })
    };
    let titles = panels.filter(is_empty).map(|panel| panel["title"].as_str().unwrap().to_owned());
    titles.collect()
}

#[tokio::test]
async fn a_prometheus_without_native_histograms_gets_the_rest_and_it_is_told() {
    let Some(prometheus) = Prometheus::receiving_no_histograms() else { return };
    let target = target();
    let url = format!("{}/api/v1/write", prometheus.url());
    let collector = Collector::start(Seen::default());
    let (config, _scratch) =
        agent("no-histograms", &collector, pushed(&target, arrivals(50, "2s"), remote_write(&url)));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(prometheus.value("sum(k6_http_reqs_total)"), 100.0);
    let [report] = &collector.outputs()[..] else { panic!("one output") };
    let problem = report.problem.as_deref().unwrap_or_default();
    assert!(report.delivered > 0 && report.lost > 0, "{report:?}");
    assert!(problem.contains("did not take the native histograms"), "{problem}");
}

#[tokio::test]
async fn servers_that_take_nothing_change_neither_load_nor_end_and_are_told() {
    // Refuses, is away, is silent, sends an answer without end, leads elsewhere, and may not be reached.
    let refusing = Server::start(|_| async { server::status(400) });
    let leading =
        Server::start(|_| async { server::with_headers(307, &[("location", "http://127.0.0.1:9/")], "") });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let forbidden = Server::simple();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let otlp = |name: &str, url: String| json!({"name": name, "otlp": {"endpoint": url}, "interval": "1s"});
    let write = |name: &str, url: String| json!({"name": name, "prometheusRemoteWrite": {"url": url}, "interval": "1s"});
    let target = Server::simple();
    let outputs = json!([
        otlp("refusing", refusing.url()),
        otlp("away", format!("http://{away}")),
        otlp("silent", format!("http://{}", silent.local_addr().unwrap())),
        otlp("leading", leading.url()),
        otlp("forbidden", format!("http://localhost:{}", forbidden.address.port())),
        write("refusing-all", refusing.url()),
        write("away-too", format!("http://{away}")),
    ]);
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent("deaf", &collector, pushed(&target, arrivals(50, "3s"), outputs));
    if let Some(plan) = &mut collector.seen.lock().unwrap().plan {
        plan.reach = ReachRules { hosts: Some(vec!["127.0.0.1".into()]), ..ReachRules::default() };
    }
    let begun = Instant::now();
    assert_eq!(run(config).await, Ending::Done);
    assert!(begun.elapsed() < Duration::from_secs(30), "the end is held up for a bounded time");
    assert_eq!(collector.requests(), 150.0);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    let reports = collector.outputs();
    let told = [
        "answered 400",
        "can't be reached: ",
        "",
        "answered 307",
        "targetHosts",
        // Of several messages the first, not what came last.
        "did not take the figures: it answered 400",
        "can't be reached: ",
    ];
    assert_eq!(reports.len(), told.len());
    for (report, words) in reports.iter().zip(told) {
        let problem = report.problem.as_deref().unwrap_or_default();
        assert!(report.lost > 0 && report.delivered == 0 && problem.contains(words), "{words}: {report:?}");
        assert!(!problem.is_empty());
    }
    assert_eq!(forbidden.arrived().len(), 0);
    let seen = collector.seen.lock().unwrap();
    let last = seen.deltas.values().last().unwrap();
    // The figures of the load did not wait for them, and no time is added to it.
    assert!(last.done.is_some() && last.metrics.is_empty() && last.from_ms == last.to_ms, "{last:?}");
}

#[tokio::test]
async fn an_otlp_receiver_gets_what_the_collector_gets_with_the_secret_words() {
    let receiver = Server::start(|_| async { server::status(200) });
    let target = target();
    let reference = json!({"secretKeyRef": {"name": "telemetry", "key": "api-key"}});
    let outputs = json!([{"name": "telemetry", "interval": "1s",
        "otlp": {"endpoint": receiver.url(), "headers": [{"name": "X-Api-Key", "valueFrom": reference}]}}]);
    let collector = Collector::start(Seen::default());
    let (mut config, _scratch) = agent("otlp", &collector, pushed(&target, arrivals(50, "2s"), outputs));
    config.output_headers.insert((0, 0), "geheim\n".into());
    assert_eq!(run(config).await, Ending::Done);
    let arrived = receiver.arrived();
    assert!(arrived.len() >= 2, "one push per second: {}", arrived.len());
    let last = arrived.last().unwrap();
    assert_eq!(
        (last.target.as_str(), &last.headers["x-api-key"]),
        ("/v1/metrics", &"geheim".parse().unwrap())
    );
    otlp::check(&last.body, &collector.metrics());
    let report = &collector.outputs()[0];
    assert!(report.delivered > 0 && report.lost == 0, "{report:?}");
}

/// What an OTLP receiver reads, by the official types.
mod otlp {
    use opentelemetry_proto::tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        common::v1::{KeyValue, any_value::Value},
        metrics::v1::{Metric, metric::Data, number_data_point},
    };
    use prost::Message as _;
    use upsurge_core::metrics::{Metrics, Selector, names};

    fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
        let found = attributes.iter().find(|attribute| attribute.key == name)?;
        match found.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text),
            _ => None,
        }
    }

    pub fn check(body: &[u8], recorded: &Metrics) {
        let request = ExportMetricsServiceRequest::decode(body).unwrap();
        let resource = &request.resource_metrics[0];
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(text(attributes, "service.instance.id"), Some("shop/spike-1/0"));
        assert_eq!(text(attributes, "k8s.pod.name"), Some("spike-1-0-abc"));
        let metrics = &resource.scope_metrics[0].metrics;
        let metric = |name: &str| -> &Metric { metrics.iter().find(|metric| metric.name == name).unwrap() };
        let all = Selector::default();
        let Some(Data::Sum(sum)) = &metric(names::HTTP_REQS).data else { panic!() };
        let [point] = &sum.data_points[..] else { panic!("{sum:?}") };
        assert_eq!(
            point.value,
            Some(number_data_point::Value::AsDouble(recorded.count(names::HTTP_REQS, &all)))
        );
        for (name, value) in [("runner", "0"), ("testid", "spike-1"), ("namespace", "shop")] {
            assert_eq!(text(&point.attributes, name), Some(value), "{name}");
        }
        let Some(Data::ExponentialHistogram(histogram)) = &metric(names::HTTP_REQ_DURATION).data else {
            panic!("no exponential histogram")
        };
        let [point] = &histogram.data_points[..] else { panic!("{histogram:?}") };
        let trend = recorded.trend(names::HTTP_REQ_DURATION, &all);
        let buckets = point.positive.as_ref().unwrap();
        assert_eq!((point.count, point.scale, histogram.aggregation_temporality), (trend.count(), 5, 2));
        assert_eq!(buckets.bucket_counts.iter().sum::<u64>() + point.zero_count, trend.count());
        // By hand what a receiver does: the bounds of the bucket in which the 99th of a hundred is.
        let (mut seen, wanted) = (point.zero_count, (trend.count() as f64 * 0.99).ceil() as u64);
        let at = buckets.bucket_counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let number = buckets.offset + at.unwrap() as i32;
        let bounds = [number, number + 1].map(|bound| (f64::from(bound) / 32.0).exp2());
        let p99 = trend.percentile(99.0);
        assert!(bounds[0] <= p99 && p99 <= bounds[1] * 1.001, "{p99} ms is not in {bounds:?}");
    }
}
