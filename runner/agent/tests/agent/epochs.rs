// SPDX-License-Identifier: Apache-2.0
//! A run of several epochs: the runner stays up and carries out one load after the other.

use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};
use upsurge_agent::{Ending, run_with};
use upsurge_core::{
    metrics::Selector,
    protocol::{AfterOutcome, RunPlan, RunnerEnd},
};

use crate::{
    PATIENCE, agent, arrivals,
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
        wait_until("the first load", || !target.arrived().is_empty()).await;
        seen.lock().unwrap().never_start = true;
        wait_until("the first epoch", || seen.lock().unwrap().ended()).await;
        let mut seen = seen.lock().unwrap();
        (seen.stop, seen.run_after) = (Some("aborted".into()), true);
    });
    assert_eq!(ending.await, Ending::Done);
    let deletions = target.arrived().iter().filter(|arrived| arrived.method == "DELETE").count();
    assert_eq!((deletions, target.arrived().len()), (1, 21), "the second epoch never began");
}

#[tokio::test]
async fn a_target_that_an_epoch_knocked_over_gets_the_load_of_the_next_one() {
    let target = Server::simple();
    let collector = Collector::start(Seen { run_after: true, ..Seen::default() });
    let (config, _scratch) = agent("epochs-knocked-over", &collector, test(&target, 20));
    let mut plans = plans(&collector, &target, &[20, 40]);
    // Nobody listens there.
    let mut gone = test(&target, 40);
    gone["target"]["baseURL"] = json!("http://127.0.0.1:1");
    plans[1].test = serde_json::from_value(gone).unwrap();
    collector.seen.lock().unwrap().epochs = plans;
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.metrics().rate("http_req_failed", &Selector::default()), (40, 60));
}

/// Terminates the runner of a search when something holds; checks that it did the steps after the load, and told of it.
async fn terminated(name: &str, never_start: bool, when: impl Fn(&Seen, &Server) -> bool) {
    let target = Server::simple();
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent(name, &collector, test(&target, 20));
    let plans = plans(&collector, &target, &[20, 40]);
    collector.seen.lock().unwrap().epochs = plans;
    let (terminate, receiver) = watch::channel(false);
    let (ending, ()) = tokio::join!(timeout(PATIENCE, run_with(config, receiver)), async {
        wait_until("the first load", || !target.arrived().is_empty()).await;
        collector.seen.lock().unwrap().never_start = never_start;
        wait_until("the time to end", || when(&collector.seen.lock().unwrap(), &target)).await;
        terminate.send_replace(true);
    });
    assert_eq!(ending.unwrap(), Ending::Terminated);
    let deletions = target.arrived().iter().filter(|arrived| arrived.method == "DELETE").count();
    let seen = collector.seen.lock().unwrap();
    assert_eq!((deletions, seen.after()), (1, Some(AfterOutcome { result: Ok(()), verified: None })));
    assert!(seen.batches.iter().all(|batch| batch.epoch == 1), "it began another epoch");
}

#[tokio::test]
async fn a_runner_that_is_terminated_in_an_epoch_that_is_not_the_last_tidies_up() {
    terminated("epochs-terminated", false, |_, target| target.arrived().len() > 3).await;
}

#[tokio::test]
async fn a_runner_that_is_terminated_between_two_epochs_tidies_up() {
    let asks = |seen: &Seen, _: &Server| seen.hellos.iter().any(|hello| hello.epoch == 2);
    terminated("epochs-terminated-between", true, asks).await;
}
