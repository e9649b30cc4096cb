// SPDX-License-Identifier: Apache-2.0
//! Searches for capacities that are known: alone, as what they find is a matter of time. (That one that is killed repeats no probe is in
//! `capacity`.)

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use upsurge_crds::v1alpha1::{EpochOutcome, Verdict};
use upsurge_e2e::{
    Context,
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    node,
    target::Target,
    wait::seconds,
    with_temp_namespace,
};

/// Seconds for which each request has one of the slots. At a rate that is 2 % below the capacity a slot is free for 16 ms before it is
/// needed again, so that a machine that is late by less spoils nothing.
const SERVICE_TIME: f64 = 0.8;
/// Most probes of a search.
const MOST: usize = 12;

/// Searches for the capacity of a target with so many slots, which is as many in each service time.
async fn found(context: &Context, slots: u32) -> Result<()> {
    let name = format!("target-{slots}");
    let latency = json!({"fixed": format!("{}ms", SERVICE_TIME * 1e3)});
    let behaviour = json!({"latency": latency, "concurrencyLimit": {"max": slots, "overflow": "reject"}});
    Target::deploy_as(context, &name, behaviour).await?;
    let capacity = json!({"find": "MaxRate", "from": 15, "to": 120, "within": 3, "repeats": 1,
        "warmUp": "2s", "measure": "6s"});
    let test = merged(
        spec(json!({"capacity": capacity, "gracefulStop": "2s"})),
        json!({
            "target": {"baseURL": format!("http://{name}:8080"), "workloads": [{"name": name}]},
            // Of what is above the capacity, each one is refused.
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}],
        }),
    );
    let run = context.run(&format!("search-{slots}"), test, seconds(300)).await?;
    ensure_verdict(&run, Verdict::Passed, "CapacityFound")?;
    let status = status(&run);
    let told = status.capacity.context("no capacity")?;
    let number = |level: &Option<String>| -> Result<f64> {
        Ok(level.as_ref().with_context(|| format!("{told:?}"))?.parse()?)
    };
    let (level, failed) = (number(&told.level)?, number(&told.failed_level)?);
    let truth = f64::from(slots) / SERVICE_TIME;
    ensure!((level / truth - 1.0).abs() <= 0.05, "{level}/s of {truth}/s: {:?}", status.epochs);
    ensure!(failed > level && failed <= level * 1.031, "{told:?}");
    ensure!(told.contradictions.is_empty(), "{told:?}");
    let probes = status.epochs.len();
    ensure!(probes <= MOST && usize::try_from(told.probes) == Ok(probes), "{told:?}: {:?}", status.epochs);
    let answered =
        |outcome: Option<EpochOutcome>| matches!(outcome, Some(EpochOutcome::Passed | EpochOutcome::Failed));
    ensure!(status.epochs.iter().all(|epoch| answered(epoch.outcome)), "{:?}", status.epochs);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two minutes, alone; on noisy targets in memory too (figures::search::tests): make e2e-full"]
async fn three_of_three_scripted_capacities_are_found_within_a_twentieth() -> Result<()> {
    with_temp_namespace(async |context| {
        node::calm(&context.client).await?;
        // Side by side: they wait, and use next to nothing.
        tokio::try_join!(found(&context, 32), found(&context, 40), found(&context, 50))?;
        Ok(())
    })
    .await
}
