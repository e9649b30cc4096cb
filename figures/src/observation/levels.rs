// SPDX-License-Identifier: Apache-2.0
//! Numbers of replicas over time, from a log alone: step functions with what is not known left blank.

use jiff::Timestamp;

use super::{Class, Levels, Log, Tracker};

/// The instants at which something changes, each with what holds from then on until the next one. Between two instants
/// nothing changes. Where the log has left something out, what hangs on it is `None`.
pub fn levels(log: &Log) -> Vec<(Timestamp, Levels)> {
    let edges = log.left_out().values().flat_map(|left| [left.from, left.to]);
    let mut instants: Vec<Timestamp> = log.events().iter().map(|event| event.seen).chain(edges).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut tracker = Tracker::default();
    let mut events = log.events().iter().peekable();
    let mut steps: Vec<(Timestamp, Levels)> = Vec::new();
    for instant in instants {
        while let Some(event) = events.next_if(|event| event.seen <= instant) {
            tracker.see(event);
        }
        let now = blanked(log, instant, tracker.levels());
        if steps.last().is_none_or(|(_, before)| *before != now) {
            steps.push((instant, now));
        }
    }
    steps
}

fn blanked(log: &Log, instant: Timestamp, levels: Levels) -> Levels {
    let blank = |class: Class| {
        log.left_out().get(&class).is_some_and(|left| left.from <= instant && instant < left.to)
    };
    let mut levels = levels;
    if blank(Class::Load) {
        levels.load = None;
    }
    if blank(Class::Thresholds) {
        levels.thresholds_met = None;
    }
    if blank(Class::Scaling) {
        levels.desired = None;
    }
    if blank(Class::Autoscaler) {
        levels.bounds = None;
    }
    if blank(Class::Workload) {
        (levels.asked, levels.existing) = (None, None);
    }
    if blank(Class::Pods) {
        (levels.ready, levels.serving) = (None, None);
    }
    levels
}
