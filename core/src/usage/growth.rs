// SPDX-License-Identifier: Apache-2.0
//! Whether the memory of pods grew by more than it may.
//!
//! Pods that were there for less than half of the time are left out if others were there for longer: an autoscaler's last pod
//! says nothing about a soak.

use jiff::Timestamp;
use upsurge_figures::{
    growth::{Finding, Growth},
    usage::{PodTrack, Point},
};

use super::Used;
use crate::judged::{growth_in_words, hours_in_words};

/// How the memory of all pods fared against a limit.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Pods that surely grew more, fastest first.
    pub(super) above: Vec<(String, Growth)>,
    /// Pods of which nothing can be said.
    pub(super) undecided: Vec<(String, Growth)>,
    /// Pods that surely grew less.
    pub(super) below: Vec<(String, Growth)>,
    /// Pods that were not there for long enough.
    pub(super) brief: usize,
}

pub(super) fn findings(used: &Used<'_>, percent_per_hour: f64) -> Findings {
    let (from, to) = used.steady();
    let mut findings = Findings::default();
    let half = to.duration_since(from).as_secs_f64() / 2.0;
    let lasting: Vec<&str> = used
        .usage()
        .pods()
        .filter(|(_, pod)| lasted(used, pod, from) >= half)
        .map(|(name, _)| name)
        .collect();
    for (name, _) in used.usage().pods() {
        if !lasting.is_empty() && !lasting.contains(&name) {
            findings.brief += 1;
            continue;
        }
        let Some(growth) = used.usage().growth(name, from, to, percent_per_hour) else { continue };
        let list = match growth.finding {
            Finding::Above => &mut findings.above,
            Finding::Below => &mut findings.below,
            Finding::Undecided { .. } => &mut findings.undecided,
        };
        list.push((name.to_owned(), growth));
    }
    let estimate = |growth: &Growth| growth.percent_per_hour.map_or(0.0, |percent| percent.estimate);
    for list in [&mut findings.above, &mut findings.below, &mut findings.undecided] {
        list.sort_by(|(_, one), (_, other)| estimate(other).total_cmp(&estimate(one)));
    }
    findings
}

/// Seconds from the first to the last measurement of a pod from an instant on.
fn lasted(used: &Used<'_>, pod: &PodTrack, from: Timestamp) -> f64 {
    let from = from.duration_since(used.start).as_secs_f64();
    let mut seconds = pod.track.points().map(Point::seconds).filter(|at| *at >= from);
    let first = seconds.next().unwrap_or_default();
    seconds.last().unwrap_or(first) - first
}

/// What is known of a pod's growth, in words.
pub(super) fn in_words(name: &str, growth: &Growth) -> String {
    match growth.percent_per_hour {
        Some(percent) => format!("memory of pod {name} grew by {}", growth_in_words(percent)),
        None => format!("memory of pod {name} was measured too seldom to tell how it grew"),
    }
}

/// How long a run must be to tell, in words.
pub(super) fn needed(growth: &Growth) -> Option<String> {
    match growth.finding {
        Finding::Undecided { needed_hours } => needed_hours.map(hours_in_words),
        Finding::Above | Finding::Below => None,
    }
}
