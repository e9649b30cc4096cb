// SPDX-License-Identifier: Apache-2.0
//! The command line as its users have it: the real binary, against the real target, on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/manifests.rs"]
mod manifests;
#[path = "processes/processes.rs"]
mod processes;

use std::time::{Duration, Instant};

use manifests::{FEW, LONG, USERS, manifest};
use processes::{Upsurge, scratch, signal, start_target, wait_until};
use rstest::rstest;
use serde_json::Value;

fn summary(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_run_whose_limits_hold_passes_with_the_targets_own_counts() {
    let script = "errorRate: 0.02";
    let target = start_target(Some(script), &[]);
    let load = "{unit: IterationsPerSecond, constant: {level: 250, duration: 4s}}";
    let file = scratch("passed.yaml", &manifest(load, "{metric: http_req_failed, condition: \"rate < 3%\"}"));
    let json = file.with_extension("json");
    let ended = Upsurge::run(&file).args(["--target", target.url()]).args(["--summary"]).arg(&json).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("✓ http_req_failed rate < 3%: 2%"), "{ended:?}");
    assert!(ended.stdout.contains("✓ Passed"), "{ended:?}");

    let stats = target.stats();
    let summary = summary(&json);
    let metrics = &summary["metrics"];
    assert_eq!(metrics["http_reqs"]["values"]["count"].as_f64(), stats["received"].as_f64());
    assert_eq!(stats["received"], 1_000);
    assert_eq!(stats["statuses"], serde_json::json!({"200": 980, "503": 20}));
    assert_eq!(metrics["http_req_failed"]["values"]["passes"], 20);
    assert_eq!(metrics["checks"]["values"], serde_json::json!({"passes": 980, "fails": 20, "rate": 0.98}));
    assert_eq!(metrics["http_req_failed"]["thresholds"]["rate < 3%"]["ok"], true);
    assert_eq!(summary["root_group"]["checks"][0]["passes"], 980);
    assert_eq!((&summary["verdict"], &summary["stages"][0]["requests"]), (&"Passed".into(), &1_000.into()));
}

#[test]
fn the_result_fits_80_columns_tells_bytes_and_counts_captures_that_found_something() {
    let target = start_target(Some("defaultRoute: {json: {token: abc}}"), &[]);
    let name = "GET /api/v1/customers/{customer}/orders/{order}/items/{item}";
    let text = manifest(USERS, "").replace("name: item, ", &format!("name: \"{name}\", "));
    let text = text.replace("expect: [", "capture: [{name: token, jsonPath: $.token}], expect: [");
    let file = scratch("columns.yaml", &text);
    let json = file.with_extension("json");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--json"]).arg(&json).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let (tables, rest) = ended.stdout.split_once("\nchecks\n").unwrap();
    let wide: Vec<&str> = tables.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty() && tables.contains(&format!("\n  {name}\n")), "{tables}");
    let result = summary(&json);
    let requests = result["summary"]["requests"].as_u64().unwrap();
    assert!(requests > 0 && target.stats()["answered"].as_u64() >= Some(requests), "{result}");
    assert!(rest.contains(&format!("✓ {name} · capture token: {requests} of {requests} held")), "{rest}");
    let received = result["summary"]["dataReceivedBytes"].as_u64().unwrap();
    assert!(received > 50 * requests && tables.contains("/s) received, "), "{result} {tables}");
    assert_eq!(result["verdict"], "Passed");
}

#[test]
fn a_breached_threshold_fails_the_run_and_is_told_with_its_figure() {
    let target = start_target(None, &["--latency", "20ms"]);
    let file =
        scratch("failed.yaml", &manifest(FEW, "{metric: http_req_duration, condition: \"p(95) < 10ms\"}"));
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stdout.contains("✗ Failed (ThresholdsBreached): http_req_duration p(95) < 10ms: observed "),
        "{ended:?}"
    );
}

#[test]
fn a_threshold_that_aborts_ends_the_load_early() {
    let target = start_target(None, &["--error-rate", "1"]);
    let threshold = "{metric: http_req_failed, condition: \"rate < 10%\", abortOnFail: true}";
    let file = scratch("abort.yaml", &manifest(LONG, threshold));
    let begin = Instant::now();
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    assert!(ended.stderr.contains("http_req_failed rate < 10% is breached (100%): stopping"), "{ended:?}");
}

#[test]
fn a_target_out_of_reach_is_an_error_with_a_hint() {
    let file = scratch("unreachable.yaml", &manifest(FEW, ""));
    for (url, words) in
        [("http://shop.invalid:80", "does not resolve"), ("http://127.0.0.1:1", "can't be reached")]
    {
        let json = file.with_extension("json");
        let ended = Upsurge::run(&file).args(["--target", url, "--summary"]).arg(&json).end();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(words) && ended.stderr.contains(url), "{ended:?}");
        assert_eq!(summary(&json)["verdict"], "Error");
    }
}

#[test]
fn windows_are_those_of_the_loads_own_seconds() {
    let target = start_target(None, &[]);
    let threshold = "{metric: http_reqs, condition: \"rate >= 45\", window: 1s}, \
                     {metric: http_reqs, condition: \"rate <= 55\", window: 1s}";
    let load = "{unit: IterationsPerSecond, constant: {level: 50, duration: 4s}}";
    let file = scratch("windows.yaml", &manifest(load, threshold));
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("worst of 4 windows of 1s"), "{ended:?}");
}

#[rstest]
#[case::for_most("routes: [{path: /items/0, body: ok}]\ndefaultRoute: {latency: {fixed: 40s}}")]
#[case::for_all("defaultRoute: {latency: {fixed: 40s}}")]
fn a_target_that_hangs_until_the_end_fails_the_run(#[case] script: &str) {
    let target = start_target(Some(script), &[]);
    let load = "{unit: IterationsPerSecond, constant: {level: 20, duration: 2s}, gracefulStop: 500ms}";
    let file = scratch(&format!("hanging-{}.yaml", script.len()), &manifest(load, ""));
    let json = file.with_extension("json");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--summary"]).arg(&json).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("✗ Failed (RequestsUnanswered): "), "{ended:?}");
    let values = &summary(&json)["metrics"]["http_req_interrupted"]["values"];
    assert!(values["min"].as_f64() >= Some(500.0), "{values}");
}

#[test]
fn steps_after_the_load_can_be_interrupted() {
    let target = start_target(Some("routes: [{path: /tidy, latency: {fixed: 40s}}]"), &[]);
    let text = manifest("{executors: [{name: e, sharedIterations: {iterations: 1}}]}", "")
        .replace("  load:", "  after: [{request: {url: /tidy}}]\n  load:");
    let file = scratch("after.yaml", &text);
    let running = Upsurge::run(&file).args(["--target", target.url()]).start();
    wait_until("the last step is in work", || {
        let stats = target.stats();
        stats["received"].as_u64() >= Some(2)
    });
    let begin = Instant::now();
    signal(running.id(), "INT");
    let ended = running.end();
    assert_eq!(ended.code, 0, "the load was what it was: {ended:?}");
    assert!(ended.stdout.contains("interrupted"), "{ended:?}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn an_interrupted_run_shows_what_was_measured() {
    let target = start_target(None, &["--latency", "5ms"]);
    let file = scratch("interrupted.yaml", &manifest(LONG, ""));
    let json = file.with_extension("json");
    let running = Upsurge::run(&file).args(["--target", target.url(), "--summary"]).arg(&json).start();
    wait_until("some requests are answered", || target.stats()["answered"].as_u64() >= Some(20));
    signal(running.id(), "INT");
    let ended = running.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.stdout.contains("✗ Aborted: interrupted after"), "{ended:?}");
    let summary = summary(&json);
    assert_eq!(
        summary["metrics"]["http_reqs"]["values"]["count"].as_f64(),
        target.stats()["received"].as_f64()
    );
    assert_eq!(summary["verdict"], "Aborted");
}

#[test]
fn a_second_interrupt_ends_the_run_at_once() {
    let target = start_target(None, &["--latency", "40s"]);
    let file = scratch("twice.yaml", &manifest(LONG, ""));
    let running = Upsurge::run(&file).args(["--target", target.url()]).start();
    wait_until("some requests are in work", || target.stats()["inFlight"].as_u64() >= Some(5));
    signal(running.id(), "INT");
    running.wait_for_stderr("interrupt again to end at once");
    let begin = Instant::now();
    signal(running.id(), "INT");
    assert_eq!(running.end().code, 130);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn a_generator_that_was_held_up_makes_the_run_inconclusive() {
    let target = start_target(None, &[]);
    let load = "{unit: IterationsPerSecond, constant: {level: 100, duration: 4s}}";
    let file = scratch("inconclusive.yaml", &manifest(load, "").replace("maxLag: 3s", "maxLag: 100ms"));
    let running = Upsurge::run(&file).args(["--target", target.url()]).start();
    wait_until("the load runs", || target.stats()["answered"].as_u64() >= Some(20));
    signal(running.id(), "STOP");
    // What is tested is a stall of this length, so there is nothing to wait for but time.
    std::thread::sleep(Duration::from_millis(1_500));
    signal(running.id(), "CONT");
    let ended = running.end();
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stdout.contains("✗ Inconclusive (GeneratorLimited): "), "{ended:?}");
}

#[test]
fn a_wrong_field_is_named_with_its_path() {
    let text = manifest(FEW, "").replace("url:", "URL:");
    for command in ["run", "validate"] {
        let ended = Upsurge::command(command).arg(scratch("wrong.yaml", &text)).end();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.stderr.contains("spec.scenarios[0].steps[0].request.URL: unknown field; did you mean url?"),
            "{ended:?}"
        );
    }
}

#[test]
fn of_several_tests_one_is_chosen_by_name_and_other_documents_are_left_out() {
    let target = start_target(None, &[]);
    let test = manifest(FEW, "");
    let text = format!(
        "kind: Service\nmetadata: {{name: data}}\n---\n{test}---\n{}",
        test.replace("name: shop", "name: bar")
    );
    let file = scratch("several.yaml", &text);
    let ended = Upsurge::run(&file).end();
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("holds 2 LoadTests: choose one with --name (shop, bar)"), "{ended:?}");
    let ended = Upsurge::run(&file).args(["--name", "bar", "--target", target.url()]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.starts_with("LoadTest bar · "), "{ended:?}");
    assert!(ended.stderr.contains("left out Service data"), "{ended:?}");
    let ended = Upsurge::run(&file).args(["--name", "baz"]).end();
    assert!(
        ended.code == 2 && ended.stderr.contains("no LoadTest named \"baz\"; there are shop, bar"),
        "{ended:?}"
    );
}

#[test]
fn loads_of_different_units_are_told_each_in_its_own() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/side-by-side.yaml");
    let ended = Upsurge::command("validate").arg(file).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in [
        "load       up to 50 users and 1.5 iterations/s over 6m30s\n",
        "  browsing: up to 50 users, does browse\n",
        "  orders: up to 1.5 iterations/s by up to 50 users, 476 iterations, does pay\n",
    ] {
        assert!(ended.stdout.contains(line), "{line:?} is missing in {ended:?}");
    }
}

#[test]
fn secrets_come_from_the_environment() {
    let target =
        start_target(Some("routes: [{path: /login, json: {got: \"{{ headers.authorization }}\"}}]"), &[]);
    let text = manifest(FEW, "{metric: checks, condition: \"rate == 1\"}")
        .replace("  load:", "  secrets: [{name: key, secretKeyRef: {name: login, key: pass}}]\n  load:")
        .replace(
            "url: \"/items/{{ iteration }}\", expect: [{status: [200]}]",
            "url: /login, headers: {authorization: \"Bearer {{ secrets.key }}\"}, expect: [{jsonPath: $.got, equals: \"Bearer {{ secrets.key }}\"}]",
        );
    let file = scratch("secrets.yaml", &text);
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.stderr.contains(
            "set the environment variable UPSURGE_SECRET_key to what key \"pass\" of Secret \"login\" holds"
        ),
        "{ended:?}"
    );
    let ended =
        Upsurge::run(&file).args(["--target", target.url()]).env("UPSURGE_SECRET_key", "s3cret").end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!format!("{ended:?}").contains("s3cret"), "a secret is never printed");
}

#[test]
fn what_only_a_cluster_can_judge_is_said_not_to_be_judged() {
    let target = start_target(None, &[]);
    let text = manifest(FEW, "").replace(
        "baseURL: \"http://127.0.0.1:9\"",
        "baseURL: \"http://127.0.0.1:9\", workloads: [{name: shop, expect: {minPeakReplicas: 2}}]",
    );
    let ended = Upsurge::run(&scratch("cluster.yaml", &text)).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("not judged: spec.target.workloads[0].expect"), "{ended:?}");
}
