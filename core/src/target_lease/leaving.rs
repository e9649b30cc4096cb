// SPDX-License-Identifier: Apache-2.0
//! What becomes of a lease when runs leave the target, in order or because they are gone.

use std::collections::BTreeMap;

use upsurge_crds::internal::{PastLoad, TargetLeaseSpec, TargetUser};

use super::{Load, MOST, are_company, is_idle};

/// Runs that have ended or don't exist any more, by their UID, with their load if it is known.
pub type Gone = BTreeMap<String, Option<Load>>;

/// What is to be done with a lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    /// Nothing: none of them was in it.
    Unchanged,
    /// It goes on like this.
    Lease(TargetLeaseSpec),
    /// Nobody has or wants the target: it is to be deleted.
    Idle,
}

/// A lease which a run leaves, as a holder or as one who waits. Of its load the others are told at their end.
pub fn left(lease: &TargetLeaseSpec, uid: &str, load: Option<Load>) -> Left {
    without(lease, &Gone::from([(uid.to_owned(), load)]))
}

/// A lease without the runs that are gone.
pub fn without(lease: &TargetLeaseSpec, gone: &Gone) -> Left {
    let next = removed(lease, gone);
    if is_idle(&next) {
        Left::Idle
    } else if next == *lease {
        Left::Unchanged
    } else {
        Left::Lease(next)
    }
}

/// The same, idle or not.
pub(super) fn removed(lease: &TargetLeaseSpec, gone: &Gone) -> TargetLeaseSpec {
    let mut next = lease.clone();
    let is_gone = |user: &TargetUser| gone.contains_key(&user.uid);
    let stays = |user: &TargetUser| !is_gone(user);
    next.holders.retain(stays);
    next.waiting.retain(stays);
    for holder in lease.holders.iter().filter(|holder| is_gone(holder)) {
        if next.holders.iter().any(|other| are_company(holder, other))
            && let Some(Some(Load { from, until: Some(until) })) = gone.get(&holder.uid)
        {
            next.past.push(PastLoad {
                namespace: holder.namespace.clone(),
                name: holder.name.clone(),
                uid: holder.uid.clone(),
                part: holder.part,
                from: from.clone(),
                until: until.clone(),
            });
        }
    }
    // Of no more use to anybody: all who have the target came after it.
    let matters = |past: &PastLoad| next.holders.iter().any(|holder| holder.since.0 <= past.until.0);
    next.past.retain(matters);
    next.past.sort_by_key(|past| past.until.0);
    let surplus = next.past.len().saturating_sub(MOST);
    next.past.drain(..surplus);
    next
}
