// SPDX-License-Identifier: Apache-2.0
//! One run with very many runners, whose operator is killed in the middle.

use std::time::Duration;

use super::{Fleet, rates, row};
use crate::{
    number::number,
    results::Goal,
    scale::{Bench, Outcome, load_test::Shape},
};

/// Runners.
const RUNNERS: usize = 500;
/// Series of each.
const SERIES: usize = 200;
/// Length of the load.
const LOAD: u64 = 180;
/// Time after the start in which nothing is measured.
const SETTLE: Duration = Duration::from_secs(15);
/// Time that is measured, before the operator is killed.
const WINDOW: Duration = Duration::from_secs(60);

/// Measures it.
pub async fn measure(bench: &Bench, namespace: &str) -> Outcome {
    let operator = bench.start_operator().await?;
    let runners = bench.scaled(RUNNERS);
    let how = format!(
        "One run with {runners} runners and about {SERIES} series each for {LOAD} s. The CPU is that of {} s from {} s after the \
         start; then the operator is killed and started again at once. The run's figures must be what its runners sent, to \
         the last request and bucket.",
        WINDOW.as_secs(),
        SETTLE.as_secs()
    );
    let mut case = bench.case("One run with many runners", how);
    let shape = Shape { name: "wide".into(), runners, series: SERIES, seconds: LOAD };
    let fleet = Fleet::start(bench, namespace, 1, &shape).await?;
    tokio::time::sleep(SETTLE).await;
    let (watched, mark) = (operator.watch()?, bench.audit.mark());
    tokio::time::sleep(WINDOW).await;
    let (cores, asked) = (operator.cores(&watched)?, bench.audit.since(mark)?);
    let (before, interval) = (operator.peak()?, operator.report_interval().await?);
    operator.kill();
    let mut operator = bench.start_operator().await?;
    let (runs, wrong) = fleet.finish(bench, namespace, &mut operator).await?;
    let peaks = [before, operator.peak()?];
    operator.kill();
    for run in &runs {
        let entry = bench.ledger.of(namespace, run.metadata.name.as_deref().unwrap_or_default());
        let series = entry.content.as_ref().map_or(0, |content| content.series());
        row(&mut case, "series of a runner", number(series as f64));
        row(&mut case, "time between two deltas of a runner", format!("{} s", number(entry.interval())));
        row(&mut case, "time between two messages of a runner", format!("{} s", number(interval)));
        let status = run.status.clone().unwrap_or_default();
        let (verdict, message) = (status.verdict, status.message.unwrap_or_default());
        row(&mut case, "verdict", verdict.map_or("none".into(), |verdict| format!("{verdict:?}: {message}")));
    }
    rates(&mut case, &asked);
    case.goals.extend(Goal::new(format!("{runners} runners: CPU"), "cores", 0.5, &[cores]));
    let highest = peaks.into_iter().fold(0.0, f64::max);
    case.goals.extend(Goal::new(format!("{runners} runners: highest memory"), "MiB", 200.0, &[highest]));
    Ok((case, wrong))
}
