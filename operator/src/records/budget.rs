// SPDX-License-Identifier: Apache-2.0
//! How much room records may take, and which of them go when there is too little. Pure.
//!
//! The oldest of runs that passed go first, then the oldest of all others, and those to be kept never. What still has to go to a store stays
//! as long as all such take no more than half of the room: a store that takes nothing must not keep runs from leaving their records. Where room is made, a bit more of it is
//! made than is needed: else each run that ends would have all records looked at.

use std::collections::HashMap;

use jiff::Timestamp;

/// This part of the room is free once it was made.
const SPARE: u64 = 16;

/// Most bytes of records, before base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// In a namespace.
    pub(super) namespace: u64,
    /// In all that are watched.
    pub(super) all: u64,
}

/// A record as its metadata tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) bytes: u64,
    pub(super) has_passed: bool,
    /// Whether it stays in any case.
    pub(super) stays: bool,
    /// Whether it still has to go to the store of its test.
    pub(super) awaits_store: bool,
    pub(super) since: Timestamp,
}

/// How much room is taken, as far as is known: by records that are there, and by those that are about to be written. Records that went with
/// their runs still count, until all are listed once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    all: u64,
    namespaces: HashMap<String, u64>,
}

/// There is no room, even without all that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no room for the {bytes} bytes of the record: all records of {place} may take {limit}, of which those to be kept take {kept}"
)]
pub struct Full {
    bytes: u64,
    place: &'static str,
    kept: u64,
    limit: u64,
}

impl Taken {
    pub(super) fn of(held: &[Held]) -> Self {
        let mut taken = Self::default();
        held.iter().for_each(|record| taken.add(&record.namespace, record.bytes));
        taken
    }

    pub(super) fn add(&mut self, namespace: &str, bytes: u64) {
        self.all = self.all.saturating_add(bytes);
        let sum = self.namespaces.entry(namespace.to_owned()).or_default();
        *sum = sum.saturating_add(bytes);
    }

    pub(super) fn remove(&mut self, namespace: &str, bytes: u64) {
        self.all = self.all.saturating_sub(bytes);
        if let Some(sum) = self.namespaces.get_mut(namespace) {
            *sum = sum.saturating_sub(bytes);
        }
    }

    /// Takes up room for one of so many bytes, if there is any.
    pub(super) fn take(&mut self, limits: Limits, namespace: &str, bytes: u64) -> bool {
        let has_room = self.has_room(limits, namespace, bytes);
        if has_room {
            self.add(namespace, bytes);
        }
        has_room
    }

    /// Whether there is room for one of so many bytes.
    fn has_room(&self, limits: Limits, namespace: &str, bytes: u64) -> bool {
        let of_namespace = self.namespaces.get(namespace).copied().unwrap_or_default();
        of_namespace.saturating_add(bytes) <= limits.namespace && self.has_room_in_all(limits, bytes)
    }

    /// Whether there is, as far as that does not depend on the namespace.
    pub(super) fn has_room_in_all(&self, limits: Limits, bytes: u64) -> bool {
        self.all.saturating_add(bytes) <= limits.all
    }
}

/// The records that go so that there is room for one of so many bytes, by their places in the list.
///
/// # Errors
/// When there is none even without them.
pub(super) fn surplus(
    held: &[Held],
    limits: Limits,
    namespace: &str,
    bytes: u64,
) -> Result<Vec<usize>, Full> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    order.sort_by_key(|place| held.get(*place).map(|record| (!record.has_passed, record.since)));
    let awaiting = awaiting(held, limits);
    let mut gone = vec![false; held.len()];
    let scopes = [(Some(namespace), limits.namespace, "the namespace"), (None, limits.all, "the cluster")];
    for (scope, limit, place) in scopes {
        let is_in = |record: &Held| scope.is_none_or(|namespace| record.namespace == namespace);
        let left = held.iter().zip(&gone).filter(|(record, gone)| is_in(record) && !**gone);
        let mut taken = left.map(|(record, _)| record.bytes).fold(bytes, u64::saturating_add);
        if taken <= limit {
            continue;
        }
        for at in &order {
            if taken <= limit - limit / SPARE {
                break;
            }
            let (Some(record), Some(gone)) = (held.get(*at), gone.get_mut(*at)) else { continue };
            let stays = record.stays || awaiting.get(*at) == Some(&true);
            if is_in(record) && !stays && !*gone {
                *gone = true;
                taken = taken.saturating_sub(record.bytes);
            }
        }
        if taken > limit {
            return Err(Full { bytes, place, kept: taken.saturating_sub(bytes), limit });
        }
    }
    Ok(order.into_iter().filter(|at| gone.get(*at) == Some(&true)).collect())
}

/// Whether each record stays because it still has to go to a store: the oldest first, as far as they take half of the room.
fn awaiting(held: &[Held], limits: Limits) -> Vec<bool> {
    let half = Limits { namespace: limits.namespace / 2, all: limits.all / 2 };
    let mut places: Vec<usize> = (0..held.len()).collect();
    places.sort_by_key(|place| held.get(*place).map(|record| record.since));
    let (mut taken, mut stay) = (Taken::default(), vec![false; held.len()]);
    for place in places {
        if let (Some(record), Some(stays)) = (held.get(place), stay.get_mut(place)) {
            *stays = record.awaits_store && taken.take(half, &record.namespace, record.bytes);
        }
    }
    stay
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LIMITS: Limits = Limits { namespace: 160, all: 320 };

    /// A record of 20 bytes, as `namespace/name` with `+` if it has passed, `!` if it is to be kept, and `>` if it has to go to a store;
    /// later ones are newer.
    fn held(records: &[&str]) -> Vec<Held> {
        let record = |(age, text): (usize, &&str)| {
            let (namespace, name) = text.split_once('/').unwrap();
            Held {
                namespace: namespace.into(),
                name: name.trim_end_matches(['+', '!', '>']).into(),
                uid: None,
                bytes: 20,
                has_passed: name.contains('+'),
                stays: name.contains('!'),
                awaits_store: name.contains('>'),
                since: Timestamp::from_second(age as i64).unwrap(),
            }
        };
        records.iter().enumerate().map(record).collect()
    }

    fn gone(records: &[&str], bytes: u64) -> Result<Vec<String>, Full> {
        let held = held(records);
        let gone = surplus(&held, LIMITS, "shop", bytes)?;
        Ok(gone.into_iter().map(|at| held[at].name.clone()).collect())
    }

    #[rstest]
    #[case::all_fit(&["shop/a", "shop/b+", "shop/c", "shop/d", "shop/e", "shop/f", "shop/g"], &[])]
    #[case::the_oldest_that_passed(&["shop/a", "shop/b", "shop/c+", "shop/d+", "shop/e", "shop/f", "shop/g", "shop/h"], &["c", "d"])]
    #[case::then_the_oldest(&["shop/a", "shop/b", "shop/c", "shop/d", "shop/e", "shop/f", "shop/g", "shop/h+"], &["h", "a"])]
    #[case::one_to_be_kept_never(&["shop/a!", "shop/b+!", "shop/c", "shop/d", "shop/e", "shop/f", "shop/g", "shop/h"], &["c", "d"])]
    #[case::one_that_has_to_go_to_a_store_later(&["shop/a+>", "shop/b+>", "shop/c+>", "shop/d", "shop/e", "shop/f", "shop/g", "shop/h"], &["d", "e"])]
    #[case::but_not_more_than_half_of_them(&["shop/a>", "shop/b>", "shop/c>", "shop/d>", "shop/e>", "shop/f>", "shop/g>", "shop/h>"], &["e", "f"])]
    #[case::others_are_left_alone(&["cart/a+", "cart/b+", "shop/c", "shop/d", "shop/e", "shop/f", "shop/g", "shop/h", "shop/i", "shop/j"], &["c", "d"])]
    fn what_tells_least_goes_until_there_is_room(#[case] records: &[&str], #[case] expected: &[&str]) {
        assert_eq!(gone(records, 20).unwrap(), expected);
    }

    #[test]
    fn the_cluster_has_a_limit_too_and_there_any_namespace_gives() {
        let records: Vec<String> = (0..16)
            .map(|number| format!("n{}/r{number}{}", number % 4, if number > 8 { "+" } else { "" }))
            .collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        assert_eq!(gone(&records, 20).unwrap(), ["r9", "r10"], "a sixteenth is free then");
    }

    #[test]
    fn where_those_to_be_kept_take_all_there_is_no_room_for_another() {
        let error = gone(&["shop/a!"; 8], 20).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no room for the 20 bytes of the record: all records of the namespace may take 160, of which those to be kept take 160"
        );
        assert!(gone(&["shop/a!"; 7], 20).unwrap().is_empty());
    }

    #[test]
    fn what_is_taken_is_known_without_looking_each_time() {
        let mut taken = Taken::of(&held(&["shop/a", "shop/b", "cart/c"]));
        assert!(taken.has_room(LIMITS, "shop", 120) && !taken.has_room(LIMITS, "shop", 121));
        assert!(taken.has_room(LIMITS, "new", 160) && !taken.has_room(LIMITS, "new", 161));
        assert!(
            !taken.take(LIMITS, "shop", 121) && taken.take(LIMITS, "shop", 120),
            "only once there is room"
        );
        assert!(!taken.has_room(LIMITS, "shop", 1) && taken.has_room(LIMITS, "cart", 140));
        taken.add("cart", 140);
        assert!(!taken.has_room(LIMITS, "new", 1));
        taken.remove("shop", 60);
        assert!(taken.has_room(LIMITS, "shop", 60) && !taken.has_room(LIMITS, "shop", 61));
    }
}
