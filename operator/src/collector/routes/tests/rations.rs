// SPDX-License-Identifier: Apache-2.0
//! How often the API server is asked because of what callers claim.

use kube::runtime::{reflector, watcher};

use super::*;
use crate::cache::Scope;

/// What the watch shows: a pod with that UID, which is runner 0.
fn seen(uid: &str) -> Cache {
    seen_all([("shop", uid)])
}

/// The same in several namespaces.
fn seen_all<'a>(pods: impl IntoIterator<Item = (&'a str, &'a str)>) -> Cache {
    let ((runs, _), (jobs, _), (store, mut writer)) =
        (reflector::store(), reflector::store(), reflector::store());
    for (namespace, uid) in pods {
        let pod = json!({"metadata": {"name": "checkout-1-0", "namespace": namespace, "uid": uid,
            "labels": {"batch.kubernetes.io/job-completion-index": "0"},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "checkout-1", "uid": "job"}]}});
        writer.apply_watcher_event(&watcher::Event::Apply(serde_json::from_value(pod).unwrap()));
    }
    let cache = Cache::default();
    cache.add(Arc::new(Scope::new(None, runs, jobs, store)));
    cache
}

/// A token that claims to be of a pod in a namespace; each number makes another one of it.
fn claiming(namespace: &str, pod: &str, number: usize) -> String {
    let mut claims = claims::tests::claims(pod);
    claims["exp"] = json!(Timestamp::now().as_second() + 3_600);
    claims["jti"] = json!(number);
    claims["kubernetes.io"]["namespace"] = json!(namespace);
    claims::tests::token(&claims)
}

#[tokio::test]
async fn made_up_tokens_shut_out_nobody_in_the_namespace_that_they_name() {
    let asked = Asked::default();
    let sessions = serving_seen(&asked, Value::Null, 1, seen("uid of checkout-1-0")).await;
    // Names can be guessed, and so can the run that is open; what can't be is the UID.
    let mut number = 0;
    loop {
        let token = claiming("shop", "stranger", number);
        let (status, _) = post(&sessions, "hello", &token, Body::empty()).await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        number += 1;
        assert!(number < 50_000, "strangers are not rationed");
    }
    // A runner with a token that nobody has seen yet.
    let body = Body::from(hello(0, "checkout-1-0").to_string());
    let (status, reply) = post(&sessions, "hello", &claiming("shop", "checkout-1-0", 9_999), body).await;
    assert_eq!(status, StatusCode::OK, "{reply}");
}

#[tokio::test]
async fn many_namespaces_together_make_no_flood_of_reviews() {
    let asked = Asked::default();
    let names: Vec<String> = (0..10).map(|number| format!("team-{number}")).collect();
    let cache = seen_all(names.iter().map(|name| (name.as_str(), "uid of checkout-1-0")));
    let sessions = serving_seen(&asked, Value::Null, 1, cache).await;
    let begun = std::time::Instant::now();
    for number in 0..500 {
        for name in &names {
            let token = claiming(name, "checkout-1-0", number);
            post_to(&sessions, &format!("{name}/any-1"), "hello", &token, Body::empty()).await;
        }
    }
    let most = 2_400 + 200 * usize::try_from(begun.elapsed().as_secs() + 1).unwrap();
    let all = count(&asked, "tokenreviews") + count(&asked, "loadtestruns");
    assert!(all <= most, "{all} questions for 5,000 tokens");
}

#[tokio::test]
async fn runs_that_are_made_up_are_looked_up_within_the_ration_and_others_go_on() {
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    let token = token("checkout-1-0");
    let begun = std::time::Instant::now();
    for number in 0..1_500 {
        post_to(&sessions, &format!("shop/none-{number}"), "hello", &token, Body::empty()).await;
    }
    let most = 600 + 50 * usize::try_from(begun.elapsed().as_secs() + 1).unwrap();
    let looks = count(&asked, "loadtestruns");
    assert!(looks > 0 && looks <= most, "{looks} looks at runs");
    let body = Body::from(hello(0, "checkout-1-0").to_string());
    assert_eq!(post(&sessions, "hello", &token, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_name_of_a_run_is_not_looked_up() {
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    let token = token("checkout-1-0");
    let long = format!("shop/{}", "a".repeat(254));
    for run in
        [&*long, "shop/queued-1%3Fwatch=true", "shop/..%2F..%2Fsecrets%2Fkey", "shop/..", "shop%2Fa/queued-1"]
    {
        let (status, _) = post_to(&sessions, run, "hello", &token, untouchable()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{run}");
    }
    assert_eq!((count(&asked, "loadtestruns"), count(&asked, "tokenreviews")), (0, 0));
    let (status, _) = post_to(&sessions, "shop/queued-1", "hello", &token, untouchable()).await;
    assert_eq!(
        (status, count(&asked, "loadtestruns")),
        (StatusCode::SERVICE_UNAVAILABLE, 1),
        "it opens later"
    );
    // A run that is only kept until its target is put back makes no load meanwhile.
    for run in ["gone-1", "restoring-1", "deleted-1"] {
        let (status, _) = post_to(&sessions, &format!("shop/{run}"), "hello", &token, untouchable()).await;
        assert_eq!(status, StatusCode::GONE, "{run}");
    }
}

#[tokio::test]
async fn a_pod_that_the_watch_shows_is_not_looked_up_and_one_that_came_in_its_place_is() {
    for (uid, expected) in [("uid of checkout-1-0", 0), ("uid of an earlier pod", 1)] {
        let asked = Asked::default();
        let sessions = serving_seen(&asked, Value::Null, 1, seen(uid)).await;
        let body = Body::from(hello(0, "checkout-1-0").to_string());
        let (status, reply) = post(&sessions, "hello", &token(&pod(0).name), body).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.iter().filter(|asked| asked.contains("/pods/")).count(), expected, "{asked:?}");
    }
}
