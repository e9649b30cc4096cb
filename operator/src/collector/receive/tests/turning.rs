// SPDX-License-Identifier: Apache-2.0
//! A load that turns back, and the record of its target.

use serde_json::json;
use upsurge_core::plan::Turn;

use super::*;

#[test]
fn the_record_of_the_target_is_told_where_the_load_turns_back() {
    let mut climbing = plan(1, false);
    climbing.test.target.workloads = vec![upsurge_crds::v1alpha1::Workload::from("checkout")];
    climbing.test.load = serde_json::from_value(json!({"stress": {
        "start": 10, "increment": 10, "every": "1s", "max": 50, "brokenAt": {"errorRate": "5%"}}}))
    .unwrap();
    let turn = Some(Turn { last_step: 2 });
    let durable = || Some(Durable { turn, ..Durable::default() });
    let unheard = cell_of(climbing.clone(), durable());
    let text = message(&[delta(1, &reqs(), 2.0)]);
    receive(&unheard, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    let seen = snapshot(&unheard);
    assert_eq!(
        (seen.turned.unwrap().turned.late, seen.workload.has_turned()),
        (1, false),
        "nobody may have heard"
    );

    let cell = cell_of(climbing, durable());
    let mut told = delta(1, &reqs(), 2.0);
    told["turnedMs"] = json!(2_000);
    let text = message(&[told]);
    let received = receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    assert_eq!(received.reply.turn, turn);
    let seen = snapshot(&cell);
    let turned = seen.turned.unwrap();
    let two = Duration::from_secs(2);
    assert_eq!((turned.skip.from, turned.valid.timeline.duration(), turned.turned.late), (two, two, 0));
    assert!(seen.workload.has_turned(), "figures of demand are of the load that there is");

    // Another operator knows it before anybody speaks.
    let state = cell.lock_blocking().state().clone();
    let next = cell_of((*cell.config.plan).clone(), Some(state));
    assert!(snapshot(&next).workload.has_turned());
}
