// SPDX-License-Identifier: Apache-2.0
//! Whose turn it is on a target: what a lease says to a run that wants it.
//!
//! The line is part of the lease, so that it is the same after a restart. Nobody passes an older run that could not be
//! beside him; those who share pass nobody who wants the target alone, or he would wait for ever.

use upsurge_crds::internal::{TargetLeaseSpec, TargetUser};

use super::{Gone, MOST, fit, is, leaving, rank};

/// Holders that a message names.
const NAMED: usize = 3;

/// What a lease says to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It has the target.
    Held,
    /// It may have the target, by writing this.
    Free(TargetLeaseSpec),
    /// It has to wait.
    Busy(Busy),
}

/// Why a run has to wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// For whom, in words.
    pub message: String,
    /// What is to be written for it to have its place in line; nothing if it has it, or the line is full. Then it has none,
    /// and comes after those who have.
    pub line: Option<TargetLeaseSpec>,
}

/// What the lease of a target, if there is one, says to a run that wants it. Runs that are gone don't count.
pub fn standing(target: &str, lease: Option<&TargetLeaseSpec>, me: &TargetUser, gone: &Gone) -> Standing {
    if lease.is_some_and(|lease| lease.holders.iter().any(is(&me.uid))) {
        return Standing::Held;
    }
    let mut lease = match lease {
        Some(lease) => leaving::removed(lease, gone),
        None => TargetLeaseSpec {
            target: target.to_owned(),
            holders: Vec::new(),
            waiting: Vec::new(),
            past: Vec::new(),
        },
    };
    let has_place = lease.waiting.iter().any(is(&me.uid));
    let holders: Vec<&TargetUser> = lease.holders.iter().filter(|holder| !fit(holder, me)).collect();
    let earlier: Vec<&TargetUser> =
        lease.waiting.iter().filter(|other| rank(other) < rank(me) && !fit(other, me)).collect();
    let is_full = lease.holders.len() >= MOST;
    if holders.is_empty() && earlier.is_empty() && !is_full {
        lease.waiting.retain(|other| other.uid != me.uid);
        lease.holders.push(me.clone());
        return Standing::Free(lease);
    }
    let message = message(target, &holders, &earlier, is_full);
    if has_place || lease.waiting.len() >= MOST {
        return Standing::Busy(Busy { message, line: None });
    }
    let place = lease.waiting.partition_point(|other| rank(other) < rank(me));
    lease.waiting.insert(place, me.clone());
    Standing::Busy(Busy { message, line: Some(lease) })
}

fn message(target: &str, holders: &[&TargetUser], earlier: &[&TargetUser], is_full: bool) -> String {
    let mut text = match (holders, earlier) {
        ([], [first, ..]) => format!("waiting for target {target}: {} is first", names(&[first])),
        ([], []) if is_full => {
            format!("waiting for target {target}: {MOST} runs share it, which is the most")
        }
        _ => format!("waiting for target {target}, which {} has until its end", names(holders)),
    };
    let behind = earlier.len() - usize::from(holders.is_empty() && !earlier.is_empty());
    match behind {
        0 => {}
        1 => text += "; 1 older run waits too",
        _ => text += &format!("; {behind} older runs wait too"),
    }
    text + ". Loads that are meant to meet say spec.target.sharing: Shared, each of them"
}

fn names(users: &[&TargetUser]) -> String {
    let shown = users.iter().take(NAMED).map(|user| format!("{}/{}", user.namespace, user.name));
    let names = shown.collect::<Vec<_>>().join(", ");
    match users.len() {
        0 | 1 => format!("run {names}"),
        many if many <= NAMED => format!("each of the runs {names}"),
        many => format!("each of the runs {names} and {} more", many - NAMED),
    }
}
