// SPDX-License-Identifier: Apache-2.0
//! What a candidate reads from the lease of another one, and writes into its own: against an API server in miniature.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, http::Method};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

const THERE: &str = "10.0.0.1:8080";
const HERE: &str = "[fd00::2]:8080";

/// One lease, which is given and replaced whatever is asked.
type Server = Arc<Mutex<Value>>;

/// How often it was asked for.
fn times_asked(server: &Server) -> i64 {
    server.lock().unwrap()["asked"].as_i64().unwrap_or_default()
}

async fn answer(State(server): State<Server>, method: Method, body: String) -> Json<Value> {
    let mut lease = server.lock().unwrap();
    if method == Method::PUT {
        *lease = serde_json::from_str(&body).unwrap();
    }
    let shown = lease.clone();
    lease["asked"] = json!(shown["asked"].as_i64().unwrap_or_default() + 1);
    Json(shown)
}

async fn candidate(lease: Value) -> (Candidate, Server) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::new(Mutex::new(lease));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(server.clone());
    drop(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
    let candidate = Candidate::new(client, "upsurge-system", "upsurge", "me".into(), Fence::default());
    (candidate.serving(HERE.parse().ok(), Leader::default()), server)
}

fn held_by(holder: &str, address: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "upsurge", "resourceVersion": "7", "annotations": {"upsurge.dev/collector-address": address}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
    })
}

#[tokio::test]
async fn one_that_stands_by_knows_where_the_leader_is_until_that_falls_silent() {
    let (mut candidate, _server) = candidate(held_by("other", THERE)).await;
    assert_eq!(candidate.attempt().await.unwrap(), Step::Yield);
    assert_eq!(candidate.leader.get(), THERE.parse().ok());
    let earlier = Instant::now().checked_sub(RENEWAL_DEADLINE).unwrap();
    candidate.seen = Some(("7".into(), earlier));
    assert_eq!(candidate.attempt().await.unwrap(), Step::Yield);
    assert_eq!(candidate.leader.get(), None, "it has given up by now");
}

#[tokio::test]
async fn nobody_is_led_to_the_one_that_asks() {
    // The pod of that address is gone, and the address was given to this one.
    let (mut candidate, _server) = candidate(held_by("other", HERE)).await;
    assert_eq!(candidate.attempt().await.unwrap(), Step::Yield);
    assert_eq!(candidate.leader.get(), None);
}

#[tokio::test]
async fn who_takes_the_lease_writes_its_own_address_into_it() {
    for (holder, expected) in [("", Step::Acquire), ("me", Step::Renew)] {
        let (mut candidate, server) = candidate(held_by(holder, THERE)).await;
        assert_eq!(candidate.attempt().await.unwrap(), expected);
        let written: Lease = serde_json::from_value(server.lock().unwrap().clone()).unwrap();
        assert_eq!(leader::read(&written), HERE.parse().ok());
        assert_eq!(candidate.leader.get(), None, "it leads itself");
    }
}

#[tokio::test]
async fn who_stood_by_before_it_took_the_lease_is_told_from_who_took_it_at_once() {
    let stop = CancellationToken::new();
    let (mut first, _server) = candidate(held_by("", THERE)).await;
    assert_eq!(first.acquire(&stop).await, Some(Acquired::AtOnce));
    let (mut second, server) = candidate(held_by("other", THERE)).await;
    let given_back = async {
        while times_asked(&server) < 1 {
            tokio::task::yield_now().await;
        }
        server.lock().unwrap()["spec"]["holderIdentity"] = json!("");
    };
    assert_eq!(tokio::join!(second.acquire(&stop), given_back).0, Some(Acquired::AfterStandingBy));
    stop.cancel();
    let (mut third, _server) = candidate(held_by("other", THERE)).await;
    assert_eq!(third.acquire(&stop).await, None);
}
