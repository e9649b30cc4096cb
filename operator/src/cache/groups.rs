// SPDX-License-Identifier: Apache-2.0
//! Which objects belong together, by name: whoever asks for the few of one group need not look at thousands.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

/// Namespace and name of what objects belong to.
type Group = (String, String);

/// The names of objects by what they belong to. Names of objects that are gone are dropped when they are met.
#[derive(Debug, Default)]
pub struct Groups {
    names: Mutex<HashMap<Group, BTreeSet<String>>>,
}

impl Groups {
    /// An object belongs to a group.
    pub fn add(&self, namespace: &str, group: &str, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let members = names.entry((namespace.to_owned(), group.to_owned())).or_default();
        if !members.contains(name) {
            members.insert(name.to_owned());
        }
    }

    /// An object of a group is gone.
    pub fn remove(&self, namespace: &str, group: &str, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), group.to_owned());
        if let Some(members) = names.get_mut(&key) {
            members.remove(name);
            if members.is_empty() {
                names.remove(&key);
            }
        }
    }

    /// The members of a group that are found; the others are forgotten.
    pub fn members<T>(&self, namespace: &str, group: &str, find: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), group.to_owned());
        let Some(members) = names.get_mut(&key) else { return Vec::new() };
        let mut found = Vec::with_capacity(members.len());
        members.retain(|name| match find(name) {
            Some(member) => {
                found.push(member);
                true
            }
            None => false,
        });
        if members.is_empty() {
            names.remove(&key);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_gone_are_forgotten_and_groups_with_them() {
        let groups = Groups::default();
        for name in ["a", "b", "b"] {
            groups.add("shop", "checkout", name);
        }
        groups.add("bank", "checkout", "c");
        groups.add("bank", "gone", "d");
        groups.remove("bank", "gone", "d");
        groups.remove("bank", "never there", "d");
        assert_eq!(groups.members("shop", "checkout", |name| Some(name.to_owned())), ["a", "b"]);
        assert_eq!(groups.members("shop", "checkout", |name| (name == "b").then_some(())), [()]);
        assert!(groups.members("shop", "checkout", |_| None::<()>).is_empty());
        assert_eq!(groups.names.lock().unwrap().len(), 1);
        assert!(groups.members("bank", "checkout", |_| None::<()>).is_empty());
        assert!(groups.names.lock().unwrap().is_empty());
    }
}
