// SPDX-License-Identifier: Apache-2.0
//! `upsurge run --observe`, `upsurge get` and `upsurge report RUN` as their users have them: the real binary, against a played API server
//! that never changes.

#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "observe/cluster.rs"]
mod cluster;
#[path = "processes/processes.rs"]
mod processes;
#[allow(dead_code)]
#[path = "../../engine/tests/support/server.rs"]
mod server;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use base64::Engine as _;
use cluster::{cluster, gone, kubeconfig, measured_cluster};
use processes::{Upsurge, scratch, start_target};
use serde_json::{Value, json};
use server::{Arrived, Server, json as answer};
use upsurge_figures::observation::What;
use upsurge_record::{disk::decode, verify::verify};
use upsurge_testing::HttpServer;

const EXPECT: &str = "{maxPeakReplicas: 2, minPeakReplicas: 1}";

fn manifest(name: &str) -> PathBuf {
    manifest_of(name, "1s", "")
}

/// The same with a load that lasts for so long, and with more fields.
fn manifest_of(name: &str, duration: &str, more: &str) -> PathBuf {
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop, namespace: shop, annotations: {{upsurge.dev/git-revision: \"main@sha1:4f2c9b1\"}}}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\", workloads: [{{name: checkout, expect: {EXPECT}}}]}}\n  runner: {{maxLag: 3s}}\n  \
         scenarios: [{{name: browse, steps: [{{request: {{name: item, url: /}}}}]}}]\n  \
         load: {{constant: {{level: 1, duration: {duration}}}}}\n{more}"
    );
    scratch(name, &text)
}

#[test]
fn a_workload_is_observed_and_judged_as_by_the_operator() {
    let (cluster, target) = (cluster(|_| true), start_target(None, &["--latency", "20ms"]));
    let (file, config) = (manifest("observed.yaml"), kubeconfig("observed.kubeconfig", &cluster));
    let (result, junit) = (file.with_extension("json"), file.with_extension("xml"));
    let record = file.with_extension("record");
    let ended = Upsurge::run(&file)
        .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
        .arg(&config)
        .arg("--json")
        .arg(&result)
        .arg("--junit")
        .arg(&junit)
        .arg("--record")
        .arg(&record)
        .end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(&result).unwrap()).unwrap();
    let seen = &result["autoscaling"];
    assert_eq!(
        (&seen["replicas"], &seen["autoscaler"]),
        (&json!("1→1→1"), &json!("HorizontalPodAutoscaler/checkout")),
        "{seen:#}"
    );
    assert_eq!(seen["workloads"][0]["name"], "checkout", "{seen:#}");
    let judged: Vec<_> =
        seen["expectations"].as_array().unwrap().iter().map(|one| (&one["name"], &one["passed"])).collect();
    assert_eq!(
        judged,
        [(&json!("minPeakReplicas"), &json!(true)), (&json!("maxPeakReplicas"), &json!(true))]
    );
    assert!(ended.stdout.contains("  HorizontalPodAutoscaler/checkout: replicas 1→1→1\n"), "{ended:?}");
    assert!(ended.stdout.contains("✓ maxPeakReplicas 2: 1\n"), "{ended:?}");
    assert_eq!(result["notJudged"], json!([]));
    assert!(std::fs::read_to_string(&junit).unwrap().contains("maxPeakReplicas"));
    // All that was seen is in the record, and says the same, also to a program that reads nothing else.
    if let Some((code, words)) = upsurge_testing::recomputed(&record) {
        assert!(code == 0 && !words.contains("not computed"), "{words}");
    }
    let record = decode(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&record.autoscaling).unwrap(), *seen);
    let events = &record.workloads[0].events;
    assert!(events.iter().any(|event| matches!(event.what, What::Asked { replicas: 1 })), "{events:?}");
    let around = serde_json::to_value(&record.environment).unwrap();
    assert_eq!(
        around["kubernetes"],
        json!({"version": "v1.36.1", "nodes": [{"count": 2, "cpu": "2", "memory": "4Gi"}]})
    );
    let workload = &around["workloads"][0];
    assert_eq!(
        (&workload["images"]["main"], &workload["autoscaler"]["maxReplicas"]),
        (&json!("shop/checkout:7"), &json!(5)),
        "{workload:#}"
    );
    assert_eq!(around["gitRevision"], "main@sha1:4f2c9b1");
    // The played cluster has no metrics API.
    let gaps: Vec<&str> = record.gaps.iter().map(|gap| gap.what.as_ref()).collect();
    assert_eq!(gaps, ["usage"], "{:?}", record.gaps);
    let verified = verify(&record);
    assert!(verified.differences.is_empty(), "{verified:?}");
    assert!(
        verified.skipped.iter().all(|what| what.starts_with("what is told of autoscaling")),
        "{verified:?}"
    );
    let written = cluster
        .arrived()
        .into_iter()
        .filter(|one| one.method != "GET" && !one.target.contains("selfsubjectaccessreviews"));
    assert_eq!(written.count(), 0, "nothing is changed");
}

#[test]
fn what_may_not_be_read_is_told_before_the_load_with_a_role_that_gives_it() {
    let (cluster, target) = (cluster(|resource| resource != "pods"), start_target(None, &[]));
    let (file, config) = (manifest("refused.yaml"), kubeconfig("refused.kubeconfig", &cluster));
    let ended = Upsurge::run(&file)
        .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
        .arg(&config)
        .end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let role = "rules:\n- {apiGroups: [\"\"], resources: [pods], verbs: [list, watch]}\n";
    assert!(ended.stderr.contains("kind: Role") && ended.stderr.contains(role), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
}

#[test]
fn without_a_cluster_or_a_workload_the_command_says_so() {
    let file = manifest("nowhere.yaml");
    let ended = Upsurge::run(&file).args(["--observe", "--kubeconfig", "/nowhere"]).end();
    assert!(ended.code == 2 && ended.stderr.contains("kubeconfig /nowhere"), "{ended:?}");
    let ended = Upsurge::run(&file).args(["--context", "here"]).end();
    assert!(
        ended.code == 2 && ended.stderr.contains("--context says nothing without --observe"),
        "{ended:?}"
    );
    let cluster = cluster(|_| true);
    let config = kubeconfig("get.kubeconfig", &cluster);
    let ended = Upsurge::command("get")
        .args(["gone", "--events", "--context", "here", "--kubeconfig"])
        .arg(&config)
        .end();
    assert!(ended.code == 2 && ended.stderr.contains("elsewhere has no LoadTestRun gone"), "{ended:?}");
}

const USAGE: &str =
    "  usage: [{resource: CPU, relativeTo: Limit, maxPercent: 70}, {resource: Memory, maxRestarts: 0}]\n";

/// Runs a test that limits usage while somebody watches; how it ended, and its result.
fn watched(file: &std::path::Path, cluster: &Server, config: &str) -> (processes::Ended, Value) {
    let target = start_target(None, &[]);
    let (result, config) = (file.with_extension("json"), kubeconfig(config, cluster));
    let ended = Upsurge::run(file)
        .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
        .arg(&config)
        .arg("--json")
        .arg(&result)
        .end();
    let result = std::fs::read_to_string(&result).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, serde_json::from_str(&result).unwrap())
}

#[test]
fn what_the_targets_pods_use_is_judged_as_by_the_operator() {
    let cluster = measured_cluster(|_| true, Some("900m"));
    // The metrics API is asked every ten seconds.
    let file = manifest_of("usage.yaml", "12s", USAGE);
    let (ended, result) = watched(&file, &cluster, "usage.kubeconfig");
    assert_eq!((ended.code, &result["reason"]), (1, &json!("UsageExceeded")), "{ended:?}");
    let message = result["message"].as_str().unwrap();
    assert!(message.contains("pod checkout-a used 90% of the CPU limit of container main"), "{message}");
    let told = |name: &str| {
        let all = result["usageExpectations"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        (one["passed"] == true, one["undecided"] == true)
    };
    assert_eq!((told("CPU maxPercent"), told("Memory maxRestarts")), ((false, false), (true, false)));
    assert_eq!(result["usage"][1]["pod"], "checkout-a", "{:#}", result["usage"]);
    assert_eq!(result["notJudged"], json!([]));
    assert!(ended.stdout.contains("  pod checkout-a: CPU 0.9 on average"), "{ended:?}");
    assert!(ended.stdout.contains("✗ CPU maxPercent 70% of the limit: 90%"), "{ended:?}");
}

#[test]
fn a_cluster_without_a_metrics_api_leaves_usage_open_and_says_what_to_install() {
    let cluster = cluster(|_| true);
    let file = manifest_of("unmeasured.yaml", "1s", USAGE);
    let (ended, result) = watched(&file, &cluster, "unmeasured.kubeconfig");
    assert_eq!((ended.code, &result["reason"]), (3, &json!("UsageUnknown")), "{ended:?}");
    let message = result["message"].as_str().unwrap();
    assert!(message.contains("install metrics-server"), "{message}");
}

#[test]
fn without_the_right_to_read_usage_the_role_that_gives_it_is_told_before_the_load() {
    let cluster = cluster(|resource| resource != "pods.metrics.k8s.io");
    let config = kubeconfig("no-metrics.kubeconfig", &cluster);
    let target = start_target(None, &[]);
    let run = |file: &std::path::Path| {
        Upsurge::run(file)
            .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
            .arg(&config)
            .end()
    };
    let ended = run(&manifest_of("no-metrics.yaml", "1s", USAGE));
    assert_eq!(ended.code, 2, "{ended:?}");
    let rule = "- {apiGroups: [\"metrics.k8s.io\"], resources: [pods], verbs: [list]}\n";
    assert!(ended.stderr.contains(rule), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
    // Where nothing of it is limited, that is no more than a note.
    let ended = run(&manifest("no-metrics-needed.yaml"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("note: may not list pods of metrics.k8s.io"), "{ended:?}");
}

#[test]
fn of_usage_that_nobody_watches_the_command_says_that_it_is_not_judged() {
    let target = start_target(None, &[]);
    let file = manifest_of("unwatched.yaml", "1s", USAGE);
    let ended = Upsurge::run(&file).args(["--target", target.url()]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let said = "not judged: spec.usage: nobody watched CPU, memory and restarts of the target's pods: --observe does";
    assert!(ended.stdout.contains(said), "{ended:?}");
}

/// A record that a run of the command has left, as the operator would keep it.
const RECORD: &[u8] = include_bytes!("../../../record/tests/fixtures/record-1.0.json.gz");

/// A cluster with a run that has left its record, one that is not over, and one that is not over either and beside which there still is the
/// record of an earlier run of its name.
fn with_records() -> Server {
    Server::start(|arrived: Arrived| async move {
        let object = |kind: &str, group: &str, name: &str, rest: Value| {
            let mut object = json!({"apiVersion": format!("{group}/v1alpha1"), "kind": kind,
                "metadata": {"name": name, "namespace": "elsewhere"}});
            object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            answer(object.to_string())
        };
        match arrived.target.split('?').next().unwrap() {
            "/apis/internal.upsurge.dev/v1alpha1/namespaces/elsewhere/records/shop-g1" => {
                let data = base64::engine::general_purpose::STANDARD.encode(RECORD);
                let spec = json!({"spec": {"verdict": "Failed", "bytes": RECORD.len(), "data": data}});
                object("Record", "internal.upsurge.dev", "shop-g1", spec)
            }
            "/apis/upsurge.dev/v1alpha1/namespaces/elsewhere/loadtestruns/shop-g2" => {
                let rest = json!({"spec": {"loadTestRef": {"name": "shop"}}, "status": {"phase": "Running"}});
                object("LoadTestRun", "upsurge.dev", "shop-g2", rest)
            }
            "/apis/internal.upsurge.dev/v1alpha1/namespaces/elsewhere/records/shop-g3" => {
                let data = base64::engine::general_purpose::STANDARD.encode(RECORD);
                let owner = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "name": "shop-g3",
                    "uid": "of the first"});
                let rest = json!({"spec": {"verdict": "Failed", "bytes": RECORD.len(), "data": data},
                    "metadata": {"name": "shop-g3", "namespace": "elsewhere", "ownerReferences": [owner]}});
                object("Record", "internal.upsurge.dev", "shop-g3", rest)
            }
            "/apis/upsurge.dev/v1alpha1/namespaces/elsewhere/loadtestruns/shop-g3" => {
                let rest = json!({"spec": {"loadTestRef": {"name": "shop"}}, "status": {"phase": "Running"},
                    "metadata": {"name": "shop-g3", "namespace": "elsewhere", "uid": "of the second"}});
                object("LoadTestRun", "upsurge.dev", "shop-g3", rest)
            }
            _ => gone(),
        }
    })
}

/// A cluster with a run that has left its record and can be noted on. Somebody else has changed it before the first note comes.
fn with_a_run() -> Server {
    let kept = Arc::new(Mutex::new((0_u64, json!({}))));
    Server::start(move |arrived: Arrived| {
        let kept = Arc::clone(&kept);
        async move {
            let mut held = kept.lock().unwrap();
            let (version, annotations) = &mut *held;
            let object = |kind: &str, group: &str, metadata: Value, spec: Value| {
                answer(
                    json!({"apiVersion": format!("{group}/v1alpha1"), "kind": kind, "metadata": metadata, "spec": spec})
                        .to_string(),
                )
            };
            match arrived.target.split('?').next().unwrap() {
                "/apis/internal.upsurge.dev/v1alpha1/namespaces/elsewhere/records/shop-g1" => {
                    let data = base64::engine::general_purpose::STANDARD.encode(RECORD);
                    let spec = json!({"verdict": "Failed", "bytes": RECORD.len(), "data": data});
                    object("Record", "internal.upsurge.dev", json!({"name": "shop-g1"}), spec)
                }
                "/apis/upsurge.dev/v1alpha1/namespaces/elsewhere/loadtestruns/shop-g1" => {
                    if arrived.method == "PATCH" {
                        let patch: Value = serde_json::from_slice(&arrived.body).unwrap();
                        assert_eq!(patch["metadata"]["resourceVersion"], version.to_string());
                        assert!(arrived.target.contains("fieldManager=upsurge-note"), "{}", arrived.target);
                        *version += 1;
                        if *version == 1 {
                            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                                "reason": "Conflict", "message": "it was changed", "code": 409});
                            let mut refused = answer(status.to_string());
                            *refused.status_mut() = http::StatusCode::CONFLICT;
                            return refused;
                        }
                        *annotations = patch["metadata"]["annotations"].clone();
                    }
                    let metadata = json!({"name": "shop-g1", "namespace": "elsewhere", "uid": "u",
                        "resourceVersion": version.to_string(), "annotations": annotations});
                    object("LoadTestRun", "upsurge.dev", metadata, json!({"loadTestRef": {"name": "shop"}}))
                }
                _ => gone(),
            }
        }
    })
}

#[test]
fn what_is_noted_on_a_run_is_in_its_reports() {
    let cluster = with_a_run();
    let config = kubeconfig("noted.kubeconfig", &cluster);
    let ask = |command: &str, arguments: &[&str]| {
        let asked = Upsurge::command(command).args(arguments.iter().copied());
        asked.args(["--context", "here", "-n", "elsewhere", "--kubeconfig"]).arg(&config).end()
    };
    for (text, said) in [("the pool had 5 connections", "1 note\n"), ("raised it to 50", "2 notes\n")] {
        let ended = ask("note", &["shop-g1", text]);
        assert!(ended.code == 0 && ended.stderr.ends_with(said), "{ended:?}");
    }
    let ended = ask("report", &["shop-g1", "-o", "markdown"]);
    assert!(ended.stdout.contains("the pool had 5 connections"), "{ended:?}");
    let file = config.with_extension("record");
    let ended = ask("get", &["shop-g1", "--record", file.to_str().unwrap()]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let record = decode(&std::fs::read(&file).unwrap()).unwrap();
    let texts: Vec<&str> = record.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(texts, ["the pool had 5 connections", "raised it to 50"]);
    let long = "x".repeat(1_001);
    for (arguments, words) in [
        (["shop-g1", long.as_str()], "1000 are the most for a run in a cluster"),
        (["shop-g2", "fixed"], "has no LoadTestRun shop-g2"),
    ] {
        let ended = ask("note", &arguments);
        assert!(ended.code == 2 && ended.stderr.contains(words), "{ended:?}");
    }
}

#[test]
fn the_record_of_a_run_is_found_in_the_cluster_by_its_name() {
    let cluster = with_records();
    let config = kubeconfig("records.kubeconfig", &cluster);
    let ask = |command: &str, arguments: &[&str]| {
        let asked = Upsurge::command(command).args(arguments.iter().copied());
        asked.args(["--context", "here", "-n", "elsewhere", "--kubeconfig"]).arg(&config).end()
    };
    let ended = ask("report", &["shop-g1", "--verify"]);
    assert!(
        ended.code == 0 && ended.stdout.contains("shop-g1: ") && ended.stdout.contains("all as told"),
        "{ended:?}"
    );
    let ended = ask("report", &["shop-g1", "-o", "markdown"]);
    assert!(ended.code == 1 && ended.stdout.contains("Failed"), "{ended:?}");
    let ended = ask("report", &["shop-g1", "-o", "text", "--baseline", "shop-g1"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("--baseline: nobody watched a workload in"),
        "{ended:?}"
    );
    let ended = ask("report", &["shop-g1", "-o", "text", "--baseline", "no-such"]);
    assert!(ended.code == 2 && ended.stderr.contains("elsewhere has no LoadTestRun no-such"), "{ended:?}");
    let file = config.with_extension("record");
    let ended = ask("get", &["shop-g1", "--record", file.to_str().unwrap()]);
    assert_eq!((ended.code, std::fs::read(&file).unwrap().as_slice()), (0, RECORD), "{ended:?}");
    if let Some(server) = HttpServer::s3("runs") {
        let address = "s3://runs/shop-g1.record";
        let ask = |command: &str, arguments: &[&str]| {
            let asked = Upsurge::command(command).args(arguments.iter().copied());
            let asked = asked.env("AWS_ENDPOINT_URL", &server.url()).env("AWS_ALLOW_HTTP", "true");
            let asked = asked.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "hunter2");
            asked.args(["--context", "here", "-n", "elsewhere", "--kubeconfig"]).arg(&config).end()
        };
        let ended = ask("get", &["shop-g1", "--record", address]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
        let ended = ask("report", &[address, "--verify"]);
        assert!(ended.code == 0 && ended.stdout.contains("all as told"), "{ended:?}");
    }
    for (command, arguments) in [
        ("report", ["shop-g2", "--verify"]),
        ("get", ["shop-g2", "--record=-"]),
        ("report", ["shop-g3", "--verify"]),
        ("get", ["shop-g3", "--record=-"]),
    ] {
        let (ended, expected) = (ask(command, &arguments), format!("run {} is not finished", arguments[0]));
        assert!(ended.code == 2 && ended.stderr.contains(&expected), "{ended:?}");
    }
    let ended = ask("report", &["no-such", "--verify"]);
    assert!(ended.code == 2 && ended.stderr.contains("elsewhere has no LoadTestRun no-such"), "{ended:?}");
    assert!(ended.stderr.contains("there is no file no-such"), "{ended:?}");
    let ended = ask("report", &["no-such.record", "--verify"]);
    assert!(ended.code == 2 && ended.stderr.starts_with("error: can't read no-such.record: "), "{ended:?}");
}
