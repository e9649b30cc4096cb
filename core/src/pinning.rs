// SPDX-License-Identifier: Apache-2.0
//! Holding a target at a number of replicas, or its pods at a size, and putting back what was found: what is to be changed, by what is
//! known and what is there.
//!
//! [`pin`] says what comes next for a target to be held, [`restore`] what is left to put back. Both are asked again at each look and
//! may be asked as often as one likes: what was found is written down before anything is changed, and a field counts as ours only
//! if it has a number or a size that we have set. Nothing is changed here; who reads and writes objects is elsewhere.

mod size;
#[cfg(test)]
mod tests;
mod words;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::{PinnedContainer, PinnedObject, PinningStatus};

use self::{
    size::is_same_size,
    words::{changed_by_others, new_wish},
};
pub use self::{
    size::sized,
    words::{by_hand, said},
};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its number.
    pub epoch: i32,
    /// Replicas.
    pub replicas: i32,
    /// What a container requests and may use; `None` where that is left alone.
    pub size: Option<PinnedContainer>,
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
pub fn pin(known: Option<&PinningStatus>, present: &[Present], wish: &Wish, now: Timestamp) -> Next {
    let earlier = known.and_then(|known| half_done(known, present, wish));
    let wish = earlier.as_ref().unwrap_or(wish);
    let noted = noted(known, present, wish, now);
    if known != Some(&noted) {
        return Next::Note(Box::new(noted));
    }
    let mut changes: Vec<Change> = present
        .iter()
        .filter_map(|one| {
            let to = held(&one.object, wish);
            (to != one.object).then(|| Change { to, version: one.version.clone() })
        })
        .collect();
    if changes.iter().any(|change| change.to.replicas.is_some()) {
        // It is the same object, and what was read of it is not true any more after that.
        changes.retain(|change| change.to.container.is_none());
    }
    if changes.is_empty() { Next::Held } else { Next::Change(changes) }
}

/// An earlier wish that has to be carried out first. Only two numbers, and two sizes, are known as ours: an object with a third one would be
/// taken for somebody else's, and what it has for what is to be put back.
fn half_done(known: &PinningStatus, present: &[Present], wish: &Wish) -> Option<Wish> {
    let has_number =
        |previous: i32| present.iter().any(|one| numbers(&one.object).any(|number| number == previous));
    let has_size = |previous: &PinnedContainer| {
        let mut containers = present.iter().filter_map(|one| one.object.container.as_ref());
        containers.any(|now| is_same_size(now, previous))
    };
    let number = known.previous.filter(|_| known.replicas != wish.replicas);
    let number = number.filter(|previous| *previous != wish.replicas).is_some_and(has_number);
    let size = known.previous_size.as_ref().filter(|_| known.size != wish.size);
    let size = size.filter(|previous| wish.size.as_ref() != Some(*previous)).is_some_and(has_size);
    (number || size).then(|| Wish { epoch: known.epoch, replicas: known.replicas, size: known.size.clone() })
}

/// What is to be known before a target may be held so.
fn noted(known: Option<&PinningStatus>, present: &[Present], wish: &Wish, now: Timestamp) -> PinningStatus {
    let (epoch, replicas, size) = (wish.epoch, wish.replicas, &wish.size);
    let mut noted = match known {
        Some(known) if (known.epoch, known.replicas, &known.size) == (epoch, replicas, size) => known.clone(),
        Some(known) => PinningStatus {
            replicas,
            epoch,
            // What has not been changed since still has them.
            previous: if known.replicas == replicas { known.previous } else { Some(known.replicas) },
            size: size.clone(),
            previous_size: match known.size == *size {
                true => known.previous_size.clone(),
                false => known.size.clone(),
            },
            // An epoch whose wish has changed meanwhile gets no more time for that.
            since: if known.epoch == epoch { known.since.clone() } else { Some(Time(now)) },
            ..known.clone()
        },
        None => PinningStatus {
            replicas,
            epoch,
            size: size.clone(),
            since: Some(Time(now)),
            ..PinningStatus::default()
        },
    };
    let has_autoscaler = present.iter().any(|one| is_autoscaler(&one.object));
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
    let has_autoscaler = known.originals.iter().any(is_autoscaler);
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
    let sizes = || known.size.iter().chain(&known.previous_size);
    if object.container.as_ref().is_some_and(|now| sizes().any(|ours| is_same_size(now, ours))) {
        without.container.clone_from(&original.container);
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

/// Whether an object is an autoscaler of its own kind, and not the workload or a container of it.
fn is_autoscaler(object: &PinnedObject) -> bool {
    object.replicas.is_none() && object.container.is_none()
}

/// What an object says while the target is held as it is wished.
fn held(object: &PinnedObject, wish: &Wish) -> PinnedObject {
    let (mut held, replicas) = (object.clone(), wish.replicas);
    if object.replicas.is_some() {
        held.replicas = Some(replicas);
    } else if let Some(container) = &object.container {
        // The API server writes amounts in its own way.
        if let Some(size) = wish.size.as_ref().filter(|size| !is_same_size(container, size)) {
            held.container = Some(size.clone());
        }
    } else if object.max_replicas.is_some() {
        (held.min_replicas, held.max_replicas) = (Some(replicas), Some(replicas));
    } else {
        held.paused_replicas = Some(replicas.to_string());
    }
    held
}

/// Whether both are of one object, and of one container of it. Versions of one API group name the same.
pub fn is_same(one: &PinnedObject, other: &PinnedObject) -> bool {
    let group = |object: &PinnedObject| object.api_version.split_once('/').map(|(group, _)| group.to_owned());
    let container = |object: &PinnedObject| object.container.as_ref().map(|container| container.name.clone());
    one.kind == other.kind
        && one.name == other.name
        && group(one) == group(other)
        && container(one) == container(other)
}
