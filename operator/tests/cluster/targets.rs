// SPDX-License-Identifier: Apache-2.0
//! Leases on targets: several operators at once, each of which believes that it leads.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kube::{ResourceExt as _, api::ListParams};
use serde_json::json;
use tokio::sync::Mutex;
use upsurge_core::target_lease::Claim;
use upsurge_crds::{
    LoadTestRun,
    internal::{TargetLease, TargetUser},
    v1alpha1::Sharing,
};
use upsurge_operator::{
    fence::Fence,
    target_leases::{Error, Next, TargetLeases},
};

use crate::space::{Space, until, with_kinds, without_kinds};

/// The leases as an operator works with them.
fn operator(space: &Space) -> TargetLeases {
    let fence = Fence::default();
    fence.held(1, Instant::now() + Duration::from_secs(3_600));
    TargetLeases::new(space.client.clone(), &space.name, fence)
}

async fn run(space: &Space, name: &str) -> TargetUser {
    let run: LoadTestRun = space
        .create(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
            "metadata": {"name": name}, "spec": {"loadTestRef": {"name": "checkout"}},
        }))
        .await;
    let created = run.creation_timestamp().unwrap();
    let (namespace, uid) = (space.name.clone(), run.uid().unwrap());
    let since = created.clone();
    TargetUser { namespace, name: name.into(), uid, created, since, sharing: Sharing::Exclusive, part: false }
}

/// Takes the target as soon as it can be had, and leaves it again.
async fn visit(leases: &TargetLeases, claims: &[Claim], me: &TargetUser, inside: &Mutex<u32>) {
    until("the target", || async {
        let write = match leases.look(claims, me).await.unwrap().next {
            Next::Held => return Some(()),
            Next::Free(lease) => Some(lease),
            Next::Busy { line, .. } => line,
        };
        if let Some(lease) = write {
            match leases.write(&lease).await {
                Ok(()) | Err(Error::Conflict(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        None
    })
    .await;
    {
        let mut visits = inside.try_lock().expect("two runs have the target");
        *visits += 1;
        // The others may look meanwhile.
        leases.look(claims, me).await.unwrap();
    }
    leases.leave(claims, &me.uid, None).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn runs_of_several_operators_have_the_target_one_after_the_other() {
    let space = Space::new("targets").await;
    let made = with_kinds(&space.client).await;
    let claims = ["Deployment.apps shop/checkout", "http://checkout.shop:80"]
        .map(|target| Claim { target: target.into(), part: false });
    let inside = Mutex::new(0);
    let operators: Vec<TargetLeases> = (0..3).map(|_| operator(&space)).collect();
    let mut runs = Vec::new();
    for number in 0..9 {
        runs.push(run(&space, &format!("run-{number}")).await);
    }
    let visits = runs.iter().zip(operators.iter().cycle());
    join_all(visits.map(|(run, leases)| visit(leases, &claims, run, &inside))).await;
    assert_eq!(*inside.lock().await, 9);
    let left = space.api::<TargetLease>().list(&ListParams::default()).await.unwrap();
    assert!(left.items.is_empty(), "{:?}", left.items);

    // One that was deleted before it could leave holds up nobody.
    let (leases, gone) = (&operators[0], run(&space, "gone").await);
    while let Next::Free(lease) = leases.look(&claims, &gone).await.unwrap().next {
        leases.write(&lease).await.unwrap();
    }
    space.api::<LoadTestRun>().delete("gone", &Default::default()).await.unwrap();
    visit(&operators[1], &claims, &run(&space, "next").await, &inside).await;
    leases.sweep().await.unwrap();
    without_kinds(&space.client, made).await;
    space.end().await;
}
