// SPDX-License-Identifier: Apache-2.0
//! A search for a capacity on a cluster: several loads, one after the other, by the same runners.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{EpochOutcome, LoadTestRunStatus, Verdict},
};
use upsurge_e2e::{
    api::{ensure_verdict, status},
    fixtures::{merged, spec},
    operator::{self, Kill},
    target::Target,
    wait::{self, seconds},
    whole::Made,
    with_temp_namespace,
};

/// Two requests at a time, of 55 ms each: 36 in a second.
fn behaviour() -> Value {
    json!({"latency": {"fixed": "55ms"}, "concurrencyLimit": {"max": 2, "overflow": "reject"}})
}

/// A search in levels of 20, 30, 45, 67.5 and 80 iterations per second, each for so many seconds.
fn search(measure: u32, runners: u32) -> Value {
    let capacity = json!({"find": "MaxRate", "from": 20, "to": 80, "within": 50, "repeats": 1,
        "measure": format!("{measure}s")});
    merged(
        spec(json!({"capacity": capacity, "gracefulStop": "1s"})),
        json!({
            "target": {"workloads": [{"name": "target"}]},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 5%"}],
            "runner": {"parallelism": runners},
        }),
    )
}

fn probes(status: &LoadTestRunStatus) -> Vec<(i32, String, Option<EpochOutcome>)> {
    status.epochs.iter().map(|epoch| (epoch.number, epoch.level.clone(), epoch.outcome)).collect()
}

fn expected() -> Vec<(i32, String, Option<EpochOutcome>)> {
    let probe =
        |(number, level, outcome): (i32, &str, EpochOutcome)| (number, level.to_owned(), Some(outcome));
    let all =
        [(1, "20", EpochOutcome::Passed), (2, "30", EpochOutcome::Passed), (3, "45", EpochOutcome::Failed)];
    all.map(probe).to_vec()
}

/// Checks the answer, and that the target saw the load of each probe once.
async fn ensure_found(run: &LoadTestRun, target: &Target, planned: u64) -> Result<()> {
    ensure_verdict(run, Verdict::Passed, "CapacityFound")?;
    let status = status(run);
    ensure!(probes(&status) == expected(), "{:?}", status.epochs);
    let capacity = status.capacity.clone().context("no capacity")?;
    ensure!(
        capacity.level.as_deref() == Some("30") && capacity.failed_level.as_deref() == Some("45"),
        "{capacity:?}"
    );
    let limit = capacity.limit.as_deref();
    ensure!(limit == Some("http_req_failed{stage:measure} rate < 5%"), "{limit:?}");
    ensure!(status.thresholds.iter().all(|threshold| threshold.passed), "those of the probe at the capacity");
    ensure!(status.runners.iter().all(|runner| runner.state == "Completed"), "{:?}", status.runners);
    let received = target.stats().await?.received;
    ensure!(received == planned, "the target has seen {received} requests, {planned} were planned");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_the_target_carries_and_what_each_replica_does() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, behaviour()).await?;
        let made = Made::watch(&context);
        let run = context.run("capacity", search(2, 2), seconds(120)).await?;
        ensure_found(&run, &target, 2 * (20 + 30 + 45)).await?;
        let capacity = status(&run).capacity.context("no capacity")?;
        let each: Vec<(&str, i32, &str)> = capacity
            .workloads
            .iter()
            .map(|one| (one.name.as_str(), one.replicas, one.per_replica.as_str()))
            .collect();
        ensure!(each == [("target", 1, "30")], "{each:?}: {:?}", status(&run).epochs);
        // The runners stayed up.
        made.ensure_once(2)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "three kills with nothing beside them, and decided in memory too (session::tests::epochs): make e2e-full"]
async fn killed_at_each_probe_a_search_repeats_none() -> Result<()> {
    with_temp_namespace(async |context| {
        let target = Target::deploy(&context, behaviour()).await?;
        let made = Made::watch(&context);
        let run = context.start("killed", search(10, 2)).await?;
        for finished in 0..3 {
            let pod = operator::leader(&context.client).await?;
            let over = |run: &LoadTestRun| {
                let epochs = status(run).epochs;
                let done = epochs.iter().filter(|epoch| epoch.outcome.is_some()).count();
                done >= finished && (finished > 0 || epochs.iter().any(|epoch| epoch.start_time.is_some()))
            };
            let runs = context.api::<LoadTestRun>();
            wait::until(&runs, &run, "has so many probes behind it", seconds(120), over).await?;
            operator::kill(&context.client, &pod, Kill::Process).await?;
        }
        let run = context.finished(&run, seconds(240)).await?;
        ensure_verdict(&run, Verdict::Passed, "CapacityFound")?;
        let status = status(&run);
        // Of a probe in which nobody looked for a moment nothing is known, so it is measured again. What is decided is not.
        let decided = |(_, level, outcome): (i32, String, Option<EpochOutcome>)| Some((level, outcome?));
        let known = |(_, outcome): &(String, EpochOutcome)| *outcome != EpochOutcome::Inconclusive;
        let found: Vec<_> = probes(&status).into_iter().filter_map(decided).filter(known).collect();
        let wanted: Vec<_> = expected().into_iter().filter_map(decided).collect();
        ensure!(found == wanted, "{:?}", status.epochs);
        let planned = |levels: &mut dyn Iterator<Item = &str>| -> Result<u64> {
            let levels = levels.map(|level| level.parse::<u64>().context("a level is a whole number"));
            Ok(10 * levels.sum::<Result<u64>>()?)
        };
        let (least, most) = (
            planned(&mut wanted.iter().map(|(level, _)| level.as_str()))?,
            planned(&mut status.epochs.iter().map(|epoch| epoch.level.as_str()))?,
        );
        let received = target.stats().await?.received;
        ensure!((least..=most).contains(&received), "{received} requests of {least} to {most}");
        made.ensure_once(2)
    })
    .await
}
