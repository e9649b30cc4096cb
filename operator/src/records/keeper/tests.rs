// SPDX-License-Identifier: Apache-2.0
//! What is asked of an API server that is only played.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use upsurge_record::disk::decode;

use super::{lists::of_metadata, *};
use crate::{
    load_test_run::fixtures::{at, run},
    played::{Log, failure, server},
    records::fixtures::record,
};

fn list(items: &[Value]) -> (u16, Value) {
    let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "items": items});
    (200, list)
}

fn item(name: &str, annotations: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid of {name}"),
        "creationTimestamp": "2030-01-01T00:00:00Z", "annotations": annotations}})
}

/// What was asked for: the method, and the last part of the path.
fn asked(log: &Log) -> Vec<String> {
    let log = log.lock().unwrap();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    log.iter().map(|asked| format!("{} {}", asked.method, last(&asked.path))).collect()
}

/// A namespace with 65,000 bytes of records, and which of the two runs is to be kept.
fn full(kept: &'static str) -> (Client, Log) {
    server(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.ends_with("/records") => list(&[
            item(
                "old",
                &json!({"upsurge.dev/record-bytes": "60000", "upsurge.dev/record-verdict": "Passed"}),
            ),
            item(
                "failed",
                &json!({"upsurge.dev/record-bytes": "5000", "upsurge.dev/record-verdict": "Failed"}),
            ),
        ]),
        ("GET", _) => list(&[item(kept, &json!({"upsurge.dev/keep": "true"})), item("other", &json!({}))]),
        ("DELETE", _) => {
            (200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}))
        }
        _ => (200, asked.body.clone()),
    })
}

/// Packs and writes the record of a run.
async fn keep(keeper: &Keeper, run: &LoadTestRun) -> Result<(), KeepError> {
    let packed = keeper.pack(run, Arc::new(record(run))).await?;
    keeper.write(packed).await
}

fn limits(per_namespace: u64) -> Records {
    Records { per_namespace, ..Records::default() }
}

#[tokio::test]
async fn records_are_listed_once_and_each_is_written_by_one_request() {
    let (client, log) = full("none");
    let keeper = Keeper::new(client, Records::default());
    let run = run(&json!({}));
    for _ in 0..2 {
        keep(&keeper, &run).await.unwrap();
    }
    assert_eq!(asked(&log), ["GET records", "PATCH checkout-g1", "PATCH checkout-g1"]);
    let log = log.lock().unwrap();
    assert_eq!(log[1].path, "/apis/internal.upsurge.dev/v1alpha1/namespaces/shop/records/checkout-g1");
    let object: KeptRecord = serde_json::from_value(log[1].body.clone()).unwrap();
    assert_eq!(decode(&object.spec.data.0).unwrap(), record(&run));
    let owner = &object.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str()), ("LoadTestRun", "run-uid"));
    let held = of_metadata(&object.metadata, at(0));
    assert_eq!((held.bytes, held.has_passed), (object.spec.data.0.len() as u64, true));
    assert_eq!(object.spec.bytes, i64::try_from(object.spec.data.0.len()).unwrap());
}

#[tokio::test]
async fn room_is_made_by_what_tells_least_and_a_run_to_be_kept_keeps_its_record() {
    for (kept, gone) in [("none", "old"), ("old", "failed")] {
        let (client, log) = full(kept);
        let keeper = Keeper::new(client, limits(65_100));
        let run = run(&json!({}));
        keep(&keeper, &run).await.unwrap();
        let expected = ["GET records", "GET loadtestruns", &format!("DELETE {gone}"), "PATCH checkout-g1"]
            .map(str::to_owned);
        assert_eq!(asked(&log), expected);
        let listed = log.lock().unwrap()[1].path.clone();
        assert!(listed.ends_with("/namespaces/shop/loadtestruns"), "others give nothing: {listed}");
        let precondition = log.lock().unwrap()[2].body["preconditions"]["uid"].clone();
        assert_eq!(precondition, format!("uid of {gone}"));
    }
}

#[tokio::test]
async fn a_record_that_can_not_be_kept_says_why() {
    let (client, _) = server(|asked| match asked.method.as_str() {
        "GET" => list(&[]),
        _ => failure(403, "Forbidden"),
    });
    let run = run(&json!({}));
    let error = keep(&Keeper::new(client.clone(), Records::default()), &run).await.unwrap_err();
    assert!(error.to_string().ends_with(": because") && !error.is_lasting(), "{error}");
    let tiny = Records { per_run: 10, ..Records::default() };
    let error = keep(&Keeper::new(client.clone(), tiny), &run).await.unwrap_err();
    assert!(error.is_lasting() && error.to_string().contains("where 10 are allowed"), "{error}");
    let error = keep(&Keeper::new(client, limits(10)), &run).await.unwrap_err();
    assert!(matches!(error, KeepError::Full(_)) && error.is_lasting(), "{error}");
    assert!(error.to_string().ends_with("may take 10, of which those to be kept take 0"), "{error}");
    assert!(!Keeper::new(server(|_| list(&[])).0, Records { per_run: 0, ..Records::default() }).is_on());
}

#[tokio::test]
async fn only_namespaces_that_are_watched_are_listed() {
    let (client, log) = full("none");
    let namespaces = vec!["shop".to_owned(), "cart".to_owned()];
    let keeper = Keeper::new(client, Records { namespaces, ..Records::default() });
    let run = run(&json!({}));
    keep(&keeper, &run).await.unwrap();
    let log = log.lock().unwrap();
    let lists: Vec<&str> =
        log.iter().filter(|asked| asked.method == "GET").map(|asked| asked.path.as_str()).collect();
    let of = |namespace: &str| format!("/apis/internal.upsurge.dev/v1alpha1/namespaces/{namespace}/records");
    assert_eq!(lists, [of("shop"), of("cart")]);
}

#[tokio::test]
async fn a_namespace_that_is_gone_keeps_no_other_from_its_records() {
    for (gone, is_kept) in [("cart", true), ("shop", false)] {
        let (client, _) = server(move |asked| match asked.method.as_str() {
            "GET" if asked.path.contains(&format!("/namespaces/{gone}/")) => failure(403, "Forbidden"),
            "GET" => list(&[]),
            _ => (200, asked.body.clone()),
        });
        let namespaces = vec!["shop".to_owned(), "cart".to_owned()];
        let keeper = Keeper::new(client, Records { namespaces, ..Records::default() });
        let kept = keep(&keeper, &run(&json!({}))).await;
        assert_eq!(kept.is_ok(), is_kept, "{gone}: {kept:?}");
    }
}

#[tokio::test]
async fn who_finds_no_room_in_time_is_told_so_and_may_try_again() {
    let (client, _) = server(|_| list(&[]));
    let keeper =
        Keeper { longest_room: Duration::from_millis(20), ..Keeper::new(client, Records::default()) };
    // Another run has room made, which takes for ever.
    let alone = keeper.making_room.lock().await;
    let run = run(&json!({}));
    let Err(error) = keeper.pack(&run, Arc::new(record(&run))).await else { panic!("there was room") };
    assert!(matches!(error, KeepError::Slow) && !error.is_lasting(), "{error}");
    drop(alone);
    assert!(keeper.pack(&run, Arc::new(record(&run))).await.is_ok());
}

#[tokio::test]
async fn room_is_taken_up_before_the_record_is_written_and_given_back_if_it_is_not() {
    let (client, _) = server(|asked| match asked.method.as_str() {
        "GET" => list(&[]),
        _ => failure(500, "InternalError"),
    });
    let run = run(&json!({}));
    let bytes = fit(record(&run), 64 << 10).unwrap().len() as u64;
    let keeper = Keeper::new(client, limits(bytes));
    let has_room =
        || keeper.taken().clone().unwrap().take(Limits { namespace: bytes, all: bytes }, "shop", 1);
    let packed = keeper.pack(&run, Arc::new(record(&run))).await.unwrap();
    assert!(!has_room(), "else all runs that end at once find the same room");
    keeper.write(packed).await.unwrap_err();
    assert!(has_room());
}

#[test]
fn what_the_metadata_of_a_record_claim_harms_no_other() {
    let claimed =
        json!({"upsurge.dev/record-bytes": "18446744073709551615", "upsurge.dev/record-verdict": "Failed"});
    let mut metadata: ObjectMeta =
        serde_json::from_value(item("mine", &claimed)["metadata"].clone()).unwrap();
    assert_eq!(of_metadata(&metadata, at(0)).bytes, MOST_BYTES, "else all others would go to make room");
    assert!(!of_metadata(&metadata, at(0)).stays);
    metadata.deletion_timestamp = metadata.creation_timestamp.clone();
    assert!(of_metadata(&metadata, at(0)).stays, "a finalizer holds it, and to delete it gives no room");
}

#[tokio::test]
async fn a_record_that_has_to_go_to_a_store_stays_until_then_and_no_longer() {
    let (client, log) = full("none");
    let store = json!({"objectStore": {"url": "s3://runs", "secretRef": {"name": "store"}}});
    let run = run(&json!({"record": {"store": store, "deadline": "1h"}}));
    keep(&Keeper::new(client, Records::default()), &run).await.unwrap();
    let written = log.lock().unwrap()[1].body["metadata"].clone();
    let mut metadata: ObjectMeta = serde_json::from_value(written).unwrap();
    let now = Timestamp::now();
    let seconds = |seconds: u64| now.saturating_add(Duration::from_secs(seconds)).unwrap();
    metadata.creation_timestamp = Some(Time(now));
    assert!(of_metadata(&metadata, seconds(3_000)).awaits_store);
    assert!(!of_metadata(&metadata, seconds(3_700)).awaits_store);
    // Somebody has changed it.
    metadata
        .annotations
        .as_mut()
        .unwrap()
        .insert(annotations::RECORD_STORE_UNTIL.into(), "9000-01-01T00:00:00Z".into());
    assert!(!of_metadata(&metadata, seconds(25 * 3_600)).awaits_store);
}

#[tokio::test]
async fn only_the_record_of_this_very_run_counts() {
    for (owner, expected) in [("run-uid", true), ("an earlier run of that name", false)] {
        let (client, _) = server(move |_| {
            (
                200,
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "checkout-g1",
                "ownerReferences": [{"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "name": "checkout-g1", "uid": owner}]}}),
            )
        });
        let keeper = Keeper::new(client, Records::default());
        assert_eq!(keeper.has(&run(&json!({}))).await.unwrap(), expected, "{owner}");
    }
    let keeper = Keeper::new(server(|_| failure(404, "NotFound")).0, Records::default());
    assert!(!keeper.has(&run(&json!({}))).await.unwrap());
}
