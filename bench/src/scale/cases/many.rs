// SPDX-License-Identifier: Apache-2.0
//! Many runs at the same time: what the operator takes, and what it asks of the API server.

use std::time::Duration;

use anyhow::Result;

use super::{Fleet, rates, row};
use crate::{
    number::number,
    results::Goal,
    scale::{
        Bench, Outcome,
        load_test::{Shape, Test},
        workload,
    },
};

/// Runs at the same time.
const RUNS: usize = 50;
/// Length of their load: the first have to go on until the last have begun and were measured.
const LOAD: u64 = 240;
/// Time after the last start in which nothing is measured.
const SETTLE: Duration = Duration::from_secs(10);
/// Time that is measured.
const WINDOW: Duration = Duration::from_secs(60);

/// What the runs make load on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Addresses, of which no more is known.
    Addresses,
    /// Workloads with autoscalers, which the operator observes.
    Workloads,
}

impl Targets {
    /// Title of the case, and what its goals and its description say beside those of addresses.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Addresses => ["Many runs at once", "", ""],
            Self::Workloads => [
                "Many runs at once that observe workloads",
                " with workloads",
                " Each observes a Deployment of its own with an autoscaler. There is no metrics API; it is asked for all the same.",
            ],
        }
    }
}

/// Measures it.
pub async fn measure(bench: &Bench, namespace: &str, targets: Targets) -> Outcome {
    let [title, with, beside] = targets.words();
    let mut operator = bench.start_operator().await?;
    let runs = bench.scaled(RUNS);
    let how = format!(
        "{runs} runs with 2 runners each and about 50 series per runner, all under way at the same time, for {} s from {} s \
         after the last one began.{beside}",
        WINDOW.as_secs(),
        SETTLE.as_secs()
    );
    let mut case = bench.case(title, how);
    let shape = Shape { name: "many".into(), runners: 2, series: 50, seconds: LOAD };
    let starting = (operator.watch()?, bench.audit.mark());
    let fleet = match targets {
        Targets::Addresses => Fleet::start(bench, namespace, runs, &shape).await?,
        Targets::Workloads => observing(bench, namespace, runs, &shape).await?,
    };
    row(
        &mut case,
        "while all start: API requests",
        format!("{}/s", number(bench.audit.since(starting.1)?.total())),
    );
    row(&mut case, "while all start: CPU", format!("{} mcores", number(operator.cores(&starting.0)? * 1e3)));
    tokio::time::sleep(SETTLE).await;
    let (watched, mark) = (operator.watch()?, bench.audit.mark());
    tokio::time::sleep(WINDOW).await;
    let (cores, asked) = (operator.cores(&watched)?, bench.audit.since(mark)?);
    row(&mut case, "memory", format!("{} MiB", number(operator.memory()?)));
    rates(&mut case, &asked);
    let (_, wrong) = fleet.finish(bench, namespace, &mut operator).await?;
    row(&mut case, "highest memory", format!("{} MiB", number(operator.peak()?)));
    operator.kill();
    case.goals.extend(Goal::new(
        format!("{runs} runs{with}: API requests of the operator"),
        "/s",
        20.0,
        &[asked.total()],
    ));
    case.goals.extend(Goal::new(format!("{runs} runs{with}: CPU"), "mcores", 100.0, &[cores * 1e3]));
    Ok((case, wrong))
}

/// Starts runs that each observe a workload of their own.
async fn observing(bench: &Bench, namespace: &str, runs: usize, shape: &Shape) -> Result<Fleet> {
    let mut tests = Vec::new();
    for index in 0..runs {
        let name = format!("{}-{index}", shape.name);
        workload::deploy(&bench.client, namespace, &name).await?;
        let test = Test::new(&Shape { name: name.clone(), ..shape.clone() }).await?;
        tests.push(test.observing(&name)?);
    }
    Fleet::of(bench, namespace, tests, shape.seconds).await
}
