// SPDX-License-Identifier: Apache-2.0
//! Decisions: changes of `spec.replicas` in one direction. Changes within a second are one, as 1 → 4 is.

use jiff::{SignedDuration, Timestamp};

use crate::observation::{Clock, Event, PodLife, Stamper, What};

/// Changes that are no farther apart than this are one.
pub(super) const ONE: SignedDuration = SignedDuration::from_secs(1);

/// Where replicas go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    fn leads<T: PartialOrd>(self, from: T, to: T) -> bool {
        match self {
            Self::Up => to > from,
            Self::Down => to < from,
        }
    }
}

pub(super) struct Decision {
    pub(super) at: Timestamp,
    /// Whether it is known when it was.
    pub(super) known: bool,
    pub(super) from: u32,
    pub(super) to: u32,
    /// When the load last moved the same way.
    pub(super) moved: Option<Timestamp>,
}

/// All decisions in a direction.
pub(super) fn decisions(events: &[Event], clock: &Clock, direction: Direction) -> Vec<Decision> {
    let mut decisions: Vec<Decision> = Vec::new();
    let (mut asked, mut level, mut moved) = (None, None, None);
    let mut before_it = Timestamp::MIN;
    for event in events {
        match &event.what {
            What::Load { level: now } => {
                // The first level is a rise from nothing.
                if direction.leads(level.unwrap_or(0.0), *now) {
                    moved = Some(event.seen);
                }
                level = Some(*now);
            }
            What::Asked { replicas } => {
                let before = asked.replace(*replicas);
                let since = std::mem::replace(&mut before_it, event.seen);
                let Some(from) = before.filter(|from| direction.leads(*from, *replicas)) else { continue };
                let stamped = event.found.then(|| stamped(events, (since, event.seen), clock)).flatten();
                let (at, known) = (stamped.unwrap_or(event.seen), !event.found || stamped.is_some());
                match decisions.last_mut() {
                    Some(last) if last.to == from && at.duration_since(last.at) <= ONE => last.to = *replicas,
                    _ => decisions.push(Decision {
                        at,
                        known,
                        from,
                        to: *replicas,
                        moved: moved.filter(|moved| *moved <= at),
                    }),
                }
            }
            _ => {}
        }
    }
    decisions
}

impl Decision {
    /// How many pods it asks for, or gives up.
    pub(super) fn wanted(&self) -> usize {
        self.from.abs_diff(self.to) as usize
    }
}

/// The pods of each decision, of those in the order in which `when` came: as many as it wanted, from a moment before it on
/// and until the next one.
pub(super) fn own(
    decisions: &[Decision],
    lives: Vec<PodLife>,
    when: impl Fn(&PodLife) -> Option<Timestamp>,
) -> Vec<Vec<PodLife>> {
    let mut lives = lives.into_iter().peekable();
    let until = |index: usize| decisions.get(index + 1).map_or(Timestamp::MAX, |next| next.at);
    decisions
        .iter()
        .enumerate()
        .map(|(index, decision)| {
            let mut own: Vec<PodLife> = Vec::new();
            while let Some(life) = lives.next_if(|life| when(life) < Some(early(until(index)))) {
                if when(&life) >= Some(early(decision.at)) && own.len() < decision.wanted() {
                    own.push(life);
                }
            }
            own
        })
        .collect()
}

/// When the autoscaler says that it did what was found, if that was between two instants.
fn stamped(events: &[Event], (since, found): (Timestamp, Timestamp), clock: &Clock) -> Option<Timestamp> {
    let said = events.iter().filter_map(|event| match &event.what {
        What::Scaling(scaling) => Some(clock.read(scaling.last_scale?, Stamper::ControlPlane)),
        _ => None,
    });
    said.filter(|at| *at > since && *at <= found).max()
}

/// Seconds from one instant to another. What stamps of whole seconds put into the wrong order took no time.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.duration_since(from).as_millis().max(0) as f64) / 1e3
}

/// What a stamp says may be a second early.
fn early(at: Timestamp) -> Timestamp {
    at.saturating_sub(ONE).unwrap_or(Timestamp::MIN)
}
