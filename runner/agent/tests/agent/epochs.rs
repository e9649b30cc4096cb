// SPDX-License-Identifier: Apache-2.0
//! A run of several epochs: the runner stays up and carries out one load after the other.

use serde_json::{Value, json};
use upsurge_agent::Ending;
use upsurge_core::protocol::{AfterOutcome, RunPlan, RunnerEnd};

use crate::{
    agent, arrivals,
    collector::{Collector, Seen},
    get, load, run, run_while,
    server::Server,
    wait_until,
};

fn test(target: &Server, level: u32) -> Value {
    let mut test = load::spec(&target.url(), arrivals(level, "1s"), get());
    test["after"] = json!([{"request": {"name": "tidy up", "method": "DELETE", "url": "/rows"}}]);
    test
}

/// The plans of the epochs of a run, one for each level.
fn plans(collector: &Collector, target: &Server, levels: &[u32]) -> Vec<RunPlan> {
    let first = collector.seen.lock().unwrap().plan.clone().unwrap();
    let plan = |(level, epoch): (&u32, u32)| RunPlan {
        test: serde_json::from_value(test(target, *level)).unwrap(),
        epoch,
        more: true,
        ..first.clone()
    };
    levels.iter().zip(1..).map(plan).collect()
}

#[tokio::test]
async fn a_runner_does_each_epoch_by_its_own_start_and_the_steps_after_the_last_one() {
    let target = Server::simple();
    let collector = Collector::start(Seen { run_after: true, ..Seen::default() });
    let (config, _scratch) = agent("epochs", &collector, test(&target, 20));
    let plans = plans(&collector, &target, &[20, 40]);
    collector.seen.lock().unwrap().epochs = plans;
    assert_eq!(run(config).await, Ending::Done);
    let arrived = target.arrived();
    let deletions: Vec<usize> = arrived
        .iter()
        .enumerate()
        .filter(|(_, one)| one.method == "DELETE")
        .map(|(place, _)| place)
        .collect();
    assert_eq!(
        (arrived.len(), deletions),
        (61, vec![60]),
        "20 and 40 iterations, and the steps once, at last"
    );
    assert_eq!(collector.requests(), 60.0);
    let seen = collector.seen.lock().unwrap();
    assert_eq!(seen.after(), Some(AfterOutcome { result: Ok(()), verified: None }));
    // Each by its own T0, with numbers that go on: the collector refuses one that is missing or comes twice.
    let mut told: Vec<(u32, i64)> = seen.batches.iter().map(|batch| (batch.epoch, batch.start)).collect();
    told.dedup();
    let starts: Vec<(u32, i64)> = seen.starts.clone().into_iter().collect();
    assert_eq!((told.clone(), starts.len()), (starts, 2), "{told:?}");
    let ends = seen.deltas.values().filter(|delta| delta.done == Some(RunnerEnd::Completed)).count();
    assert_eq!(ends, 2);
    let asked = seen.hellos.iter().filter(|hello| hello.wants_plan);
    let mut asked: Vec<u32> = asked.map(|hello| hello.epoch).collect();
    asked.dedup();
    assert_eq!(asked, [1, 2, 3]);
}

#[tokio::test]
async fn a_run_that_is_stopped_between_two_epochs_still_has_its_steps_done() {
    let target = Server::simple();
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent("epochs-stopped", &collector, test(&target, 20));
    let plans = plans(&collector, &target, &[20, 40]);
    collector.seen.lock().unwrap().epochs = plans;
    let seen = collector.seen.clone();
    let ending = run_while(config, async {
        wait_until("the first epoch", || seen.lock().unwrap().ended()).await;
        let mut seen = seen.lock().unwrap();
        (seen.stop, seen.run_after) = (Some("aborted".into()), true);
    });
    assert_eq!(ending.await, Ending::Done);
    let deletions = target.arrived().iter().filter(|arrived| arrived.method == "DELETE").count();
    assert_eq!((deletions, target.arrived().len()), (1, 21), "the second epoch never began");
}
