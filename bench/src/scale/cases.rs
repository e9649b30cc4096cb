// SPDX-License-Identifier: Apache-2.0
//! The cases, and what they have in common.

mod checkpoints;
mod kept;
mod many;
mod start;
mod wide;

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use upsurge_crds::{LoadTestRun, v1alpha1::Phase};

use self::many::Targets;
use super::{
    Bench, Name, Outcome,
    load_test::{Shape, Test},
    processes::Operator,
    requests::Rates,
};
use crate::{number::number, results::Case};

/// Longest time from applying tests to the start of the load of all of them.
const START_PATIENCE: Duration = Duration::from_secs(600);
/// Longest time from the planned end of the load to the verdict.
const END_PATIENCE: Duration = Duration::from_secs(240);
/// Kinds of requests that are shown.
const MOST_KINDS: usize = 15;

/// Measures one of them.
pub async fn measure(name: Name, bench: &Bench, namespace: &str) -> Outcome {
    match name {
        Name::Start => start::measure(bench, namespace).await,
        Name::Many => many::measure(bench, namespace, Targets::Addresses).await,
        Name::Watched => many::measure(bench, namespace, Targets::Workloads).await,
        Name::Checkpoints => checkpoints::measure(bench, namespace).await,
        Name::Wide => wide::measure(bench, namespace).await,
        Name::Kept => kept::measure(bench, namespace).await,
    }
}

/// Tests that were applied at once.
struct Fleet {
    tests: Vec<Test>,
    seconds: u64,
}

impl Fleet {
    /// Applies tests of one shape and waits until the load of all of them has begun.
    async fn start(bench: &Bench, namespace: &str, count: usize, shape: &Shape) -> Result<Self> {
        let mut tests = Vec::new();
        for index in 0..count {
            let shape = Shape { name: format!("{}-{index}", shape.name), ..shape.clone() };
            tests.push(Test::new(&shape).await?);
        }
        Self::of(bench, namespace, tests, shape.seconds).await
    }

    /// Applies tests whose load takes so many seconds, and waits until that of all of them has begun.
    async fn of(bench: &Bench, namespace: &str, tests: Vec<Test>, seconds: u64) -> Result<Self> {
        try_join_all(tests.iter().map(|test| test.create(&bench.client, namespace))).await?;
        let running =
            tests.iter().map(|test| test.reached(&bench.client, namespace, Phase::Running, START_PATIENCE));
        let runs = try_join_all(running).await?;
        let over: Vec<String> = runs
            .iter()
            .filter(|run| run.status.as_ref().and_then(|status| status.phase) != Some(Phase::Running))
            .map(|run| format!("{:?}", run.status.as_ref().and_then(|status| status.message.clone())))
            .collect();
        anyhow::ensure!(over.is_empty(), "some runs ended before others began: {}", over.join("; "));
        Ok(Self { tests, seconds })
    }

    /// Waits until all are finished; gives the runs, and what is wrong with their figures.
    async fn finish(
        &self,
        bench: &Bench,
        namespace: &str,
        operator: &mut Operator,
    ) -> Result<(Vec<LoadTestRun>, Vec<String>)> {
        let patience = Duration::from_secs(self.seconds) + END_PATIENCE;
        let finished =
            self.tests.iter().map(|test| test.reached(&bench.client, namespace, Phase::Finished, patience));
        let runs = tokio::select! {
            runs = try_join_all(finished) => runs?,
            ended = operator.ended() => match ended? {},
        };
        let mut wrong = Vec::new();
        for (test, run) in self.tests.iter().zip(&runs) {
            wrong.extend(test.differences(run, &bench.ledger)?);
        }
        Ok((runs, wrong))
    }
}

/// Adds a row to the table.
fn row(case: &mut Case, what: impl Into<String>, value: impl Into<String>) {
    case.rows.push(vec![what.into(), value.into()]);
}

/// Adds who asked for what.
fn rates(case: &mut Case, rates: &Rates) {
    for (what, rate) in rates.0.iter().take(MOST_KINDS) {
        row(case, format!("API requests: {what}"), format!("{}/s", number(*rate)));
    }
    let others: f64 = rates.0.iter().skip(MOST_KINDS).map(|(_, rate)| rate).sum();
    if others > 0.0 {
        row(case, "API requests: others", format!("{}/s", number(others)));
    }
}
