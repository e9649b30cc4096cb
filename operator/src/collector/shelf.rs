// SPDX-License-Identifier: Apache-2.0
//! Records of finished runs that wait for the pods which put them into stores, with all that there is of them. Of a run that is not here,
//! because this operator was started since or others took the room, there is what its namespace keeps. Bounded; by the UID of the run.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;

/// Most bytes of all of them.
const MOST_BYTES: usize = 16 << 20;
/// Most that are given out at the same time, each to another namespace.
const MOST_READERS: usize = 16;

/// The records.
#[derive(Default)]
pub struct Shelf {
    /// The oldest first.
    held: Mutex<VecDeque<Held>>,
    /// Namespaces whose pods are being given one. Who reads slowly must not have the memory filled by asking again.
    readers: Arc<Mutex<HashSet<String>>>,
}

/// The record of a run.
struct Held {
    namespace: String,
    uid: String,
    record: Bytes,
}

/// A record is given out, as long as this is there.
pub struct Reading {
    readers: Arc<Mutex<HashSet<String>>>,
    namespace: String,
}

impl Shelf {
    /// Puts a record here. If there is too little room, the oldest one of the namespace that has most of it goes: a namespace whose store is
    /// gone must not cost others theirs.
    pub fn put(&self, namespace: &str, uid: &str, record: Vec<u8>) {
        if record.len() > MOST_BYTES {
            return;
        }
        let mut held = lock(&self.held);
        held.retain(|one| one.uid != uid);
        held.push_back(Held { namespace: namespace.to_owned(), uid: uid.to_owned(), record: record.into() });
        while held.iter().map(|one| one.record.len()).sum::<usize>() > MOST_BYTES {
            let Some(place) = oldest_of_most(&held) else { return };
            held.remove(place);
        }
    }

    /// The record of a run of a namespace, if it is here. A UID alone would not do: it comes from the owner that a Job names, and whoever
    /// makes a Job in one namespace may write the UID of a run in another.
    pub fn get(&self, namespace: &str, uid: &str) -> Option<Bytes> {
        let held = lock(&self.held);
        let found = held.iter().find(|one| one.namespace == namespace && one.uid == uid);
        found.map(|one| one.record.clone())
    }

    /// Nobody will ask for it any more.
    pub fn remove(&self, uid: &str) {
        lock(&self.held).retain(|one| one.uid != uid);
    }

    /// Begins to give one out to a namespace; `None` if it has to come again.
    pub fn read(&self, namespace: &str) -> Option<Reading> {
        let mut readers = lock(&self.readers);
        let may = readers.len() < MOST_READERS && readers.insert(namespace.to_owned());
        may.then(|| Reading { readers: self.readers.clone(), namespace: namespace.to_owned() })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        lock(&self.readers).remove(&self.namespace);
    }
}

/// The place of the oldest record of the namespace that has most bytes here.
fn oldest_of_most(held: &VecDeque<Held>) -> Option<usize> {
    let mut sums = BTreeMap::<&str, usize>::new();
    for one in held {
        *sums.entry(&one.namespace).or_default() += one.record.len();
    }
    let (most, _) = sums.into_iter().max_by_key(|(_, bytes)| *bytes)?;
    held.iter().position(|one| one.namespace == most)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_records_go_when_there_is_too_little_room() {
        let shelf = Shelf::default();
        for uid in ["a", "b", "c"] {
            shelf.put("shop", uid, vec![0; MOST_BYTES / 2]);
        }
        let has = |uid: &str| shelf.get("shop", uid).is_some();
        assert!(!has("a") && has("b") && has("c"));
        shelf.put("shop", "d", vec![0; MOST_BYTES + 1]);
        assert!(!has("d") && has("c"), "one that is too large costs no other");
        shelf.put("shop", "b", vec![1]);
        assert_eq!(shelf.get("shop", "b").unwrap().as_ref(), [1]);
        assert!(shelf.get("billing", "b").is_none(), "it is of another namespace");
        shelf.remove("b");
        assert!(!has("b"));
    }

    #[test]
    fn a_namespace_whose_records_fill_the_room_costs_others_nothing() {
        let shelf = Shelf::default();
        shelf.put("small", "small", vec![0; MOST_BYTES / 8]);
        for uid in ["a", "b", "c", "d", "e"] {
            shelf.put("large", uid, vec![0; MOST_BYTES / 4]);
        }
        assert!(shelf.get("small", "small").is_some());
        let stays = |uid: &&str| shelf.get("large", uid).is_some();
        let left: Vec<&str> = ["a", "b", "c", "d", "e"].into_iter().filter(stays).collect();
        assert_eq!(left, ["c", "d", "e"]);
    }

    #[test]
    fn a_namespace_is_given_one_at_a_time_and_all_together_so_many() {
        let shelf = Shelf::default();
        let first = shelf.read("shop");
        assert!(first.is_some() && shelf.read("shop").is_none());
        drop(first);
        let all: Vec<_> = (0..MOST_READERS).map(|number| shelf.read(&number.to_string())).collect();
        assert!(all.iter().all(Option::is_some) && shelf.read("shop").is_none());
        drop(all);
        assert!(shelf.read("shop").is_some());
    }
}
