// SPDX-License-Identifier: Apache-2.0
//! Each field of `spec.runner` in the Job that is made of it.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    load_test_run::{build::objects, fixtures::plan},
    settings::RunnerDefaults,
};

/// The template of the pods that are made for `spec.runner`, where the platform team wants that.
fn rendered(runner: &Value, platform: Value) -> Value {
    let defaults = RunnerDefaults {
        image: "upsurge/runner:1".into(),
        image_pull_policy: "IfNotPresent".into(),
        collector_url: "http://collector:8080".into(),
        authorities: "".into(),
        pods: Arc::new(serde_json::from_value(platform).unwrap()),
    };
    let plan = plan(&json!({"runner": runner}));
    let job = objects(&plan, "checkout", &defaults, Some("app=checkout")).unwrap().job;
    serde_json::to_value(job.spec.unwrap().template).unwrap()
}

#[rstest]
#[case::labels(json!({"labels": {"team": "shop"}}), "/metadata/labels/team", json!("shop"))]
#[case::annotations(json!({"annotations": {"sidecar.istio.io/inject": "false"}}), "/metadata/annotations/sidecar.istio.io~1inject", json!("false"))]
#[case::node_affinity(json!({"affinity": {"nodeAffinity": {}}}), "/spec/affinity/nodeAffinity", json!({}))]
#[case::spread(json!({"topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]}),
    "/spec/topologySpreadConstraints", json!([{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]))]
#[case::env_from(json!({"envFrom": [{"configMapRef": {"name": "proxies"}, "prefix": "P_"}]}),
    "/spec/containers/0/envFrom", json!([{"configMapRef": {"name": "proxies"}, "prefix": "P_"}]))]
#[case::service_account(json!({"serviceAccountName": "load-test"}), "/spec/serviceAccountName", json!("load-test"))]
#[case::pod_security(json!({"securityContext": {"fsGroup": 2000}}), "/spec/securityContext",
    json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}}))]
#[case::container_security(json!({"containerSecurityContext": {"readOnlyRootFilesystem": false}}), "/spec/containers/0/securityContext",
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}))]
#[case::volumes(json!({"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}]}),
    "/spec/volumes/1", json!({"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}))]
#[case::mounts(json!({"volumes": [{"name": "scratch", "emptyDir": {}}], "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}),
    "/spec/containers/0/volumeMounts/1", json!({"name": "scratch", "mountPath": "/scratch"}))]
#[case::init_containers(json!({"initContainers": [{"name": "fetch", "image": "fetch:1", "restartPolicy": "Always"}]}), "/spec/initContainers",
    json!([{"name": "fetch", "image": "fetch:1", "restartPolicy": "Always", "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}}]))]
#[case::priority(json!({"priorityClassName": "load"}), "/spec/priorityClassName", json!("load"))]
#[case::scheduler(json!({"schedulerName": "other"}), "/spec/schedulerName", json!("other"))]
#[case::host_aliases(json!({"hostAliases": [{"ip": "192.0.2.7", "hostnames": ["shop.example"]}]}),
    "/spec/hostAliases", json!([{"ip": "192.0.2.7", "hostnames": ["shop.example"]}]))]
#[case::dns(json!({"dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}}), "/spec/dnsConfig", json!({"options": [{"name": "ndots", "value": "1"}]}))]
#[case::runtime(json!({"runtimeClassName": "gvisor"}), "/spec/runtimeClassName", json!("gvisor"))]
fn a_field_is_in_the_pod(#[case] runner: Value, #[case] pointer: &str, #[case] expected: Value) {
    let made = rendered(&runner, json!({}));
    assert_eq!(made.pointer(pointer), Some(&expected), "{made}");
    // It is there because of the field, and of nothing else.
    assert_ne!(rendered(&json!({}), json!({})).pointer(pointer), Some(&expected));
}

#[test]
fn variables_come_behind_those_of_the_operator() {
    let made = rendered(&json!({"env": [{"name": "WHO", "value": "$(UPSURGE_POD)"}]}), json!({}));
    let env = made["spec"]["containers"][0]["env"].as_array().unwrap();
    assert_eq!(env.last().unwrap(), &json!({"name": "WHO", "value": "$(UPSURGE_POD)"}));
    assert!(env.iter().any(|variable| variable["name"] == "UPSURGE_POD"), "{env:?}");
}

#[test]
fn what_the_operator_needs_stays_beside_what_a_test_adds() {
    let runner = json!({
        "labels": {"team": "shop"}, "volumes": [{"name": "token", "emptyDir": {}}],
        "volumeMounts": [{"name": "token", "mountPath": "/mine"}],
    });
    let made = rendered(&runner, json!({}));
    assert_eq!(made["metadata"]["labels"]["upsurge.dev/run"], "checkout-g1");
    assert_eq!(made["metadata"]["annotations"]["upsurge.dev/run"], "checkout-g1");
    assert_eq!(made["spec"]["volumes"][0]["name"], "upsurge-token");
    assert_eq!(made["spec"]["containers"][0]["volumeMounts"][0]["mountPath"], "/var/run/secrets/upsurge.dev");
    assert_eq!(made["spec"]["automountServiceAccountToken"], false);
}

#[test]
fn a_test_wins_over_the_platform_team_and_leaves_it_the_rest() {
    let platform = json!({
        "labels": {"team": "platform", "bill": "4711"}, "priorityClassName": "platform",
        "affinity": {"nodeAffinity": {}, "podAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway"}],
        "podSecurityContext": {"runAsUser": 7, "fsGroup": 7}, "securityContext": {"runAsUser": 8},
    });
    let own = json!({"preferredDuringSchedulingIgnoredDuringExecution": []});
    let runner = json!({
        "labels": {"team": "shop"}, "priorityClassName": "own", "affinity": {"podAffinity": own},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "securityContext": {"fsGroup": 9}, "initContainers": [{"name": "a", "image": "a"}],
    });
    let made = rendered(&runner, platform);
    assert_eq!(
        (&made["metadata"]["labels"]["team"], &made["metadata"]["labels"]["bill"]),
        (&json!("shop"), &json!("4711"))
    );
    let spec = &made["spec"];
    assert_eq!(spec["priorityClassName"], "own");
    assert_eq!((&spec["affinity"]["nodeAffinity"], &spec["affinity"]["podAffinity"]), (&json!({}), &own));
    assert!(
        spec["affinity"]["podAntiAffinity"].is_object(),
        "nobody said where runners should not be: {spec}"
    );
    assert_eq!(spec["topologySpreadConstraints"].as_array().unwrap().len(), 1);
    assert_eq!(spec["topologySpreadConstraints"][0]["topologyKey"], "zone");
    assert_eq!(
        spec["securityContext"],
        json!({"runAsUser": 7, "fsGroup": 9}),
        "the platform team's is taken whole"
    );
    assert_eq!(spec["initContainers"][0]["securityContext"], json!({"runAsUser": 8}));
}

#[test]
fn away_from_the_target_is_a_wish_that_a_test_can_turn_off() {
    let away = |runner: Value| rendered(&runner, json!({}))["spec"]["affinity"]["podAntiAffinity"].clone();
    let said = away(json!({})).to_string();
    assert!(said.contains("preferred") && said.contains("checkout") && !said.contains("required"), "{said}");
    assert_eq!(away(json!({"affinity": {"podAntiAffinity": {}}})), json!({}));
}
