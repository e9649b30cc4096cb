// SPDX-License-Identifier: Apache-2.0
//! Runs that have their targets, as far as this operator has seen it. A lease that somebody deletes by hand is written anew by whoever
//! wants the target next, with those who still have it.
//!
//! Nothing in here is needed after a restart: a run under way is noted again at its first look. Whether one is gone, is asked elsewhere.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use upsurge_core::target_lease::Claim;
use upsurge_crds::internal::{TargetLeaseSpec, TargetUser};

/// The runs, by their UID, with what they have.
#[derive(Debug, Default)]
pub struct AtWork(Mutex<BTreeMap<String, (Vec<Claim>, TargetUser)>>);

impl AtWork {
    /// A run has all that it claims.
    pub fn note(&self, claims: &[Claim], user: &TargetUser) {
        let mut runs = self.lock();
        // Since when it has it, was noted the first time.
        runs.entry(user.uid.clone()).or_insert_with(|| (claims.to_vec(), user.clone()));
    }

    /// A run has left its targets, or is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// The lease on a target with those who have the target and are not in it, other than one run.
    pub fn completed(
        &self,
        target: &str,
        found: Option<&TargetLeaseSpec>,
        uid: &str,
    ) -> Option<TargetLeaseSpec> {
        let mut lease = found.cloned();
        for (claims, user) in self.lock().values().filter(|(_, user)| user.uid != uid) {
            let Some(claim) = claims.iter().find(|claim| claim.target == target) else { continue };
            let lease = lease.get_or_insert_with(|| TargetLeaseSpec {
                target: target.to_owned(),
                holders: Vec::new(),
                waiting: Vec::new(),
                past: Vec::new(),
            });
            if lease.holders.iter().all(|holder| holder.uid != user.uid) {
                lease.waiting.retain(|other| other.uid != user.uid);
                lease.holders.push(TargetUser { part: claim.part, ..user.clone() });
            }
        }
        lease
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Vec<Claim>, TargetUser)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
