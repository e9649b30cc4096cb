// SPDX-License-Identifier: Apache-2.0
//! A test of scalability finds the contention and the coherency that the target is scripted with.
//!
//! Serial, because the operator gets more rights for it, and because what it measures is a matter of time.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{FittedResult, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    install, node,
    target::{self, Target},
    wait::seconds,
    with_temp_namespace,
};

/// The counts that are measured.
const COUNTS: [i32; 5] = [1, 2, 3, 5, 8];
/// How often each one is. In a simulation with 1 % of noise, 95 of 100 half-widths are at most 0.023 (α) and 0.0028 (β) with two, so a
/// third would only cost time.
const REPEATS: usize = 2;
/// What the target is scripted with: at 8 replicas each request takes 1.91 times as long as at one.
const CONTENTION: f64 = 0.05;
const COHERENCY: f64 = 0.01;
/// Requests per second of one pod: it does one at a time, each in 50 ms.
const OF_ONE: f64 = 20.0;

/// Forty users for each pod, who take a new connection to any pod every fourth request: by then they have found a new pod before the
/// measured time, and they wander too slowly for a pod to be without any within it. In twelve seconds of warm-up each pod has also learnt
/// how many there are, which a cluster's DNS keeps for up to ten.
fn test() -> Value {
    let replicas = json!({"counts": COUNTS, "levelPerReplica": 40, "repeats": REPEATS, "warmUp": "12s",
        "measure": "20s"});
    merged(
        // The longest line is twice the usual one, so it takes 8 s to answer all who wait in it.
        spec(json!({"scalability": {"replicas": replicas}, "gracefulStop": "20s"})),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            "http": {"connections": {"maxRequests": 4}},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}],
        }),
    )
}

/// That an interval holds the truth and is narrow enough.
fn ensure_found(what: &str, found: &FittedResult, truth: f64, narrow: f64) -> Result<()> {
    let (low, high): (f64, f64) = (found.low.parse()?, found.high.parse()?);
    ensure!((low..=high).contains(&truth), "{what} is {truth}: {found:?}");
    let half = (high - low) / 2.0;
    ensure!(half <= narrow, "{what} is off by up to {half}, at most {narrow} is asked for: {found:?}");
    Ok(())
}

async fn measured(context: &Context) -> Result<()> {
    let run = context.run("truth", test(), seconds(800)).await?;
    ensure_verdict(&run, Verdict::Passed, "ScalabilityMeasured")?;
    let found = *status(&run).scalability.context("nothing was found")?;
    println!("{}", serde_json::to_string(&found)?);
    ensure!(found.counts.len() == COUNTS.len() && found.unfitted.is_none(), "{found:?}");
    let usl = found.usl.context("no fit")?;
    ensure_found("contention", &usl.contention, CONTENTION, 0.03)?;
    ensure_found("coherency", &usl.coherency, COHERENCY, 0.004)?;
    let single: f64 = usl.single.estimate.parse()?;
    ensure!((single / OF_ONE - 1.0).abs() < 0.05, "one serves {single}/s of {OF_ONE}/s");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "eight minutes, and the operator gets more rights; intervals are tried by simulation (figures): make e2e-full"]
async fn scripted_contention_and_coherency_are_within_narrow_intervals() -> Result<()> {
    with_temp_namespace(async |context| {
        // Ready pods only, as the Service that is asked.
        let spec = json!({"clusterIP": "None", "selector": {"app": "target"}, "ports": [{"port": 8080}]});
        target::apply::<Service>(&context, "target-peers", json!({"spec": spec})).await?;
        let behaviour = json!({
            "latency": {"fixed": "50ms"}, "concurrencyLimit": {"max": 1, "overflow": "queue"},
            "peers": "target-peers", "contention": CONTENTION, "coherency": COHERENCY,
        });
        let target = Target::deploy(&context, behaviour).await?;
        target.autoscale(COUNTS[COUNTS.len() - 1]).await?;
        node::calm(&context.client).await?;
        install::with_pinning(&context.client, &context.namespace, async || measured(&context).await).await
    })
    .await
}
