// SPDX-License-Identifier: Apache-2.0
//! What happened during a run, in words: decisions to scale, pods that became ready or ended, and what kept them from it.

use std::collections::{BTreeMap, BTreeSet};

use upsurge_figures::observation::{Event, Life, Source, What};
use upsurge_record::model::{ObservedWorkload, Record};

use super::Start;
use crate::{
    chart::{Mark, MarkKind},
    words,
};

/// Longest message of somebody else in a mark.
const LONGEST: usize = 200;

/// Everything that happened and is worth a word, in order of time.
pub(super) fn marks(record: &Record, start: Start) -> Vec<Mark> {
    let mut marks: Vec<Mark> =
        record.workloads.iter().flat_map(|workload| of_workload(workload, start)).collect();
    marks.sort_by(|one, other| one.at.total_cmp(&other.at));
    marks
}

/// What was so before the load began is no news of the run.
fn of_workload(workload: &ObservedWorkload, start: Start) -> Vec<Mark> {
    let mut before = Before::default();
    let mut marks = Vec::new();
    for event in &workload.events {
        let at = start.seconds(event.seen);
        let told = before.told(event, &workload.name);
        if let Some((kind, text)) = told.filter(|_| at >= 0.0 && !event.found) {
            marks.push(Mark { at, kind, text });
        }
    }
    marks
}

/// What was known before an event, as events tell states and not changes.
#[derive(Default)]
struct Before {
    asked: Option<u32>,
    met: Option<bool>,
    conditions: BTreeMap<String, (String, String)>,
    rolls_out: bool,
    revision: Option<String>,
    /// Pods that were asked to end: what happens to them then is as it should be.
    ending: BTreeSet<String>,
}

impl Before {
    fn told(&mut self, event: &Event, name: &str) -> Option<(MarkKind, String)> {
        match &event.what {
            What::Asked { replicas } => {
                let from = self.asked.replace(*replicas)?;
                let kind = if *replicas > from { MarkKind::Up } else { MarkKind::Down };
                (from != *replicas).then(|| (kind, format!("{name}: {from} → {replicas} replicas asked for")))
            }
            What::Thresholds { met } => {
                let before = self.met.replace(*met);
                match (before, met) {
                    (Some(true) | None, false) => Some((MarkKind::Bad, "a threshold is missed".into())),
                    (Some(false), true) => Some((MarkKind::Good, "all thresholds are met again".into())),
                    _ => None,
                }
            }
            What::Condition(condition) => {
                let now = (condition.status.clone(), condition.reason.clone());
                let before = self.conditions.insert(condition.condition.clone(), now.clone());
                let kind = match (condition.condition.as_str(), condition.status.as_str()) {
                    ("ScalingLimited", "True") => MarkKind::Other,
                    ("ScalingActive" | "AbleToScale", "False" | "Unknown") => MarkKind::Bad,
                    ("ScalingActive" | "AbleToScale" | "ScalingLimited", _) if before.is_some() => {
                        MarkKind::Good
                    }
                    _ => return None,
                };
                let text =
                    format!("{name}: {} is {} ({})", condition.condition, condition.status, condition.reason);
                before.is_none_or(|before| before != now).then_some((kind, text))
            }
            What::AutoscalerGone => Some((MarkKind::Bad, format!("{name}: the autoscaler was deleted"))),
            What::Rollout { under_way } => {
                let before = std::mem::replace(&mut self.rolls_out, *under_way);
                let text = if *under_way { "a rollout began" } else { "the rollout ended" };
                (before != *under_way).then(|| (MarkKind::Other, format!("{name}: {text}")))
            }
            What::Revision { revision } => {
                let before = self.revision.replace(revision.clone())?;
                (before != *revision)
                    .then(|| (MarkKind::Other, format!("{name}: its pods have a new revision, {revision}")))
            }
            What::QuotaExceeded { message } => Some((
                MarkKind::Bad,
                format!("{name}: a quota keeps a pod from being made: {}", cut(message)),
            )),
            What::Pod { pod, life } => {
                if *life == Life::Terminating {
                    self.ending.insert(pod.clone());
                }
                of_pod(pod, life, self.ending.contains(pod))
            }
            What::Lost { source, message } => {
                Some((MarkKind::Bad, format!("{name}: nobody sees {}: {}", in_words(*source), cut(message))))
            }
            _ => None,
        }
    }
}

fn of_pod(pod: &str, life: &Life, is_ending: bool) -> Option<(MarkKind, String)> {
    let told = match life {
        Life::Ready => (MarkKind::Good, format!("pod {pod} is ready")),
        Life::NotReady if !is_ending => (MarkKind::Bad, format!("pod {pod} isn't ready any more")),
        Life::Terminating => (MarkKind::Other, format!("pod {pod} was asked to end")),
        Life::Unschedulable { message } => {
            (MarkKind::Bad, format!("pod {pod} finds no node: {}", cut(message)))
        }
        Life::ImagePullFailed { message } => {
            (MarkKind::Bad, format!("pod {pod} can't get its image: {}", cut(message)))
        }
        Life::Ended { reason, exit_code, restarts: _ } if !is_ending || reason == "OOMKilled" => {
            (MarkKind::Bad, format!("a container of pod {pod} ended: {reason}, exit code {exit_code}"))
        }
        _ => return None,
    };
    Some(told)
}

fn cut(message: &str) -> String {
    words::beginning(message, LONGEST).unwrap_or_else(|| message.to_owned())
}

fn in_words(source: Source) -> &'static str {
    match source {
        Source::Runners => "load and thresholds",
        Source::Autoscaler => "the autoscaler",
        Source::Workload => "the workload",
        Source::Pods => "its pods",
        Source::Endpoints => "its EndpointSlices",
        Source::Usage => "CPU and memory",
    }
}
