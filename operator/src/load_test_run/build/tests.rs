// SPDX-License-Identifier: Apache-2.0
//! What is made for a run.

use std::sync::Arc;

use serde_json::{Value, json};
use upsurge_crds::LoadTestSpec;

use super::*;
use crate::load_test_run::fixtures::plan;

fn defaults() -> RunnerDefaults {
    RunnerDefaults {
        image: "upsurge/runner:1".into(),
        image_pull_policy: "IfNotPresent".into(),
        collector_url: "http://collector:8080".into(),
        authorities: "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n".into(),
        pods: Default::default(),
    }
}

fn built(more: &Value) -> Objects {
    objects(&plan(more), "checkout", &defaults(), None).unwrap()
}

fn pod(job: &Job) -> Value {
    serde_json::to_value(&job.spec.as_ref().unwrap().template).unwrap()
}

#[test]
fn load_is_never_run_again_silently() {
    let spec = built(&json!({})).job.spec.unwrap();
    assert_eq!((spec.completions, spec.parallelism), (Some(3), Some(3)));
    assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
    assert_eq!((spec.backoff_limit, spec.pod_replacement_policy.as_deref()), (Some(0), Some("Failed")));
    // 5m to prepare, 1m to start, 1m of load with 30s and 2m to end, and ten minutes.
    assert_eq!(spec.active_deadline_seconds, Some(300 + 60 + 60 + 30 + 120 + 600));
    assert_eq!(spec.template.spec.unwrap().restart_policy.as_deref(), Some("Never"));
}

#[test]
fn a_runner_that_still_has_to_tidy_up_gets_the_time_for_it() {
    let grace = |more| built(&more).job.spec.unwrap().template.spec.unwrap().termination_grace_period_seconds;
    assert_eq!(grace(json!({})), Some(5));
    assert_eq!(grace(json!({"after": [{"request": {"url": "/tidy-up"}}]})), Some(30));
}

#[test]
fn runner_pods_keep_to_the_restricted_profile() {
    let pod = pod(&built(&json!({})).job);
    assert_eq!(
        pod["spec"]["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
               "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(
        pod["spec"]["containers"][0]["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
               "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(pod["spec"]["automountServiceAccountToken"], json!(false));
    assert_eq!(pod["spec"]["enableServiceLinks"], json!(false));
}

#[test]
fn runners_are_told_all_that_they_need() {
    let pod = pod(&built(&json!({})).job);
    let container = &pod["spec"]["containers"][0];
    let environment = container["env"].as_array().unwrap();
    let variable = |name: &str| environment.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(variable("UPSURGE_COLLECTOR_URL")["value"], "http://collector:8080");
    assert_eq!(variable("UPSURGE_RUN")["value"], "checkout-g1");
    assert_eq!(variable("UPSURGE_NAMESPACE")["value"], "shop");
    assert_eq!(variable("UPSURGE_POD")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
    assert_eq!(
        variable("UPSURGE_SECRET_password")["valueFrom"]["secretKeyRef"],
        json!({"name": "shop-login", "key": "password", "optional": false})
    );
    assert_eq!(container["args"], json!(["agent"]));
    let token = &pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(*token, json!({"audience": "upsurge.dev", "expirationSeconds": 3600, "path": "token"}));
    assert_eq!(variable("UPSURGE_TOKEN_FILE")["value"], "/var/run/secrets/upsurge.dev/token");
}

#[test]
fn headers_for_prometheus_come_from_the_tenants_secrets() {
    let reference = json!({"secretKeyRef": {"name": "prometheus", "key": "authorization"}});
    let prometheus = json!({"url": "http://p:9090", "headers": [{"name": "Authorization", "valueFrom": reference}],
        "checks": [{"name": "up", "query": "up", "condition": "> 0"}]});
    let pod = pod(&built(&json!({"prometheus": prometheus})).job);
    let environment = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let variable =
        environment.iter().find(|variable| variable["name"] == "UPSURGE_PROMETHEUS_HEADER_0").unwrap();
    let key = json!({"name": "prometheus", "key": "authorization", "optional": false});
    assert_eq!(variable["valueFrom"]["secretKeyRef"], key);
}

#[test]
fn headers_of_outputs_come_from_the_tenants_secrets() {
    let reference = json!({"secretKeyRef": {"name": "telemetry", "key": "api-key"}});
    let outputs = json!([
        {"name": "metrics", "prometheusRemoteWrite": {"url": "http://p:9090/api/v1/write"}},
        {"name": "telemetry", "otlp": {"endpoint": "http://o:4318", "headers": [{"name": "X-Key", "valueFrom": reference}]}},
    ]);
    let pod = pod(&built(&json!({"outputs": outputs})).job);
    let environment = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let headers: Vec<&Value> = environment
        .iter()
        .filter(|variable| variable["name"].as_str().unwrap().starts_with("UPSURGE_OUTPUT_HEADER_"))
        .collect();
    let key = json!({"name": "telemetry", "key": "api-key", "optional": false});
    assert_eq!(headers, [&json!({"name": "UPSURGE_OUTPUT_HEADER_1_0", "valueFrom": {"secretKeyRef": key}})]);
}

#[test]
fn runner_resources_image_and_place_are_as_the_test_says_or_modest() {
    let modest = pod(&built(&json!({})).job);
    assert_eq!(
        modest["spec"]["containers"][0]["resources"],
        json!({"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}})
    );
    assert_eq!(modest["spec"]["containers"][0]["image"], "upsurge/runner:1");
    let runner = json!({"image": "mine:2", "resources": {"requests": {"cpu": "2"}}, "nodeSelector": {"pool": "load"},
                        "tolerations": [{"key": "load", "operator": "Exists"}], "imagePullSecrets": [{"name": "registry"}]});
    let chosen = pod(&built(&json!({"runner": runner})).job);
    assert_eq!(chosen["spec"]["containers"][0]["image"], "mine:2");
    assert_eq!(chosen["spec"]["containers"][0]["resources"], json!({"requests": {"cpu": "2"}}));
    assert_eq!(chosen["spec"]["nodeSelector"], json!({"pool": "load"}));
    assert_eq!(chosen["spec"]["tolerations"][0]["key"], "load");
    assert_eq!(
        (&chosen["spec"]["imagePullSecrets"], &modest["spec"]["imagePullSecrets"]),
        (&json!([{"name": "registry"}]), &json!(null))
    );
}

#[test]
fn what_the_platform_team_wants_of_runners_holds_unless_the_test_says_otherwise() {
    let pods = json!({
        "labels": {"cost-centre": "4711"},
        "nodeSelector": {"pool": "load"},
        "imagePullSecrets": [{"name": "platform"}],
        "resources": {"requests": {"cpu": "2"}},
        "podSecurityContext": {"runAsNonRoot": true},
    });
    let defaults = RunnerDefaults { pods: Arc::new(serde_json::from_value(pods).unwrap()), ..defaults() };
    let made = |more: &Value| pod(&objects(&plan(more), "checkout", &defaults, None).unwrap().job);
    let silent = made(&json!({}));
    assert_eq!(silent["metadata"]["labels"]["cost-centre"], "4711");
    assert_eq!(silent["metadata"]["labels"]["app.kubernetes.io/component"], "runner");
    assert_eq!(silent["spec"]["nodeSelector"], json!({"pool": "load"}));
    assert_eq!(silent["spec"]["containers"][0]["resources"], json!({"requests": {"cpu": "2"}}));
    assert_eq!(silent["spec"]["securityContext"], json!({"runAsNonRoot": true}));
    assert_eq!(silent["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    let runner = json!({"resources": {"requests": {"cpu": "1"}}, "nodeSelector": {"disk": "fast"},
                        "imagePullSecrets": [{"name": "own"}]});
    let outspoken = made(&json!({"runner": runner}));
    assert_eq!(outspoken["spec"]["nodeSelector"], json!({"disk": "fast"}));
    assert_eq!(outspoken["spec"]["containers"][0]["resources"], json!({"requests": {"cpu": "1"}}));
    assert_eq!(outspoken["spec"]["imagePullSecrets"], json!([{"name": "own"}, {"name": "platform"}]));
}

#[test]
fn everything_belongs_to_the_run_and_is_found_by_its_labels() {
    let Objects { service_account, job } = built(&json!({}));
    for metadata in [&service_account.metadata, &job.metadata] {
        let owner = &metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!(
            (owner.kind.as_str(), owner.uid.as_str(), owner.controller),
            ("LoadTestRun", "run-uid", Some(true))
        );
        let labels = metadata.labels.as_ref().unwrap();
        assert_eq!(labels["upsurge.dev/run"], "checkout-g1");
        assert_eq!(labels["upsurge.dev/test"], "checkout");
        assert_eq!(labels["app.kubernetes.io/managed-by"], "upsurge");
    }
    assert_eq!(pod(&job)["metadata"]["annotations"]["upsurge.dev/run"], "checkout-g1");
    assert_eq!(service_account.automount_service_account_token, Some(false));
}

#[test]
fn a_plan_that_is_too_large_for_runners_is_refused() {
    let large = json!({"variables": {"text": "x".repeat(1_100_000)}});
    let error = objects(&plan(&large), "checkout", &defaults(), None).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

#[test]
fn nothing_of_the_test_but_files_and_secrets_is_mounted() {
    let pod = pod(&built(&json!({})).job);
    assert!(!pod.to_string().contains("configMap"), "{pod}");
    assert!(!pod.to_string().contains("/pay"), "{pod}");
}

#[test]
fn files_are_mounted_and_one_that_is_missing_does_not_hold_the_pod() {
    let without = pod(&built(&json!({})).job);
    assert_eq!(without["spec"]["volumes"].as_array().unwrap().len(), 1);
    let steps = json!([
        {"request": {"url": "/", "upload": {"configMapKeyRef": {"name": "users", "key": "b.csv"}}}},
        {"request": {"url": "/", "upload": {"secretKeyRef": {"name": "keys", "key": "tls.key"}}}},
        {"request": {"url": "/", "upload": {"configMapKeyRef": {"name": "users", "key": "a.csv"}}}},
    ]);
    // No validation here: that fields hold files is the language's business.
    let spec: LoadTestSpec = serde_json::from_value(json!({
        "target": {"baseURL": "http://shop"},
        "load": {"constant": {"level": 1, "duration": "1s"}},
        "scenarios": [{"name": "main", "steps": [{"group": {"name": "all", "steps": steps}}]}],
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(files::volume(&spec)).unwrap(),
        json!({"name": "upsurge-files", "projected": {"sources": [
            {"configMap": {"name": "users", "optional": false, "items": [
                {"key": "b.csv", "path": "configmap/users/b.csv"},
                {"key": "a.csv", "path": "configmap/users/a.csv"}]}},
            {"secret": {"name": "keys", "optional": false, "items": [
                {"key": "tls.key", "path": "secret/keys/tls.key"}]}},
        ]}})
    );
}

#[test]
fn runners_are_told_by_which_authorities_they_know_the_collector() {
    let pod = pod(&built(&json!({})).job);
    let variables = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let value = |name: &str| {
        let found = variables.iter().find(|variable| variable["name"] == name);
        found.and_then(|variable| variable["value"].as_str()).unwrap_or_default().to_owned()
    };
    assert_eq!(value("UPSURGE_COLLECTOR_CA"), &*defaults().authorities);
    // As images of earlier releases understand it: they are told that they are too old.
    assert_eq!(value("UPSURGE_COLLECTOR_URL"), "http://collector:8080");
}
