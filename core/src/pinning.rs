// SPDX-License-Identifier: Apache-2.0
//! Holding a target at a number of replicas, and putting back what was found: what is to be changed, by what is known and what is there.
//!
//! [`pin`] says what comes next for a target to be held, [`restore`] what is left to put back. Both are asked again at each look and
//! may be asked as often as one likes: what was found is written down before anything is changed, and a field counts as ours only
//! if it has a number that we have set. Nothing is changed here; who reads and writes objects is elsewhere.

#[cfg(test)]
mod tests;
mod words;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::{PinnedObject, PinningStatus};

pub use self::words::{by_hand, said};
use self::words::{changed_by_others, new_wish};

/// An object that decides on the replicas of a target, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// What it says.
    pub object: PinnedObject,
    /// The version of it that was read.
    pub version: Option<String>,
}

/// Something to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the object is to say.
    pub to: PinnedObject,
    /// The version that was read: what was changed since is not written over.
    pub version: Option<String>,
}

/// What an epoch wishes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its number.
    pub epoch: i32,
    /// Replicas.
    pub replicas: i32,
}

/// Most changes by others that are told.
const MOST_CHANGED: usize = 32;

/// What comes next for a target to be held at a number of replicas.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This is to be written down before anything else.
    Note(Box<PinningStatus>),
    /// These are to be changed.
    Change(Vec<Change>),
    /// It is all as it should be.
    Held,
}

/// What is left to put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// What is to be changed.
    pub changes: Vec<Change>,
    /// What is left to those who have changed it, in words.
    pub left: Vec<String>,
}

/// What comes next for the objects of a target to be held as an epoch wishes, by what is known of what was found. Autoscalers come before
/// the workload: they would undo what is done to it.
///
/// A value that is neither what was found nor ours is somebody's new wish. It becomes what is put back.
pub fn pin(known: Option<&PinningStatus>, present: &[Present], wish: Wish, now: Timestamp) -> Next {
    let wish = known.and_then(|known| half_done(known, present, wish)).unwrap_or(wish);
    let noted = noted(known, present, wish, now);
    if known != Some(&noted) {
        return Next::Note(Box::new(noted));
    }
    let changes: Vec<Change> = present
        .iter()
        .filter_map(|one| {
            let to = held(&one.object, wish.replicas);
            (to != one.object).then(|| Change { to, version: one.version.clone() })
        })
        .collect();
    if changes.is_empty() { Next::Held } else { Next::Change(changes) }
}

/// An earlier wish that has to be carried out first. Only two numbers are known as ours: an object with a third one would be taken for
/// somebody else's, and its number for what is to be put back.
fn half_done(known: &PinningStatus, present: &[Present], wish: Wish) -> Option<Wish> {
    let previous = known.previous.filter(|_| known.replicas != wish.replicas)?;
    let has_it = present.iter().any(|one| numbers(&one.object).any(|number| number == previous));
    (has_it && previous != wish.replicas).then_some(Wish { epoch: known.epoch, replicas: known.replicas })
}

/// What is to be known before a target may be held so.
fn noted(known: Option<&PinningStatus>, present: &[Present], wish: Wish, now: Timestamp) -> PinningStatus {
    let Wish { epoch, replicas } = wish;
    let mut noted = match known {
        Some(known) if (known.epoch, known.replicas) == (epoch, replicas) => known.clone(),
        Some(known) => PinningStatus {
            replicas,
            epoch,
            // What has not been changed since still has them.
            previous: if known.replicas == replicas { known.previous } else { Some(known.replicas) },
            // An epoch whose wish has changed meanwhile gets no more time for that.
            since: if known.epoch == epoch { known.since.clone() } else { Some(Time(now)) },
            ..known.clone()
        },
        None => PinningStatus { replicas, epoch, since: Some(Time(now)), ..PinningStatus::default() },
    };
    let has_autoscaler = present.iter().any(|one| one.object.replicas.is_none());
    let mut changed = Vec::new();
    for Present { object, .. } in present {
        match noted.originals.iter_mut().find(|original| is_same(original, object)) {
            Some(original) => {
                let wished =
                    known.map_or_else(|| object.clone(), |known| without_ours(known, original, object));
                // A workload's autoscaler changes its replicas all the time, until it is held.
                if wished != *original && (object.replicas.is_none() || !has_autoscaler) {
                    changed.push(new_wish(original, &wished));
                }
                *original = wished;
            }
            None => noted.originals.push(object.clone()),
        }
    }
    let room = MOST_CHANGED.saturating_sub(noted.changed.len());
    noted.changed.extend(changed.into_iter().take(room));
    noted
}

/// What is left to put back of what was found. What is gone needs nothing.
pub fn restore(known: &PinningStatus, present: &[Present]) -> Rest {
    let mut rest = Rest::default();
    let has_autoscaler = known.originals.iter().any(|original| original.replicas.is_none());
    for original in &known.originals {
        let Some(Present { object, version }) = present.iter().find(|one| is_same(original, &one.object))
        else {
            continue;
        };
        let to = without_ours(known, original, object);
        if to != *object {
            rest.changes.push(Change { to, version: version.clone() });
        } else if object != original && (original.replicas.is_none() || !has_autoscaler) {
            rest.left.push(changed_by_others(original, object));
        }
        // Else its autoscaler, which is itself again, has gone on from there.
    }
    rest
}

/// What an object would say without what we have set. It is asked of each field: tools that apply manifests write only the fields that
/// these have, and leave ours in the others.
fn without_ours(known: &PinningStatus, original: &PinnedObject, object: &PinnedObject) -> PinnedObject {
    let is_ours = |number: i32| number == known.replicas || Some(number) == known.previous;
    let number = |now: Option<i32>, before: Option<i32>| if now.is_some_and(is_ours) { before } else { now };
    let mut without = PinnedObject {
        replicas: number(object.replicas, original.replicas),
        min_replicas: number(object.min_replicas, original.min_replicas),
        max_replicas: number(object.max_replicas, original.max_replicas),
        ..object.clone()
    };
    if paused(object).is_some_and(is_ours) {
        without.paused_replicas.clone_from(&original.paused_replicas);
    }
    match (without.min_replicas, without.max_replicas) {
        // What somebody else has set goes only with what we have set: then it is theirs as a whole.
        (Some(min), Some(max)) if min > max => object.clone(),
        _ => without,
    }
}

/// The numbers of replicas that an object says.
fn numbers(object: &PinnedObject) -> impl Iterator<Item = i32> {
    let all = [object.replicas, object.min_replicas, object.max_replicas, paused(object)];
    all.into_iter().flatten()
}

fn paused(object: &PinnedObject) -> Option<i32> {
    object.paused_replicas.as_ref()?.parse().ok()
}

/// What an object says while the target is held at so many replicas.
fn held(object: &PinnedObject, replicas: i32) -> PinnedObject {
    let mut held = object.clone();
    if object.replicas.is_some() {
        held.replicas = Some(replicas);
    } else if object.max_replicas.is_some() {
        (held.min_replicas, held.max_replicas) = (Some(replicas), Some(replicas));
    } else {
        held.paused_replicas = Some(replicas.to_string());
    }
    held
}

/// Whether both are of one object. Versions of one API group name the same.
pub fn is_same(one: &PinnedObject, other: &PinnedObject) -> bool {
    let group = |object: &PinnedObject| object.api_version.split_once('/').map(|(group, _)| group.to_owned());
    one.kind == other.kind && one.name == other.name && group(one) == group(other)
}
