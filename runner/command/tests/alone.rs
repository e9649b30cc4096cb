// SPDX-License-Identifier: Apache-2.0
//! `upsurge bench` and `upsurge run --smoke` as their users have them: the real binary, against the real target, on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use processes::{Ended, Upsurge, scratch, start_target};
use serde_json::Value;

const LARGE: &str = "constant: {level: 500, duration: 1h}";
/// Of the test's own load alone.
const THRESHOLDS: &str =
    "  thresholds: [{metric: http_reqs, selector: {stage: constant}, condition: \"count > 99999\"}]\n";

fn manifest(load: &str, more: &str) -> String {
    format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\"}}\n  runner: {{maxLag: 3s}}\n  scenarios:\n  - name: buy\n    steps:\n    \
         - request: {{name: log in, url: /login, expect: [{{status: [200]}}]}}\n    \
         - group: {{name: checkout, steps: [{{request: {{name: pay, url: /pay}}}}]}}\n  load: {{{load}}}\n{more}"
    )
}

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn assert_narrow(ended: &Ended) {
    let wide: Vec<&str> =
        ended.stdout.lines().filter(|line| line.chars().count() > 80 && !line.contains("http")).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn each_operation_of_any_test_is_measured_as_often_as_asked() {
    let target = start_target(None, &["--latency", "2ms"]);
    let file = scratch("bench.yaml", &manifest(LARGE, THRESHOLDS));
    let (json, markdown, junit) =
        (file.with_extension("json"), file.with_extension("md"), file.with_extension("xml"));
    let ended = Upsurge::command("bench")
        .arg(&file)
        .args(["--target", target.url(), "-n", "40", "--warm-up", "3"])
        .arg("--json")
        .arg(&json)
        .arg("--markdown")
        .arg(&markdown)
        .arg("--junit")
        .arg(&junit)
        .end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("note: spec.thresholds left out"), "{ended:?}");
    assert_eq!(target.stats()["received"], 86, "43 of each");
    assert!(ended.stdout.contains("operations") && ended.stdout.contains("samples"), "{ended:?}");
    assert_narrow(&ended);
    let result: Value = serde_json::from_str(&read(&json)).unwrap();
    assert_eq!(result["summary"]["requests"], 80, "{result}");
    let operations = result["operations"].as_array().unwrap();
    let told: Vec<_> = operations
        .iter()
        .map(|one| (&one["name"], &one["kind"], &one["samples"], &one["failures"]))
        .collect();
    assert_eq!(
        format!("{told:?}").replace("String", ""),
        "[((\"log in\"), (\"request\"), Number(40), Number(0)), ((\"checkout\"), (\"group\"), Number(40), Number(0))]"
    );
    let figure = |name: &str| operations[0][name].as_f64();
    assert!(
        figure("minMilliseconds") >= Some(2.0) && figure("p95Milliseconds") >= figure("medianMilliseconds"),
        "{result}"
    );
    assert_eq!(figure("p99Milliseconds"), None, "of 40 samples");
    let table = read(&markdown);
    assert!(table.contains("| log in | 40 | 0 | ") && table.contains(" | – | "), "{table}");
    assert!(
        read(&junit).contains("http_reqs{request:log in,expected_response:false} count &lt;= 0"),
        "{}",
        read(&junit)
    );
}

#[test]
fn a_limit_that_is_not_kept_and_a_failed_request_decide_the_exit_code() {
    let limits = "benchmark: {repeats: 20, warmUp: 0, limits: [{request: log in, p95: 1ms}]}";
    let target = start_target(None, &["--latency", "5ms"]);
    let file = scratch("limits.yaml", &manifest(limits, ""));
    let ended = Upsurge::command("bench").arg(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stdout.contains("✗ http_req_duration{request:log in,expected_response:true} p(95) <= 1ms"),
        "{ended:?}"
    );
    // The same without the command of its own.
    assert_eq!(Upsurge::run(&file).args(["--target", target.url()]).end().code, 1);
    let failing = start_target(Some("errorRate: 0.5"), &[]);
    let file = scratch("failing.yaml", &manifest("benchmark: {repeats: 20, warmUp: 0}", ""));
    let ended = Upsurge::command("bench").arg(&file).args(["--target", failing.url()]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
}

#[test]
fn a_smoke_test_shows_each_request_and_fails_with_the_first_that_fails() {
    let target = start_target(None, &[]);
    let file = scratch("smoke.yaml", &manifest(LARGE, THRESHOLDS));
    let ended = Upsurge::run(&file).args(["--smoke", "--target", target.url()]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(target.stats()["received"], 2);
    for words in
        ["scenario buy\n", "  ✓ log in: 200, ", "      ✓ status", "  ✓ pay: 200, ", "  came to its end in "]
    {
        assert!(ended.stdout.contains(words), "{words:?} in {}", ended.stdout);
    }
    let failing = start_target(Some("errorRate: 1"), &[]);
    let ended = Upsurge::run(&file).args(["--smoke", "--target", failing.url()]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("  ✗ log in: 503, "), "{ended:?}");
    assert!(ended.stdout.contains("✗ http_req_failed rate <= 0%: 100%"), "{ended:?}");
}
