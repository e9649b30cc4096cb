// SPDX-License-Identifier: Apache-2.0
//! What servers get while a load runs: a real Prometheus, and receivers made of the official types of
//! OpenTelemetry.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value},
    metrics::v1::{Metric, metric::Data, number_data_point},
};
use processes::{Ended, Upsurge, scratch, start_target};
use prost::Message;
use serde_json::Value;
use upsurge_testing::Prometheus;

/// A test of one request, 100 times a second for three seconds.
fn test(name: &str) -> PathBuf {
    let text = "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {name: shop}\nspec:\n  \
                target: {baseURL: \"http://127.0.0.1:9\"}\n  \
                scenarios: [{name: browse, steps: [{request: {name: item, url: /item}}]}]\n  \
                load: {unit: IterationsPerSecond, constant: {level: 100, duration: 3s}}\n";
    scratch(&format!("{name}.yaml"), text)
}

/// Runs it, and gives how that ended and the summary.
fn run(name: &str, target: &str, arguments: &[&str]) -> (Ended, Value) {
    let file = test(name);
    let json = file.with_extension("json");
    let ended = Upsurge::run(&file)
        .args(["--target", target, "--summary"])
        .arg(&json)
        .args(arguments.iter().copied())
        .end();
    // Whether the generator kept up is the machine's affair; the counts are the same.
    assert!(ended.code == 0 || ended.stdout.contains("(GeneratorLimited)"), "{ended:?}");
    (ended, serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap())
}

#[test]
fn a_real_prometheus_has_the_figures_of_the_summary() {
    let Some(prometheus) = Prometheus::receiving() else { return };
    let target = start_target(Some("errorRate: 0.1"), &["--latency", "3ms"]);
    let out = format!("prometheus={}/api/v1/write", prometheus.url());
    let arguments = ["--out", &out, "--out-interval", "1s", "--testid", "one", "--tag", "team=a b"];
    let stats = ["--out-trend-stats", "p(95),p(99.9),avg,max,count"];
    let (ended, summary) = run("prometheus", target.url(), &[&arguments[..], &stats].concat());
    assert!(!ended.stderr.contains("not delivered"), "{ended:?}");
    let metrics = &summary["metrics"];
    let count = metrics["http_reqs"]["values"]["count"].as_f64().unwrap();
    assert_eq!(count, 300.0);
    // What is written can be asked for at once.
    assert_eq!(prometheus.value("sum(k6_http_reqs_total{testid=\"one\"})"), count);
    assert_eq!(prometheus.value("sum(k6_http_reqs_total{status=\"503\"})"), 30.0);
    assert_eq!(prometheus.value("sum(k6_iterations_total)"), 300.0);
    let labels = &prometheus.query("k6_http_reqs_total{status=\"200\"}")[0].0;
    for (label, value) in
        [("team", "a b"), ("name", "item"), ("scenario", "browse"), ("method", "GET"), ("stage", "constant")]
    {
        assert_eq!(labels[label], value, "{labels}");
    }
    let values = &metrics["iteration_duration"]["values"];
    for (suffix, figure) in [("p95", "p(95)"), ("avg", "avg"), ("max", "max")] {
        let seconds = prometheus.value(&format!("k6_iteration_duration_{suffix}"));
        let summary = values[figure].as_f64().unwrap() / 1e3;
        assert!((seconds - summary).abs() < 1e-9, "{suffix}: {seconds} {summary}");
    }
    assert!(prometheus.value("k6_iteration_duration_p999") > 0.003);
    assert_eq!(prometheus.value("k6_iteration_duration_count"), 300.0);
    assert_eq!(prometheus.value("k6_vus_max"), metrics["vus_max"]["values"]["value"].as_f64().unwrap());
    // One after the other: there were several pushes, and none went back.
    assert!(prometheus.value("sum(count_over_time(k6_iterations_total[1m]))") >= 2.0);
    assert_eq!(prometheus.value("sum(resets(k6_iterations_total[1m]))"), 0.0);
}

#[test]
fn series_of_a_real_prometheus_are_told_named_and_kept_and_one_without_an_answer_is_a_warning() {
    let Some(prometheus) = Prometheus::receiving() else { return };
    let target = start_target(None, &[]);
    let text = fs::read_to_string(test("series")).unwrap()
        + "  thresholds: [{metric: http_reqs, condition: count < 10}]\n  prometheus:\n    url: "
        + &prometheus.url()
        + "\n    series:\n    - {name: pool, query: vector(7), unit: open, saturatedAt: 5}\n    \
           - {name: lag, query: no_such_metric}\n";
    let file = scratch("series.yaml", &text);
    let record = file.with_extension("json.gz");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&record).end();
    assert!(
        ended.stdout.contains("  pool: 7 to 7 open, 7 open on average, 7 open at the end\n"),
        "{ended:?}"
    );
    let gap =
        "series \"lag\" of spec.prometheus: Prometheus at spec.prometheus.url: the query gave no series";
    assert!(ended.stdout.contains(gap), "{ended:?}");
    let record = upsurge_record::disk::decode(&fs::read(record).unwrap()).unwrap();
    let [pool, lag] = &record.prometheus_series[..] else { panic!("{:?}", record.prometheus_series) };
    assert!(pool.values.len() >= 2 && pool.values.iter().all(|value| *value == Some(7.0)), "{pool:?}");
    assert!(lag.values.is_empty() && lag.figures.message.is_some(), "{lag:?}");
    // Whether the generator kept up is the machine's affair.
    if !ended.stdout.contains("(GeneratorLimited)") {
        assert!(
            ended.code == 1 && ended.stdout.contains("bottleneck: pool (up to 7 open; 5 or more in "),
            "{ended:?}"
        );
    }
}

/// Takes POSTs, answers each with the next status of a list and then with 200, and keeps those it took.
struct Receiver {
    address: String,
    taken: Arc<Mutex<Vec<Vec<u8>>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn start(statuses: impl IntoIterator<Item = u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let receiver = Self { address, taken: Arc::default(), heads: Arc::default() };
        let (taken, heads) = (Arc::clone(&receiver.taken), Arc::clone(&receiver.heads));
        let mut statuses = statuses.into_iter().collect::<Vec<_>>().into_iter();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while reader.read_line(&mut head).unwrap_or(0) > 2 {}
                let length = head.to_lowercase().lines().find_map(|line| {
                    line.strip_prefix("content-length:").and_then(|length| length.trim().parse().ok())
                });
                let mut body = vec![0; length.unwrap_or(0)];
                if reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let status = statuses.next().unwrap_or(200);
                if status == 200 {
                    taken.lock().unwrap().push(body);
                }
                heads.lock().unwrap().push(head);
                let answer =
                    format!("HTTP/1.1 {status} .\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno\n");
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        receiver
    }
}

/// The text of an attribute.
fn text<'a>(attributes: &'a [KeyValue], name: &str) -> &'a str {
    let value =
        attributes.iter().find(|attribute| attribute.key == name).and_then(|found| found.value.as_ref());
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text,
        other => panic!("{name}: {other:?} in {attributes:?}"),
    }
}

/// The sum of a metric's points whose attributes are as wanted.
fn sum(metric: &Metric, wanted: impl Fn(&[KeyValue]) -> bool) -> f64 {
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "cumulative");
    let points = sum.data_points.iter().filter(|point| wanted(&point.attributes));
    let value = |value: &Option<number_data_point::Value>| match value {
        Some(number_data_point::Value::AsDouble(value)) => *value,
        other => panic!("{other:?}"),
    };
    points.map(|point| value(&point.value)).sum()
}

#[test]
fn an_otlp_receiver_gets_the_figures_of_the_summary() {
    let receiver = Receiver::start([]);
    let target = start_target(Some("errorRate: 0.1"), &["--latency", "3ms"]);
    let out = format!("otlp=http://me:you@{}", receiver.address);
    let arguments = ["--out", &out, "--out-interval", "1s", "--out-header", "X-Key: k", "--tag", "team=a"];
    let (_, summary) = run("otlp", target.url(), &arguments);
    let heads = receiver.heads.lock().unwrap().clone();
    for words in [
        "POST /v1/metrics HTTP/1.1",
        "x-key: k",
        "content-type: application/x-protobuf",
        "authorization: Basic bWU6eW91",
    ] {
        assert!(heads.iter().all(|head| head.contains(words)), "{words:?} in {heads:?}");
    }
    let taken = receiver.taken.lock().unwrap();
    assert!(taken.len() >= 2, "one push per second: {}", taken.len());
    let last = ExportMetricsServiceRequest::decode(&taken.last().unwrap()[..]).unwrap();
    let resource = &last.resource_metrics[0];
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    assert_eq!((text(attributes, "service.name"), text(attributes, "team")), ("upsurge", "a"));
    assert!(text(attributes, "testid").starts_with("shop-2"), "{attributes:?}");
    let metrics = &resource.scope_metrics[0].metrics;
    let metric = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap();
    let figures = &summary["metrics"];
    assert_eq!(sum(metric("http_reqs"), |_| true), figures["http_reqs"]["values"]["count"].as_f64().unwrap());
    assert_eq!(sum(metric("http_reqs"), |tags| text(tags, "status") == "503"), 30.0);
    for (condition, count) in [("nonzero", 30.0), ("zero", 270.0)] {
        let failed = sum(metric("http_req_failed"), |tags| text(tags, "condition") == condition);
        assert_eq!(failed, count, "{condition}");
    }
    assert_eq!((&*metric("iteration_duration").unit, &*metric("data_sent").unit), ("ms", "By"));
    let Some(Data::Histogram(histogram)) = &metric("iteration_duration").data else { panic!() };
    let [point] = &histogram.data_points[..] else { panic!("{histogram:?}") };
    let values = &figures["iteration_duration"]["values"];
    assert_eq!((point.count, point.bucket_counts.iter().sum::<u64>()), (300, 300));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!((point.min, point.max), (values["min"].as_f64(), values["max"].as_f64()));
    assert!((point.sum.unwrap() / 300.0 - values["avg"].as_f64().unwrap()).abs() < 1e-6);
    let faster = point.explicit_bounds.iter().take_while(|bound| **bound < 3.0).count();
    assert_eq!(point.bucket_counts[..faster].iter().sum::<u64>(), 0, "none is faster than the target");
    assert!(matches!(&metric("vus").data, Some(Data::Gauge(_))));
}

#[test]
fn a_server_that_refuses_for_a_while_gets_all_in_the_end() {
    let receiver = Receiver::start([503, 429, 500]);
    let target = start_target(None, &[]);
    let out = format!("otlp=http://{}", receiver.address);
    let (ended, _) = run("again", target.url(), &["--out", &out, "--out-interval", "1s"]);
    assert!(!ended.stderr.contains("not delivered"), "{ended:?}");
    let taken = receiver.taken.lock().unwrap();
    let last = ExportMetricsServiceRequest::decode(&taken.last().unwrap()[..]).unwrap();
    let metrics = &last.resource_metrics[0].scope_metrics[0].metrics;
    let requests = metrics.iter().find(|metric| metric.name == "http_reqs").unwrap();
    assert_eq!(sum(requests, |_| true), 300.0);
}

#[test]
fn a_server_that_takes_nothing_is_told_and_changes_nothing_else() {
    // Refuses for good, is not there, and never answers.
    let refusing = Receiver::start([400; 1_000]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address)).unwrap();
    for (out, words) in [
        (format!("prometheus=http://{}", refusing.address), "it answered 400"),
        ("otlp=http://127.0.0.1:1".into(), "http://127.0.0.1:1/v1/metrics can't be reached: "),
        (format!("otlp=http://{}", silent.1), "samples were not delivered"),
    ] {
        let target = start_target(None, &[]);
        let begin = Instant::now();
        let (ended, summary) = run("away", target.url(), &["--out", &out, "--out-interval", "1s"]);
        assert!(begin.elapsed() < Duration::from_secs(30), "the end is not held up for long");
        assert_eq!(summary["metrics"]["http_reqs"]["values"]["count"], 300.0, "{out}");
        assert!(ended.stderr.contains("warning: --out "), "{ended:?}");
        assert!(ended.stderr.contains(words), "{words:?} in {}", ended.stderr);
        let lost =
            ended.stderr.split(" samples were not delivered").next().and_then(|told| told.rsplit(' ').next());
        let lost: u64 = lost.and_then(|number| number.parse().ok()).unwrap_or(0);
        assert!(lost > 0, "how many were lost is not told: {}", ended.stderr);
    }
}

#[test]
fn destinations_that_make_no_sense_are_named() {
    for (out, words) in [
        ("influx=http://x", "there is no output \"influx\""),
        ("otlp=nowhere", "is no URL"),
        ("otlp=http://u:s3cret@", "is no URL"),
    ] {
        let ended = Upsurge::run(&test("nonsense")).args(["--out", out]).end();
        assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
}
