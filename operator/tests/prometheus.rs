//! Checks against a real Prometheus server, started for the test on a loopback address.
//!
//! Without a `prometheus` on the PATH the tests say so and pass, unless `UPSURGE_REQUIRE_PROMETHEUS=1` asks for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use upsurge_core::plan::Plan;
use upsurge_crds::v1alpha1::{PrometheusCheckResult, PrometheusSpec};
use upsurge_operator::prometheus_checks::run_checks;

/// A server that scrapes itself every second; it ends with the test.
struct Prometheus {
    process: Child,
    directory: PathBuf,
    url: String,
}

impl Prometheus {
    fn start() -> Option<Self> {
        let installed = env::split_paths(&env::var_os("PATH")?).any(|path| path.join("prometheus").is_file());
        if !installed {
            let required = env::var("UPSURGE_REQUIRE_PROMETHEUS").is_ok_and(|value| value == "1");
            assert!(!required, "there is no `prometheus` on the PATH: install the package prometheus");
            println!("skipped: there is no `prometheus` on the PATH");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = env::temp_dir().join(format!("upsurge-prometheus-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs:\n  - targets: ['127.0.0.1:{port}']\n"
        );
        fs::write(directory.join("prometheus.yml"), config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", directory.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        Some(Self { process, directory, url: format!("http://127.0.0.1:{port}") })
    }

    async fn asked(&self, checks: serde_json::Value, from: Timestamp) -> Vec<PrometheusCheckResult> {
        let spec: PrometheusSpec =
            serde_json::from_value(json!({"url": self.url, "checks": checks})).unwrap();
        let load = json!({"unit": "Users", "stages": [
            {"name": "rise", "duration": "2s", "target": 5}, {"name": "hold", "duration": "1h", "target": 5}]});
        let timeline = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
        run_checks(&spec, &timeline, from, Timestamp::now()).await
    }

    /// Waits until it has scraped itself a few times.
    async fn scraped(&self, from: Timestamp) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let count = json!([{"name": "scrapes", "query": "count_over_time(up[1m])", "aggregate": "max", "condition": ">= 4"}]);
        while !self.asked(count.clone(), from).await[0].passed {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(self.directory.join("log")).unwrap());
            sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

#[tokio::test]
async fn checks_are_answered_by_a_real_server() {
    let Some(prometheus) = Prometheus::start() else { return };
    let from = Timestamp::now();
    prometheus.scraped(from).await;
    let results = prometheus
        .asked(
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
    assert!(told_message("syntax").contains("refused the query"), "{}", told_message("syntax"));
    assert!(told_message("syntax").contains(&prometheus.url));
    assert!(told_message("no stage").contains("no stage \"fall\""), "{}", told_message("no stage"));
    for name in ["many", "none", "syntax", "no stage"] {
        assert!(!told(name).passed && told(name).observed.is_none());
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_with_what_to_do() {
    // Bound and dropped: nobody listens there now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let spec = json!({"url": url, "checks": [{"name": "up", "query": "up", "condition": "> 0"}]});
    let load = json!({"unit": "Users", "constant": {"level": 1, "duration": "1s"}});
    let timeline = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
    let now = Timestamp::now();
    let results = run_checks(&serde_json::from_value(spec).unwrap(), &timeline, now, now).await;
    let message = results[0].message.clone().unwrap();
    assert!(
        message.contains(&url) && message.contains("refused") && message.contains("spec.prometheus.url"),
        "{message}"
    );
}
