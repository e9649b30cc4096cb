// SPDX-License-Identifier: Apache-2.0
//! How fast a test starts, and how close together its runners do.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, api::PostParams, runtime::wait};
use upsurge_crds::{LoadTest, LoadTestRun, v1alpha1::Phase};

use super::{
    cost::{self, Cost},
    fixtures,
};

/// Longest time that a run may take before the benchmark gives up.
const DEADLINE: Duration = Duration::from_secs(240);

/// One start of a test with three runners.
pub struct Start {
    /// From the call that creates the test to the first runner's start of load.
    pub first_request: Duration,
    /// From the first to the last runner's start.
    pub spread: Duration,
}

/// Applies a test of a few seconds and waits for its end.
pub async fn measure(client: &Client, namespace: &str, round: usize) -> Result<Start> {
    let name = format!("start-{round}");
    let applied = Timestamp::try_from(SystemTime::now())?;
    create(client, namespace, &fixtures::test(&name, 3)).await?;
    let run = reached(client, namespace, &format!("{name}-g1"), Phase::Finished).await?;
    let status = run.status.unwrap_or_default();
    let starts: Vec<Timestamp> =
        status.runners.iter().filter_map(|runner| runner.start_time.as_ref()).map(|time| time.0).collect();
    let (Some(first), Some(last)) = (starts.iter().min(), starts.iter().max()) else {
        bail!("run {name}-g1 reports no start of a runner: {:?} {:?}", status.reason, status.message);
    };
    Ok(Start {
        first_request: first
            .duration_since(applied)
            .try_into()
            .context("the first request came before the test")?,
        spread: last.duration_since(*first).unsigned_abs(),
    })
}

/// What the operator costs while a run of a minute is under way.
pub async fn during_a_run(client: &Client, namespace: &str) -> Result<Cost> {
    create(client, namespace, &fixtures::test("minute", 60)).await?;
    reached(client, namespace, "minute-g1", Phase::Running).await?;
    let cost = cost::settled(client).await?;
    reached(client, namespace, "minute-g1", Phase::Finished).await?;
    Ok(cost)
}

/// The most that the operator costs in a run with many figures, and how many requests each of them is of.
pub async fn during_a_wide_run(client: &Client, namespace: &str) -> Result<(Cost, i64)> {
    create(client, namespace, &fixtures::wide("wide")).await?;
    let (cost, run) = cost::highest(client, reached(client, namespace, "wide-g1", Phase::Finished)).await?;
    let requests = run.status.and_then(|status| status.summary).map_or(0, |summary| summary.requests);
    Ok((cost, requests / (fixtures::WIDE_REQUESTS * fixtures::WIDE_STAGES) as i64))
}

async fn create(client: &Client, namespace: &str, test: &LoadTest) -> Result<()> {
    Api::<LoadTest>::namespaced(client.clone(), namespace).create(&PostParams::default(), test).await?;
    Ok(())
}

async fn reached(client: &Client, namespace: &str, name: &str, phase: Phase) -> Result<LoadTestRun> {
    let runs = Api::<LoadTestRun>::namespaced(client.clone(), namespace);
    let there = move |run: Option<&LoadTestRun>| {
        run.and_then(|run| run.status.as_ref()?.phase).is_some_and(|now| now >= phase)
    };
    tokio::time::timeout(DEADLINE, wait::await_condition(runs, name, there))
        .await
        .with_context(|| format!("run {name} did not reach {phase:?} within {DEADLINE:?}"))??
        .with_context(|| format!("run {name} is gone"))
}
