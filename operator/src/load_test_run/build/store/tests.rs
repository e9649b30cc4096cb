// SPDX-License-Identifier: Apache-2.0
//! What is made to store a record.

use serde_json::{Value, json};

use super::*;
use crate::load_test_run::fixtures::run;

fn defaults() -> RunnerDefaults {
    RunnerDefaults {
        image: "upsurge/runner:1".into(),
        image_pull_policy: "IfNotPresent".into(),
        collector_url: "http://collector:8080".into(),
        authorities: "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n".into(),
        pods: Default::default(),
    }
}

fn built(store: &Value, kept: usize) -> Objects {
    let run = run(&json!({"record": {"store": store}, "runner": {"labels": {"team": "shop"}}}));
    let test = run.spec.test.as_ref().unwrap().read().unwrap();
    let wanted = Wanted {
        run: &run,
        test: &test,
        settings: test.record.as_ref().unwrap(),
        reach: ReachRules { blocked: vec!["10.0.0.0/8".into()], ..ReachRules::default() },
        kept: (0..kept).map(|number| format!("checkout-g{number}")).collect(),
        time: Duration::from_secs(1_800),
    };
    objects(&wanted, &defaults()).unwrap()
}

fn pod(objects: &Objects) -> Value {
    serde_json::to_value(&objects.job.spec.as_ref().unwrap().template).unwrap()
}

fn task(pod: &Value) -> StoreTask {
    let variables = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let task = variables.iter().find(|variable| variable["name"] == STORE_TASK_ENV).unwrap();
    serde_json::from_str(task["value"].as_str().unwrap()).unwrap()
}

fn object_store() -> Value {
    json!({"objectStore": {"url": "s3://runs/nightly", "secretRef": {"name": "load-test-store"}}})
}

fn claim() -> Value {
    json!({"persistentVolumeClaim": {"claimName": "records", "path": "a", "history": {"passed": {"count": 3}}}})
}

#[test]
fn a_pod_with_the_secret_of_the_test_puts_the_record_into_an_object_store() {
    let objects = built(&object_store(), 1);
    let pod = pod(&objects);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["envFrom"], json!([{"secretRef": {"name": "load-test-store", "optional": false}}]));
    assert_eq!(
        (&container["args"], &container["image"]),
        (&json!(["store-record"]), &json!("upsurge/runner:1"))
    );
    let expected = StorePlace::Object("s3://runs/nightly/shop/checkout/checkout-g1.record".into());
    let task = task(&pod);
    assert_eq!((task.place, task.reach.blocked), (expected, vec!["10.0.0.0/8".to_owned()]));
    let job = objects.job.spec.unwrap();
    assert_eq!((job.active_deadline_seconds, job.backoff_limit), (Some(1_800), Some(MOST_FAILURES)));
    let name = objects.job.metadata.name.unwrap();
    assert!(name.ends_with("-store") && objects.service_account.metadata.name == Some(name), "{pod}");
    assert_eq!(objects.job.metadata.owner_references.unwrap()[0].uid, "run-uid");
}

#[test]
fn a_pod_with_the_claim_of_the_test_puts_it_into_a_volume() {
    let objects = built(&claim(), 2);
    let pod = pod(&objects);
    assert_eq!(
        pod["spec"]["volumes"][1],
        json!({"name": "upsurge-store", "persistentVolumeClaim": {"claimName": "records", "readOnly": false}})
    );
    let mount = &pod["spec"]["containers"][0]["volumeMounts"][1];
    assert_eq!((&mount["mountPath"], &mount["readOnly"]), (&json!(STORE_DIRECTORY), &json!(false)));
    let StorePlace::File(file) = task(&pod).place else { panic!("no file") };
    assert_eq!(file.path, "a/shop/checkout/checkout-g1.record");
    assert!(file.history.is_some() && file.kept == ["checkout-g0", "checkout-g1"]);
}

#[test]
fn who_can_not_be_told_of_all_that_are_kept_takes_none_away() {
    let StorePlace::File(file) = task(&pod(&built(&claim(), MOST_KEPT + 1))).place else { panic!("no file") };
    assert!(file.history.is_none());
}

#[test]
fn the_pod_keeps_to_the_restricted_profile_and_is_let_in_as_runners_are() {
    let pod = pod(&built(&object_store(), 0));
    assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], json!(true));
    assert_eq!(
        pod["spec"]["containers"][0]["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
               "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(pod["spec"]["automountServiceAccountToken"], json!(false));
    assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/component"], "runner");
    assert_eq!(pod["metadata"]["labels"]["team"], "shop");
    assert_eq!(pod["metadata"]["annotations"]["upsurge.dev/run"], "checkout-g1");
}
