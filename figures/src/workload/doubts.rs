// SPDX-License-Identifier: Apache-2.0
//! What happened to the autoscaler in the middle of a run that makes a verdict on it worthless.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::observation::{Autoscaler, Class, Event, Log, Source, What};

/// By how much the status of an autoscaler may be apart from what it did: it looks every 15 seconds and tells after that.
const TELLS_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// What a doubt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DoubtKind {
    /// The workload's pod template changed: figures are of two versions.
    Rollout,
    /// The autoscaler was deleted.
    AutoscalerDeleted,
    /// Another autoscaler came in its place.
    AutoscalerReplaced,
    /// Its bounds, windows or policies were changed.
    AutoscalerChanged,
    /// Somebody else changed the replicas.
    ScaledByOthers,
}

/// A doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What it is about.
    pub kind: DoubtKind,
    /// When that was.
    pub at: Timestamp,
    /// In words, with names and numbers.
    pub message: String,
}

/// The first doubt of each kind between two instants.
pub(super) fn doubts(log: &Log, from: Timestamp, to: Timestamp) -> Vec<Doubt> {
    let mut found = Found { from, to, doubts: Vec::new() };
    let (mut settings, mut revision, mut asked) = (None::<&Autoscaler>, None::<&str>, None);
    let mut gone = false;
    for event in log.events() {
        let at = event.seen;
        match &event.what {
            What::AutoscalerGone => {
                if let Some(before) = settings {
                    let message = format!("{} was deleted during the run", name(before));
                    found.add(DoubtKind::AutoscalerDeleted, at, message);
                }
                gone = true;
            }
            What::Autoscaler(now) => {
                if let Some(before) = settings.replace(now) {
                    if name(before) != name(now) || gone {
                        let message =
                            format!("{} took the place of {} during the run", name(now), name(before));
                        found.add(DoubtKind::AutoscalerReplaced, at, message);
                    } else if let Some(changed) = changed(before, now) {
                        let message = format!("{} of {} changed during the run", changed, name(now));
                        found.add(DoubtKind::AutoscalerChanged, at, message);
                    }
                }
                gone = false;
            }
            What::Revision { revision: now } => {
                let before = revision.replace(now);
                if before.is_some_and(|before| before != now) {
                    let message = format!("the pod template changed to revision {now} during the run");
                    found.add(DoubtKind::Rollout, at, message);
                }
            }
            What::Asked { replicas } => {
                let before = asked.replace(*replicas);
                if let Some(before) = before.filter(|before| before != replicas)
                    && let Some(autoscaler) = settings.filter(|_| !gone && !event.found)
                    && !is_step_of_keda(autoscaler, before, *replicas)
                    && is_foreign(log, at, *replicas, to)
                {
                    let message = format!(
                        "replicas went from {before} to {replicas} during the run, which {} did not ask for",
                        name(autoscaler)
                    );
                    found.add(DoubtKind::ScaledByOthers, at, message);
                }
            }
            _ => {}
        }
    }
    found.doubts
}

struct Found {
    from: Timestamp,
    to: Timestamp,
    doubts: Vec<Doubt>,
}

impl Found {
    fn add(&mut self, kind: DoubtKind, at: Timestamp, message: String) {
        let known = self.doubts.iter().any(|doubt| doubt.kind == kind);
        if at > self.from && at <= self.to && !known {
            self.doubts.push(Doubt { kind, at, message });
        }
    }
}

/// Whether the autoscaler wanted so many replicas neither shortly before nor shortly after, although it could be seen for
/// all of that time.
fn is_foreign(log: &Log, at: Timestamp, replicas: u32, end: Timestamp) -> bool {
    let (from, to) = (at.saturating_sub(TELLS_WITHIN), at.saturating_add(TELLS_WITHIN));
    let (Ok(from), Ok(to)) = (from, to) else { return false };
    // What it wanted then may be what the log had no room for.
    let forgotten =
        log.left_out().get(&Class::Scaling).is_some_and(|left| left.from <= to && left.to >= from);
    if to > end || forgotten {
        return false;
    }
    let events = log.events();
    let unseen = |event: &Event| {
        let of_it =
            matches!(&event.what, What::Lost { source: Source::Autoscaler, .. } | What::AutoscalerGone);
        of_it && event.seen >= from && event.seen <= to
    };
    let said = events.iter().filter_map(|event| match &event.what {
        What::Scaling(scaling) => Some((event.seen, scaling.desired)),
        _ => None,
    });
    // What it wanted last before that time still holds at its begin.
    let before = said.clone().take_while(|(seen, _)| *seen < from).last();
    let around = said.filter(|(seen, _)| *seen >= from && *seen <= to);
    let wanted: Vec<u32> = before.into_iter().chain(around).map(|(_, desired)| desired).collect();
    !events.iter().any(unseen) && !wanted.is_empty() && !wanted.contains(&replicas)
}

/// Whether it is a change that KEDA makes by itself: from zero to the fewest replicas that run, and back to zero where that is
/// allowed. Its HorizontalPodAutoscaler rests then and wants nothing.
fn is_step_of_keda(autoscaler: &Autoscaler, before: u32, now: u32) -> bool {
    let up = before == 0 && (now == 1 || now == autoscaler.min);
    let down = now == 0 && autoscaler.min == 0;
    autoscaler.kind == "ScaledObject" && (up || down)
}

/// What of an autoscaler's settings is not what it was.
fn changed(before: &Autoscaler, now: &Autoscaler) -> Option<String> {
    if (before.min, before.max) != (now.min, now.max) {
        return Some(format!(
            "the bounds ({} to {}, now {} to {})",
            before.min, before.max, now.min, now.max
        ));
    }
    let windows = |autoscaler: &Autoscaler| (autoscaler.up_window, autoscaler.down_window);
    let same = windows(before) == windows(now)
        && before.up_policies == now.up_policies
        && !differ(&before.down_policies, &now.down_policies)
        && !differ(&before.up_select, &now.up_select)
        && !differ(&before.down_select, &now.down_select);
    (!same).then(|| "the behavior".into())
}

/// Whether both are told and are not the same. An observer of a release before tells less, and one of this goes on where it ended.
fn differ<T: PartialEq>(before: &Option<T>, now: &Option<T>) -> bool {
    before.as_ref().zip(now.as_ref()).is_some_and(|(before, now)| before != now)
}

fn name(autoscaler: &Autoscaler) -> String {
    format!("{}/{}", autoscaler.kind, autoscaler.name)
}
