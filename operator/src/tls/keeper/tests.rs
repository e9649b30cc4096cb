// SPDX-License-Identifier: Apache-2.0
//! Replicas that keep authorities in a Secret of an API server that is played.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::{
    metrics::Metrics,
    played::{Asked, Log, failure, leading, server},
    tls::served::tests::greet,
};

const LIFETIME: Duration = Duration::from_secs(3 * 3_600);
const PERIOD: SignedDuration = SignedDuration::from_hours(1);

const NAME: &str = "upsurge-collector.tools.svc";

/// The Secret, as an API server keeps it.
type Kept = Arc<Mutex<Option<Value>>>;

fn answer(kept: &Kept, asked: &Asked) -> (u16, Value) {
    let mut kept = kept.lock().unwrap();
    assert_eq!(asked.path, "/api/v1/namespaces/tools/secrets/upsurge-collector-tls");
    let version = |secret: &Value| secret["metadata"]["resourceVersion"].clone();
    match asked.method.as_str() {
        "GET" => kept.clone().map_or_else(|| failure(404, "NotFound"), |secret| (200, secret)),
        "PATCH" => {
            let mut new = asked.body.clone();
            let (before, given) = (kept.as_ref().map(version), version(&new));
            if !given.is_null() && before.as_ref() != Some(&given) {
                return failure(409, "Conflict");
            }
            let number: u32 = before.and_then(|version| version.as_str()?.parse().ok()).unwrap_or(0);
            new["metadata"]["resourceVersion"] = json!((number + 1).to_string());
            *kept = Some(new.clone());
            (200, new)
        }
        other => panic!("{other} is not granted"),
    }
}

struct Replica {
    keeper: Keeper,
    served: Served,
    log: Log,
}

impl Replica {
    fn new(kept: &Kept, fence: Fence) -> Self {
        let kept = kept.clone();
        let (client, log) = server(move |asked| answer(&kept, asked));
        let served = Served::new(Metrics::default());
        let names = Names { host: NAME.into(), address: None };
        let place = ("tools", "upsurge-collector-tls");
        let keeper = Keeper::new(client, place, names, LIFETIME, fence, served.clone());
        Self { keeper, served, log }
    }

    async fn look(&mut self, now: Timestamp) -> Result<(), String> {
        self.keeper.look(now).await.map_err(|error| chain(&error))
    }

    /// Shows its certificate to a runner that was told these authorities.
    fn greets(&self, told: &str) {
        greet(&self.served, told, NAME).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The authority that signed what is shown.
    fn current(&self) -> String {
        self.keeper.known.as_ref().unwrap().current.certificate().to_owned()
    }

    fn writes(&self) -> usize {
        self.log.lock().unwrap().iter().filter(|asked| asked.method == "PATCH").count()
    }
}

fn spoil(kept: &Kept, key: &str) {
    kept.lock().unwrap().as_mut().unwrap()["data"][key] = json!("bm9uc2Vuc2U=");
    let mut kept = kept.lock().unwrap();
    kept.as_mut().unwrap()["metadata"]["resourceVersion"] = json!("77");
}

#[tokio::test]
async fn the_leader_makes_them_and_the_standby_shows_the_same() {
    let (kept, now) = (Kept::default(), Timestamp::now());
    let (mut leader, mut standby) = (Replica::new(&kept, leading(1)), Replica::new(&kept, Fence::default()));
    let awaited = standby.look(now).await.unwrap_err();
    assert!(awaited.contains("upsurge-collector-tls is not there yet"), "{awaited}");
    assert!(kept.lock().unwrap().is_none() && standby.served.authorities().is_err());
    leader.look(now).await.unwrap();
    standby.look(now).await.unwrap();
    assert_eq!(leader.current(), standby.current());
    let told = leader.served.authorities().unwrap();
    assert_eq!(told, standby.served.authorities().unwrap());
    assert_eq!(told.matches("BEGIN CERTIFICATE").count(), 2);
    for minute in 1..50 {
        let later = now + SignedDuration::from_mins(minute);
        leader.look(later).await.unwrap();
        standby.look(later).await.unwrap();
    }
    assert_eq!((leader.writes(), standby.writes()), (1, 0), "what is as it should be is not written again");
}

#[tokio::test]
async fn the_leader_rotates_and_the_standby_follows() {
    let (kept, now) = (Kept::default(), Timestamp::now());
    let (mut leader, mut standby) = (Replica::new(&kept, leading(1)), Replica::new(&kept, Fence::default()));
    leader.look(now).await.unwrap();
    standby.look(now).await.unwrap();
    let (first, told) = (leader.current(), leader.served.authorities().unwrap());
    let due = now + PERIOD;
    standby.look(due).await.unwrap();
    assert_eq!(standby.current(), first, "it is not for a standby to rotate");
    leader.look(due).await.unwrap();
    assert_ne!(leader.current(), first);
    let told_later = leader.served.authorities().unwrap();
    for replica in [&leader, &standby] {
        // The one shows the new certificate, the other still the old one; old and new runners take both.
        replica.greets(&told);
        replica.greets(&told_later);
    }
    standby.look(due).await.unwrap();
    assert_eq!(standby.current(), leader.current());
    standby.greets(&told);
}

#[tokio::test]
async fn what_is_taken_away_or_spoilt_is_written_back_and_cuts_off_nobody() {
    let (kept, now) = (Kept::default(), Timestamp::now());
    let mut leader = Replica::new(&kept, leading(1));
    leader.look(now).await.unwrap();
    let (whole, current) = (kept.lock().unwrap().clone().unwrap()["data"].clone(), leader.current());
    kept.lock().unwrap().take();
    leader.look(now).await.unwrap();
    assert_eq!(kept.lock().unwrap().as_ref().unwrap()["data"], whole);
    for key in ["current.crt", "next.key"] {
        spoil(&kept, key);
        // One that does not lead goes on showing what it knows, and says what is wrong.
        let mut standby = Replica::new(&kept, Fence::default());
        standby.keeper.known = leader.keeper.known.clone();
        assert!(standby.look(now).await.unwrap_err().contains("for the operator that leads"));
        leader.look(now).await.unwrap();
        assert_eq!(kept.lock().unwrap().as_ref().unwrap()["data"], whole, "{key}");
    }
    assert_eq!(leader.current(), current);
    // A leader that remembers nothing begins anew.
    spoil(&kept, "current.key");
    let mut other = Replica::new(&kept, leading(2));
    other.look(now).await.unwrap();
    assert_ne!(other.current(), current);
    leader.look(now).await.unwrap();
    assert_eq!(leader.current(), other.current(), "what another leader wrote counts");
}

#[tokio::test]
async fn an_operator_that_lost_its_lease_writes_nothing() {
    let (kept, now) = (Kept::default(), Timestamp::now());
    let fence = leading(1);
    let mut deposed = Replica::new(&kept, fence.clone());
    deposed.look(now).await.unwrap();
    fence.lose();
    let current = deposed.current();
    deposed.look(now + PERIOD).await.unwrap();
    assert_eq!((deposed.current(), deposed.writes()), (current, 1));
}

#[tokio::test]
async fn what_was_written_meanwhile_is_not_written_over() {
    let (kept, now) = (Kept::default(), Timestamp::now());
    let mut leader = Replica::new(&kept, leading(1));
    leader.look(now).await.unwrap();
    let look = leader.keeper.store.look().await.unwrap();
    kept.lock().unwrap().as_mut().unwrap()["metadata"]["resourceVersion"] = json!("99");
    let refused = leader.keeper.write(Step::Rotate, look, now).await.unwrap_err();
    assert!(chain(&refused).contains("failed to write Secret upsurge-collector-tls"), "{refused}");
    leader.look(now + PERIOD).await.unwrap();
    assert_eq!(kept.lock().unwrap().as_ref().unwrap()["metadata"]["resourceVersion"], "100");
}

#[tokio::test]
async fn a_secret_that_may_not_be_read_is_told_to_who_asks_what_runners_are_told() {
    let (client, _) = server(|_| failure(403, "Forbidden"));
    let served = Served::new(Metrics::default());
    let names = Names { host: "collector".into(), address: None };
    let keeper = Keeper::new(client, ("tools", "mine"), names, LIFETIME, leading(1), served.clone());
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(keeper.keep(stop.clone()));
    let told = async {
        loop {
            match served.authorities() {
                Err(problem) if problem.contains("failed to read Secret mine") => return problem,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let problem = tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    assert!(problem.contains("because"), "{problem}");
    stop.cancel();
    keeping.await.unwrap();
}
