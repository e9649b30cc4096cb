// SPDX-License-Identifier: Apache-2.0
//! Whoever sends many deltas keeps no thread from others for longer than one of them takes.

use super::*;

#[tokio::test]
async fn others_get_their_turn_between_two_deltas_of_a_message() {
    let (cell, pod) = (cell(plan(1, false)), pod(0));
    let text = message(&[1, 2, 3].map(|number| delta(number, &reqs(), 2.0)));
    let batch = Batch::read(Form::Json, text.as_bytes()).unwrap();
    let takes = super::super::receive(&cell, &pod, &batch);
    let looks = async { cell.lock().await.received(0) };
    let (received, meanwhile) = tokio::join!(takes, looks);
    assert_eq!((received.unwrap().reply.received, meanwhile), (3, 1));
}
