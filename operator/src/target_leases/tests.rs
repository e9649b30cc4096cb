// SPDX-License-Identifier: Apache-2.0
//! Leases on an API server that is only played, with its optimistic locks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use futures::{FutureExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use upsurge_crds::{internal::TargetLeaseSpec, v1alpha1::Sharing};

use super::*;
use crate::played::{Asked, Log, failure, leading, server};

const TARGET: &str = "http://checkout.shop:8080";

fn claims() -> Vec<Claim> {
    vec![Claim { target: TARGET.into(), part: false }]
}

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(1_800_000_000 + second).unwrap())
}

/// Run `name` in namespace `shop`, made at a second.
fn user(name: &str, created: i64) -> TargetUser {
    TargetUser {
        namespace: "shop".into(),
        name: name.into(),
        uid: format!("uid of {name}"),
        created: at(created),
        since: at(created),
        sharing: Sharing::Exclusive,
        part: false,
    }
}

fn shared(name: &str) -> TargetUser {
    TargetUser { sharing: Sharing::Shared, ..user(name, 0) }
}

/// An API server that keeps objects by their path.
#[derive(Clone, Default)]
struct Cluster {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    version: Arc<AtomicU32>,
    /// So many writes find that somebody else was faster.
    conflicts: Arc<AtomicU32>,
}

impl Cluster {
    fn serve(&self) -> (Client, Log) {
        let cluster = self.clone();
        server(move |asked| cluster.answer(asked))
    }

    /// The leases as an operator that leads works with them.
    fn operator(&self) -> (TargetLeases, Log) {
        let (client, log) = self.serve();
        (TargetLeases::new(client, "upsurge-system", leading(7)), log)
    }

    fn answer(&self, Asked { method, path, body }: &Asked) -> (u16, Value) {
        let mut objects = self.objects.lock().unwrap();
        let is_write = method != "GET";
        let lost =
            self.conflicts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if is_write && lost.is_ok() {
            return failure(409, "Conflict");
        }
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        let known = objects.get(path).cloned();
        let kept = |name: &Value| {
            let mut kept = body.clone();
            let version = self.version.fetch_add(1, Ordering::SeqCst).to_string();
            kept["metadata"]["resourceVersion"] = json!(version);
            kept["metadata"]["uid"] = json!(format!("uid of {name}"));
            kept
        };
        match (method.as_str(), known) {
            ("GET", _) if path.ends_with("/targetleases") => {
                let items: Vec<&Value> = objects
                    .iter()
                    .filter(|(name, _)| name.contains("/targetleases/"))
                    .map(|(_, one)| one)
                    .collect();
                (
                    200,
                    json!({"apiVersion": "internal.upsurge.dev/v1alpha1", "kind": "TargetLeaseList",
                    "metadata": {}, "items": items}),
                )
            }
            ("GET", Some(object)) => (200, object),
            ("GET" | "PUT" | "DELETE", None) => failure(404, "NotFound"),
            ("POST", _) => {
                let name = &body["metadata"]["name"];
                let path = format!("{path}/{}", name.as_str().unwrap());
                if objects.contains_key(&path) {
                    return failure(409, "AlreadyExists");
                }
                objects.insert(path, kept(name));
                (201, kept(name))
            }
            ("PUT", Some(object)) if version(&object) == version(body) => {
                objects.insert(path.clone(), kept(&object["metadata"]["name"]));
                (200, body.clone())
            }
            ("DELETE", Some(object)) if version(&object) == body["preconditions"]["resourceVersion"] => {
                objects.remove(path);
                (200, object)
            }
            _ => failure(409, "Conflict"),
        }
    }

    /// A run is there, in this phase.
    fn run(&self, name: &str, status: Value) {
        let run = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid of {name}")},
            "spec": {"loadTestRef": {"name": "checkout"}}, "status": status});
        self.objects.lock().unwrap().insert(path(name), run);
    }

    fn without(&self, name: &str) {
        self.objects.lock().unwrap().remove(&path(name));
    }

    /// Somebody deletes the lease by hand.
    fn without_lease(&self) {
        self.objects.lock().unwrap().retain(|name, _| !name.contains("/targetleases/"));
    }

    fn lease(&self) -> Option<TargetLease> {
        let objects = self.objects.lock().unwrap();
        let found = objects.iter().find(|(name, _)| name.contains("/targetleases/"));
        found.map(|(_, lease)| serde_json::from_value(lease.clone()).unwrap())
    }
}

fn path(run: &str) -> String {
    format!("/apis/upsurge.dev/v1alpha1/namespaces/shop/loadtestruns/{run}")
}

async fn look(leases: &TargetLeases, user: &TargetUser) -> Next {
    leases.look(&claims(), user).await.unwrap().next
}

async fn take(leases: &TargetLeases, user: &TargetUser) {
    let Next::Free(lease) = look(leases, user).await else { panic!("{} can't have it", user.name) };
    leases.write(&lease).await.unwrap();
    assert_eq!(look(leases, user).await, Next::Held);
}

async fn queue(leases: &TargetLeases, user: &TargetUser) -> String {
    let Next::Busy { message, line } = look(leases, user).await else {
        panic!("{} need not wait", user.name)
    };
    if let Some(line) = line {
        leases.write(&line).await.unwrap();
    }
    message
}

fn runs_read(log: &Log) -> usize {
    log.lock().unwrap().iter().filter(|asked| asked.path.contains("/loadtestruns/")).count()
}

#[tokio::test]
async fn of_two_operators_only_one_gives_the_target_away() {
    let cluster = Cluster::default();
    let ((one, _), (other, _)) = (cluster.operator(), cluster.operator());
    cluster.run("first", json!({"phase": "Pending"}));
    cluster.run("second", json!({"phase": "Pending"}));
    let (first, second) = (user("first", 0), user("second", 1));
    // Both find the target free, and then that there is a lease whose line has nobody; only one writes first.
    let (Next::Free(mine), Next::Free(theirs)) = (look(&one, &first).await, look(&other, &second).await)
    else {
        panic!("not free")
    };
    one.write(&mine).await.unwrap();
    assert!(matches!(other.write(&theirs).await, Err(Error::Conflict(_))), "made twice");
    assert!(queue(&other, &second).await.contains("run shop/first has"));
    cluster.run("first", json!({"phase": "Finished"}));
    let (Next::Free(mine), Next::Free(theirs)) = (look(&one, &second).await, look(&other, &second).await)
    else {
        panic!("not free")
    };
    other.write(&theirs).await.unwrap();
    assert!(matches!(one.write(&mine).await, Err(Error::Conflict(_))), "written over");
    assert_eq!(cluster.lease().unwrap().spec.holders, [second]);
}

#[tokio::test]
async fn whoever_waits_reads_the_lease_and_nothing_else() {
    let cluster = Cluster::default();
    let (leases, log) = cluster.operator();
    leases.know_runs(None, |_, name| Some(Seen { uid: format!("uid of {name}"), is_finished: false }));
    take(&leases, &user("first", 0)).await;
    queue(&leases, &user("second", 1)).await;
    log.lock().unwrap().clear();
    queue(&leases, &user("second", 1)).await;
    let asked: Vec<String> = log.lock().unwrap().iter().map(|asked| asked.method.clone()).collect();
    assert_eq!(asked, ["GET"]);
    assert_eq!(runs_read(&log), 0);
}

#[tokio::test]
async fn a_run_is_taken_for_gone_only_when_the_api_server_says_so() {
    let cluster = Cluster::default();
    let (leases, log) = cluster.operator();
    take(&leases, &user("first", 0)).await;
    // The cache does not know it, or has it as finished, or as another one of that name.
    let cached = Arc::new(Mutex::new(None));
    leases.know_runs(None, {
        let cached = cached.clone();
        move |_, _| cached.lock().unwrap().clone()
    });
    let seen = |uid: &str, is_finished| Some(Seen { uid: uid.into(), is_finished });
    let second = user("second", 1);
    for told in [None, seen("uid of first", true), seen("another", false)] {
        *cached.lock().unwrap() = told;
        cluster.run("first", json!({"phase": "Running"}));
        queue(&leases, &second).await;
        cluster.run("first", json!({"phase": "Finished"}));
        assert!(matches!(look(&leases, &second).await, Next::Free(_)));
        cluster.without("first");
        assert!(matches!(look(&leases, &second).await, Next::Free(_)));
    }
    assert!(runs_read(&log) > 0);
}

#[tokio::test]
async fn a_lease_that_is_deleted_by_hand_frees_no_target_that_a_run_still_has() {
    let cluster = Cluster::default();
    cluster.run("first", json!({"phase": "Running"}));
    let ((leases, _), (later, _)) = (cluster.operator(), cluster.operator());
    take(&leases, &user("first", 0)).await;
    // One that began to lead later knows it by the run, which is under way.
    later.adopt(&claims(), &user("first", 0));
    for operator in [&leases, &later] {
        cluster.without_lease();
        let told = queue(operator, &user("second", 1)).await;
        assert!(told.contains("shop/first"), "{told}");
        let TargetLeaseSpec { holders, waiting, .. } = cluster.lease().unwrap().spec;
        let names = |users: &[TargetUser]| users.iter().map(|user| user.name.clone()).collect::<Vec<_>>();
        assert_eq!((names(&holders), names(&waiting)), (vec!["first".into()], vec!["second".into()]));
        assert_eq!(look(operator, &user("first", 0)).await, Next::Held);
        operator.leave(&claims(), "uid of first", None).await.unwrap();
        assert!(matches!(look(operator, &user("second", 1)).await, Next::Free(_)));
    }
}

#[tokio::test]
async fn a_run_that_can_not_be_read_is_waited_for_until_it_is_deleted() {
    let cluster = Cluster::default();
    let (leases, _) = cluster.operator();
    take(&leases, &user("first", 0)).await;
    cluster.run("first", json!({"phase": "APhaseOfALaterRelease"}));
    let told = queue(&leases, &user("second", 1)).await;
    assert!(told.contains("shop/first"), "{told}");
    leases.sweep().await.unwrap();
    assert!(matches!(look(&leases, &user("second", 1)).await, Next::Busy { .. }));
    cluster.without("first");
    assert!(matches!(look(&leases, &user("second", 1)).await, Next::Free(_)));
}

#[tokio::test]
async fn a_run_of_a_namespace_that_is_not_watched_any_more_holds_up_nobody() {
    let cluster = Cluster::default();
    let (leases, _) = cluster.operator();
    cluster.run("first", json!({"phase": "Running"}));
    take(&leases, &user("first", 0)).await;
    leases.know_runs(Some("billing".into()), |_, _| None);
    assert!(matches!(look(&leases, &user("second", 1)).await, Next::Free(_)));
}

#[tokio::test]
async fn the_next_one_is_woken_and_an_idle_lease_is_deleted() {
    let cluster = Cluster::default();
    let (leases, _) = cluster.operator();
    ["first", "second", "third"].iter().for_each(|name| cluster.run(name, json!({"phase": "Pending"})));
    let mut freed = Box::pin(leases.freed());
    take(&leases, &user("first", 0)).await;
    queue(&leases, &user("third", 2)).await;
    queue(&leases, &user("second", 1)).await;
    // However often others write it meanwhile.
    cluster.conflicts.store(3, Ordering::SeqCst);
    leases.leave(&claims(), "uid of first", None).await.unwrap();
    assert_eq!(freed.next().now_or_never().flatten(), Some(RunKey::new("shop", "second")));
    assert_eq!(freed.next().now_or_never().flatten(), None, "the third has to wait");
    take(&leases, &user("second", 1)).await;
    for name in ["third", "second"] {
        assert!(cluster.lease().is_some());
        leases.leave(&claims(), &format!("uid of {name}"), None).await.unwrap();
    }
    assert_eq!(cluster.lease(), None);
    leases.leave(&claims(), "uid of second", None).await.unwrap();
}

#[tokio::test]
async fn a_leader_clears_up_after_runs_of_whose_end_nobody_heard() {
    let cluster = Cluster::default();
    let (leases, _) = cluster.operator();
    let (gone, stays) = (shared("gone"), shared("stays"));
    ["gone", "stays"].iter().for_each(|name| cluster.run(name, json!({"phase": "Running"})));
    take(&leases, &gone).await;
    take(&leases, &stays).await;
    leases.sweep().await.unwrap();
    assert_eq!(cluster.lease().unwrap().spec.holders.len(), 2);
    let (start, end) = (at(10), at(30));
    cluster.run("gone", json!({"phase": "Finished", "startTime": start, "loadEndTime": end}));
    leases.sweep().await.unwrap();
    assert_eq!(cluster.lease().unwrap().spec.holders, std::slice::from_ref(&stays));
    // Its load is not forgotten.
    let company = leases.company(&claims(), &stays.uid, (at(20).0, at(50).0)).await.unwrap();
    let expected = Company { namespace: "shop".into(), name: "gone".into(), from: at(20), until: end };
    assert_eq!(company, [expected]);
    cluster.without("stays");
    leases.sweep().await.unwrap();
    assert_eq!(cluster.lease(), None);
}

#[tokio::test]
async fn company_is_known_by_the_loads_of_runs_that_go_on() {
    let cluster = Cluster::default();
    let (leases, _) = cluster.operator();
    ["me", "idle", "loud"].iter().for_each(|name| cluster.run(name, json!({"phase": "Preparing"})));
    for name in ["me", "idle", "loud"] {
        take(&leases, &shared(name)).await;
    }
    cluster.run("loud", json!({"phase": "Running", "startTime": at(40)}));
    let company = leases.company(&claims(), "uid of me", (at(20).0, at(50).0)).await.unwrap();
    let names: Vec<&str> = company.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["loud"], "the other one has made no load");
}

#[tokio::test]
async fn an_operator_that_does_not_lead_writes_nothing() {
    let cluster = Cluster::default();
    let (leases, _) = cluster.operator();
    cluster.run("first", json!({"phase": "Running"}));
    take(&leases, &user("first", 0)).await;
    let before = cluster.lease();
    let (client, _) = cluster.serve();
    let standby = TargetLeases::new(client, "upsurge-system", Fence::default());
    let left = standby.leave(&claims(), "uid of first", None).await;
    assert!(matches!(left, Err(Error::NotLeading(_))));
    cluster.without("first");
    assert!(matches!(standby.sweep().await, Err(Error::NotLeading(_))));
    let Next::Free(lease) = look(&standby, &user("second", 1)).await else { panic!() };
    assert!(matches!(standby.write(&lease).await, Err(Error::NotLeading(_))));
    assert_eq!(cluster.lease(), before);
}
