// SPDX-License-Identifier: Apache-2.0
//! Thresholds on all that is recorded, as users write them: the real binary, against the real target, on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use processes::{Upsurge, scratch, start_target};
use rstest::rstest;
use serde_json::{Value, json};

/// A hundred iterations, of which every tenth request fails, and a metric of each kind.
fn manifest(thresholds: &Value) -> String {
    let spec = json!({
        "apiVersion": "upsurge.dev/v1alpha1",
        "kind": "LoadTest",
        "metadata": {"name": "shop"},
        "spec": {
            "target": {"baseURL": "http://127.0.0.1:9"},
            "metrics": [
                {"name": "orders", "type": "Counter"},
                {"name": "price", "type": "Trend"},
                {"name": "late", "type": "Rate"},
                {"name": "stock", "type": "Gauge"}
            ],
            "scenarios": [{"name": "browse", "tags": {"team": "shop"}, "steps": [
                {"request": {"name": "item", "url": "/items", "expect": [{"status": [200]}]}},
                {"record": {"metric": "orders", "tags": {"country": "NZ"}}},
                {"record": {"metric": "price", "value": "iteration * 2"}},
                {"record": {"metric": "late", "value": "iteration >= 75"}},
                {"record": {"metric": "stock", "value": "7"}}
            ]}],
            "load": {"executors": [{"name": "all", "sharedIterations": {"vus": 2, "iterations": 100}}]},
            "thresholds": thresholds
        }
    });
    serde_json::to_string_pretty(&spec).unwrap()
}

#[test]
fn thresholds_hold_on_statuses_tags_windows_ratios_and_metrics_of_ones_own() {
    let target = start_target(Some("errorRate: 0.1"), &[]);
    let thresholds = json!([
        {"metric": "http_reqs", "selector": {"status": 503, "method": "GET"}, "condition": "count == 10"},
        {"metric": "http_reqs{status:503,expected_response:false,team:shop}", "condition": "count === 10"},
        {"metric": "http_reqs", "ratioTo": {"metric": "iterations"}, "condition": "count == 100%"},
        {"metric": "http_req_duration", "window": "1s", "condition": "max < 60s", "abortOnFail": true},
        {"metric": "http_req_ttfb", "condition": "p(99.9) < 60s"},
        {"metric": "orders", "selector": {"tags": {"country": "NZ"}}, "condition": "count == 100"},
        {"metric": "price", "condition": "max == 198"},
        {"metric": "late", "condition": "rate == 25%"},
        {"metric": "stock", "condition": "value == 7"},
        {"metric": "vus_max", "condition": "value >= 0"},
        {"metric": "data_received", "condition": "count > 1000"},
        {"metric": "dropped_iterations", "condition": "count == 0"}
    ]);
    let file = scratch("thresholds.json", &manifest(&thresholds));
    let summary = file.with_extension("summary");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--summary"]).arg(&summary).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(&summary).unwrap()).unwrap();
    let results = summary["thresholds"].as_array().unwrap();
    assert_eq!(results.len(), thresholds.as_array().unwrap().len());
    assert!(results.iter().all(|result| result["passed"] == true), "{results:#?}");
    let metrics = &summary["metrics"];
    assert_eq!(metrics["orders"]["values"]["count"], 100.0);
    let price = &metrics["price"];
    assert_eq!((&price["type"], &price["contains"]), (&json!("trend"), &json!("default")));
    assert_eq!((&price["values"]["min"], &price["values"]["avg"]), (&json!(0.0), &json!(99.0)));
    assert_eq!(metrics["late"]["values"], json!({"rate": 0.25, "passes": 25, "fails": 75}));
    assert_eq!(metrics["http_reqs{status:503,method:GET}"]["values"]["count"], 10.0);
    assert!(metrics["http_req_duration{expected_response:true}"]["values"]["avg"].is_f64());
    assert_eq!(metrics["http_req_duration"]["thresholds"]["max < 60s in every 1s"]["ok"], true);
    assert!(summary["generator"]["filesLeft"].as_i64().unwrap() > 0, "{}", summary["generator"]);
    assert!(summary["generator"]["portsLeft"].as_i64().unwrap() > 0, "{}", summary["generator"]);
    for words in ["phases", "  waiting ", "  time to first byte ", "metrics\n  orders ", "count 100"] {
        assert!(ended.stdout.contains(words), "{words:?} is missing in {}", ended.stdout);
    }
}

#[test]
fn a_breached_window_fails_the_run_and_names_itself() {
    let target = start_target(None, &[]);
    let thresholds = json!([{"metric": "http_req_duration", "window": "1s", "condition": "max < 0.001us"}]);
    let file = scratch("breached-window.json", &manifest(&thresholds));
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("(worst of ") && ended.stdout.contains(" breached)"), "{ended:?}");
}

#[test]
fn a_limit_that_only_all_requests_break_is_doubted_wherever_it_is_written() {
    let target = start_target(Some("errorRate: 0.1"), &[]);
    let thresholds = json!([{"metric": "http_req_failed", "condition": "rate < 1"}]);
    let file = scratch("loose.json", &manifest(&thresholds));
    let doubt = "a rate is a share from 0 to 1 (0% to 100%), so \"rate < 1\" only fails at 100%: did you mean rate < 1%?";
    let valid = Upsurge::command("validate").arg(&file).end();
    assert_eq!(valid.code, 0, "{valid:?}");
    assert!(valid.stderr.contains(&format!("spec.thresholds[0].condition: {doubt}")), "{valid:?}");
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert!(ended.stdout.contains(&format!("warning: spec.thresholds[0].condition: {doubt}")), "{ended:?}");
    let limit = "http_req_failed rate < 1";
    let quick =
        Upsurge::command("quick").arg(target.url()).args(["-c", "1", "-n", "5", "--threshold", limit]).end();
    assert!(quick.stderr.contains(&format!("warning: --threshold {limit:?}: {doubt}")), "{quick:?}");
}

#[test]
fn what_can_not_be_judged_is_refused_with_what_there_is() {
    let thresholds = json!([
        {"metric": "http_reqs{team:sales}", "condition": "count > 1"},
        {"metric": "ordres", "condition": "count > 1"},
        {"metric": "price", "condition": "avg < 20ms"},
        {"metric": "checks", "selector": {"status": 200}, "condition": "rate > 0.9"},
        {"metric": "stock", "window": "5s", "condition": "value > 1"},
        {"metric": "http_reqs", "window": "10ms", "condition": "count > 1"},
        {"metric": "http_req_duration", "ratioTo": {"metric": "http_reqs"}, "condition": "avg > 1"},
        {"metric": "vus{scenario:browse}", "condition": "value < 10"},
        {"metric": "temperature", "condition": "value < 10"},
    ]);
    let file = scratch("refused.json", &manifest(&thresholds));
    let ended = Upsurge::run(&file).end();
    assert_ne!(ended.code, 0, "{ended:?}");
    for words in [
        "spec.thresholds[0].selector.tags: no tag team:sales; there are country:NZ, team:shop",
        "spec.thresholds[1].metric: unknown metric \"ordres\"; did you mean orders?",
        "spec.thresholds[8].metric: unknown metric \"temperature\"; there are http_req_duration",
        "late, stock",
        "spec.thresholds[2].condition: the limit of price is a plain number, not a time",
        "spec.thresholds[3].selector.status: belongs to metrics of requests",
        "spec.thresholds[4].window: a gauge is a current value",
        "spec.thresholds[5].window: a window lasts at least 1s, not 10ms",
        "spec.thresholds[7].selector: vus is of the whole run",
        "spec.thresholds[6].ratioTo: http_req_duration can't be compared with http_reqs, which has no avg",
    ] {
        assert!(ended.stderr.contains(words), "{words:?} is missing in {}", ended.stderr);
    }
}

/// A test of one request to `/items/N` with that load and those thresholds.
fn simple(load: &str, thresholds: &str) -> String {
    format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\"}}\n  runner: {{maxLag: 3s}}\n  \
         scenarios: [{{name: browse, steps: [{{request: {{name: item, url: \"/items/{{{{ iteration }}}}\"}}}}]}}]\n  \
         load: {load}\n  thresholds: [{thresholds}]\n"
    )
}

fn summary_of(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[rstest]
#[case::allowed(
    "rate < 10%",
    0,
    "✓ Passed",
    "✓ http_req_failed rate < 10%: 5% (2 had no answer when they were cut off)"
)]
#[case::too_many(
    "rate < 1%",
    1,
    "✗ Failed (ThresholdsBreached): http_req_failed rate < 1%: observed 5% (2 had",
    "[no answer] 2"
)]
fn a_threshold_on_failures_is_the_users_limit_on_requests_without_an_answer(
    #[case] condition: &str,
    #[case] code: i32,
    #[case] verdict: &str,
    #[case] told: &str,
) {
    let script =
        "routes: [{path: /items/7, latency: {fixed: 40s}}, {path: /items/21, latency: {fixed: 40s}}]";
    let target = start_target(Some(script), &[]);
    let load = "{unit: IterationsPerSecond, constant: {level: 20, duration: 2s}, gracefulStop: 500ms}";
    let threshold = format!("{{metric: http_req_failed, condition: \"{condition}\"}}");
    let file = scratch(&format!("unanswered-{code}.yaml"), &simple(load, &threshold));
    let json = file.with_extension("json");
    let csv = file.with_extension("csv");
    let ended = Upsurge::run(&file)
        .args(["--target", target.url(), "--summary"])
        .arg(&json)
        .args(["--csv"])
        .arg(&csv)
        .end();
    assert_eq!(ended.code, code, "{ended:?}");
    assert!(ended.stdout.contains(verdict) && ended.stdout.contains(told), "{ended:?}");
    let summary = summary_of(&json);
    assert_eq!(summary["metrics"]["http_req_failed"]["values"]["passes"], 2);
    assert_eq!(
        (&summary["summary"]["unansweredRequests"], &summary["summary"]["errorRate"]),
        (&2.into(), &"5%".into())
    );
    let table = std::fs::read_to_string(&csv).unwrap();
    assert!(
        table.lines().any(|row| row.starts_with("request_errors,") && row.contains("no answer")),
        "{table}"
    );
}

#[test]
fn a_threshold_that_met_no_data_makes_the_run_inconclusive_and_is_named() {
    let target = start_target(None, &[]);
    let thresholds = "{metric: \"http_req_duration{status:418}\", condition: \"p(95) < 1s\"}, \
                      {metric: \"http_reqs{status:418}\", condition: \"count == 0\"}";
    let file =
        scratch("no-data.yaml", &simple("{unit: Users, constant: {level: 2, duration: 1s}}", thresholds));
    let junit = file.with_extension("xml");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--junit"]).arg(&junit).end();
    assert_eq!(ended.code, 3, "{ended:?}");
    for words in [
        "✗ Inconclusive (NoData): http_req_duration{status:418} p(95) < 1s: observed no data",
        "? http_req_duration{status:418} p(95) < 1s: no data (no samples)",
        "✓ http_reqs{status:418} count == 0: 0",
    ] {
        assert!(ended.stdout.contains(words), "{words:?} is missing in {ended:?}");
    }
    let junit = std::fs::read_to_string(&junit).unwrap();
    assert!(junit.contains(r#"type="NoData""#), "{junit}");
}
