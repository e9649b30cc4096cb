// SPDX-License-Identifier: Apache-2.0
//! A staircase that turns back: the runner hears where in an answer, and tells when it did.

use serde_json::json;
use upsurge_agent::Ending;
use upsurge_core::{
    metrics::{Selector, names},
    plan::Turn,
};

use crate::{
    agent,
    collector::{Collector, Seen},
    get, load, run,
    server::Server,
};

#[tokio::test]
async fn a_runner_climbs_no_higher_than_it_is_told_and_says_when_it_turned() {
    let target = Server::simple();
    let turn = Some(Turn { last_step: 2 });
    let collector = Collector::start(Seen { turn, ..Seen::default() });
    let stairs = json!({"unit": "IterationsPerSecond", "stress": {
        "start": 20, "increment": 20, "every": "1500ms", "max": 100, "brokenAt": {"errorRate": "5%"}}});
    let (config, _scratch) = agent("turning", &collector, load::spec(&target.url(), stairs, get()));
    assert_eq!(run(config).await, Ending::Done);
    let started = |step: &str| {
        let selector = Selector { stage: Some(step.into()), ..Selector::default() };
        collector.metrics().count(names::STARTED_ITERATIONS, &selector)
    };
    assert_eq!(["step-1", "step-2", "step-3"].map(started), [30.0, 60.0, 0.0]);
    let seen = collector.seen.lock().unwrap();
    let told: Vec<Option<u64>> = seen.deltas.values().map(|delta| delta.turned_ms).collect();
    // It was told in the first answer, so all deltas after that say so.
    assert_eq!((told.first(), told.last()), (Some(&None), Some(&Some(3_000))), "{told:?}");
    assert!(seen.deltas.values().all(|delta| delta.to_ms < 5_000), "3 s, and not 7.5");
}
