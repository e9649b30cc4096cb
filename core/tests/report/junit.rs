// SPDX-License-Identifier: Apache-2.0
//! The file for CI systems.

use serde_json::{Value, json};
use upsurge_core::report::junit_of_run;
use upsurge_crds::LoadTestRun;

use super::with_report;

/// What a JUnit file says: of its suite tests, failures, errors, skipped, time and start, and a line for each case with
/// class, name, time, and tag, type and text of what stands in it.
fn suite(xml: &str) -> ([String; 6], Vec<String>) {
    let document = roxmltree::Document::parse(xml).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let attribute = |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap_or_default().to_owned();
    let all = document.root_element();
    for name in ["name", "tests", "failures", "errors", "skipped", "time"] {
        assert_eq!(all.attribute(name), suite.attribute(name), "{name}");
    }
    let cases = suite.children().filter(|node| node.has_tag_name("testcase")).map(|case| {
        let inner = case.children().filter(roxmltree::Node::is_element).map(|node| {
            let message = node.attribute("message").or(node.text()).unwrap_or_default();
            format!(" | {} {} {message}", node.tag_name().name(), attribute(node, "type"))
        });
        ["classname", "name", "time"].map(|name| attribute(case, name)).join(" ") + &inner.collect::<String>()
    });
    let figures = ["tests", "failures", "errors", "skipped", "time", "timestamp"];
    (figures.map(|name| attribute(suite, name)), cases.collect())
}

#[test]
fn the_junit_file_fails_exactly_where_the_run_did() {
    let xml = with_report(|report| report.junit("2026-01-02T03:04:05.678Z".parse().unwrap()));
    let (figures, cases) = suite(&xml);
    assert_eq!(figures, ["7", "2", "1", "3", "2.000", "2026-01-02T03:04:05"]);
    let because = "http_req_duration{stage:high} max < 30ms: observed 40ms";
    assert_eq!(
        cases,
        [
            &format!(
                "shop.run verdict 2.000 | failure ThresholdsBreached {because} | system-out  Failed (ThresholdsBreached): {because}"
            ),
            "shop.thresholds http_req_duration p(95) < 50ms 0.000 | system-out  observed 40ms",
            "shop.thresholds http_req_duration{stage:high} max < 30ms 0.000 | failure threshold observed 40ms | system-out  observed 40ms",
            "shop.thresholds checks{check:never} rate > 90% 0.000 | error NoData observed no data (no samples) | system-out  observed no data (no samples)",
            "shop.checks item · is ok 0.000 | skipped  3 of 4 held; only thresholds decide | system-out  3 of 4 held",
            "shop.cluster spec.prometheus 0.000 | skipped  spec.prometheus: not asked",
            "shop.warnings the steps after the load failed 0.000 | skipped  the steps after the load failed: 503",
        ]
    );
}

fn run(verdict: &str, autoscaling: bool, checks: &Value) -> LoadTestRun {
    let expectation = |name: &str, expected: &str, observed: &str, passed: bool| {
        let message = (!passed).then_some("the policy of the autoscaler held it up");
        json!({"name": name, "expected": expected, "observed": observed, "passed": passed, "message": message})
    };
    let watched = json!({"replicas": "1→3→1", "startReplicas": 1, "peakReplicas": 3, "endReplicas": 1, "expectations": [
        expectation("scaleUpWithin", "90s", "120s", false), expectation("minPeakReplicas", "3", "3", true),
        {"name": "scaleDownWithin", "expected": "Auto", "observed": "40s", "passed": true, "basis": "6m40s (5m and 1m40s)"},
    ]});
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "checkout-g1"},
        "spec": {"loadTestRef": {"name": "checkout"}},
        "status": {
            "verdict": verdict, "reason": "Because", "message": "so it is",
            "startTime": "2026-01-02T03:04:05Z", "completionTime": "2026-01-02T03:05:05Z",
            "autoscaling": autoscaling.then_some(watched), "checks": checks,
        },
    }))
    .unwrap()
}

#[test]
fn the_junit_file_of_a_run_has_each_expectation_and_each_prometheus_check() {
    let checks = json!([
        {"name": "queue", "condition": "< 5", "observed": "3", "passed": true},
        {"name": "db p95", "condition": "< 0.1", "observed": "0.25", "passed": false},
        {"name": "cache", "condition": "> 0.9", "passed": false, "message": "no series"},
    ]);
    let xml = junit_of_run(&run("Inconclusive", true, &checks)).unwrap();
    let (figures, cases) = suite(&xml);
    assert_eq!(figures, ["7", "2", "2", "0", "60.000", "2026-01-02T03:04:05"]);
    let late = "observed 120s: the policy of the autoscaler held it up";
    assert_eq!(
        cases,
        [
            "checkout-g1.run verdict 60.000 | error Because so it is | system-out  Inconclusive (Because): so it is",
            &format!(
                "checkout-g1.autoscaling scaleUpWithin 90s 0.000 | failure AutoscalingExpectationMissed {late} | system-out  {late}"
            ),
            "checkout-g1.autoscaling minPeakReplicas 3 0.000 | system-out  observed 3",
            // Its name is the same in each run, whatever the limit was.
            "checkout-g1.autoscaling scaleDownWithin Auto 0.000 | system-out  observed 40s; the limit is 6m40s (5m and 1m40s)",
            "checkout-g1.prometheus queue < 5 0.000 | system-out  observed 3",
            "checkout-g1.prometheus db p95 < 0.1 0.000 | failure ChecksBreached observed 0.25 | system-out  observed 0.25",
            "checkout-g1.prometheus cache > 0.9 0.000 | error CheckUnanswered no series",
        ]
    );
    assert!(xml.contains("<property name=\"replicas\" value=\"1→3→1\"/>"), "{xml}");
    let (figures, _) = suite(&junit_of_run(&run("Passed", false, &json!([]))).unwrap());
    assert_eq!(figures[..3], ["1", "0", "0"]);
    let mut unfinished = run("Passed", false, &json!([]));
    unfinished.status.as_mut().unwrap().verdict = None;
    assert_eq!(junit_of_run(&unfinished), None);
}
