// SPDX-License-Identifier: Apache-2.0
//! Scale-downs, and how long their pods took to end.
//!
//! A scale-down is a decrease of `spec.replicas`; decreases within a second are one. It has the pods that were asked to end
//! from then on until the next one, as many as it took away.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decisions::{Decision, Direction, decisions, own, seconds};
use crate::observation::{Clock, Log, PodLife, lives};

/// A scale-down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDown {
    /// When the load had last fallen, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell: Option<Timestamp>,
    /// When the workload was asked for fewer replicas; if nobody was watching then, as for a scale-up.
    pub decided: Timestamp,
    /// Replicas that were asked for before.
    pub from: u32,
    /// Replicas that were asked for.
    pub to: u32,
    /// Seconds from the fall of the load until the decision, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<f64>,
    /// Seconds from the decision until the last of its pods was gone; absent while one isn't, or if nobody saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<f64>,
}

/// The scale-downs that a log tells of.
pub fn scale_downs(log: &Log) -> Vec<ScaleDown> {
    scale_downs_with_pods(log).into_iter().map(|(down, _)| down).collect()
}

/// The same, each with the pods that were asked to end for it. There are fewer than it took away if nobody saw some of them.
pub fn scale_downs_with_pods(log: &Log) -> Vec<(ScaleDown, Vec<PodLife>)> {
    let events = log.events();
    let clock = Clock::of(events);
    let decisions = decisions(events, &clock, Direction::Down);
    let mut pods: Vec<PodLife> =
        lives(events).into_iter().filter(|life| life.terminating.is_some()).collect();
    pods.sort_by_key(|life| life.terminating);
    let own = own(&decisions, pods, |life| life.terminating);
    decisions.iter().zip(own).map(|(decision, own)| (told(decision, &own), own)).collect()
}

fn told(decision: &Decision, own: &[PodLife]) -> ScaleDown {
    let gone: Option<Vec<Timestamp>> = own.iter().map(|life| life.gone).collect();
    let last = gone.filter(|gone| gone.len() == decision.wanted()).and_then(|gone| gone.into_iter().max());
    let known = |at: Option<Timestamp>| at.filter(|_| decision.known);
    ScaleDown {
        fell: decision.moved,
        decided: decision.at,
        from: decision.from,
        to: decision.to,
        decision: known(decision.moved).map(|fell| seconds(fell, decision.at)),
        ending: known(last).map(|last| seconds(decision.at, last)),
    }
}
