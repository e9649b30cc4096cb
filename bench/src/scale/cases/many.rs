// SPDX-License-Identifier: Apache-2.0
//! Many runs at the same time: what the operator takes, and what it asks of the API server.

use std::time::Duration;

use super::{Fleet, rates, row};
use crate::{
    report::number,
    results::Goal,
    scale::{Bench, Outcome, load_test::Shape},
};

/// Runs at the same time.
const RUNS: usize = 50;
/// Length of their load: the first have to go on until the last have begun and were measured.
const LOAD: u64 = 240;
/// Time after the last start in which nothing is measured.
const SETTLE: Duration = Duration::from_secs(10);
/// Time that is measured.
const WINDOW: Duration = Duration::from_secs(60);

/// Measures it.
pub async fn measure(bench: &Bench, namespace: &str) -> Outcome {
    let mut operator = bench.start_operator().await?;
    let runs = bench.scaled(RUNS);
    let how = format!(
        "{runs} runs with 2 runners each and about 50 series per runner, all under way at the same time, for {} s from {} s \
         after the last one began.",
        WINDOW.as_secs(),
        SETTLE.as_secs()
    );
    let mut case = bench.case("Many runs at once", how);
    let shape = Shape { name: "many".into(), runners: 2, series: 50, seconds: LOAD };
    let starting = (operator.watch()?, bench.audit.mark());
    let fleet = Fleet::start(bench, namespace, runs, &shape).await?;
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
        format!("{runs} runs: API requests of the operator"),
        "/s",
        20.0,
        &[asked.total()],
    ));
    case.goals.extend(Goal::new(format!("{runs} runs: CPU"), "mcores", 100.0, &[cores * 1e3]));
    Ok((case, wrong))
}
