// SPDX-License-Identifier: Apache-2.0
//! The leases on targets, and other runs that have them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_core::target_lease::{Company, Left, Load, Standing, company, left, standing};
use upsurge_crds::{
    internal::{TargetLease, TargetUser},
    v1alpha1::Phase,
};

use super::World;
use crate::target_leases::{Next, Place};

impl World {
    /// The run as its leases have it.
    pub fn user(&self) -> TargetUser {
        self.plan.target_user(&self.run, self.now())
    }

    /// Another run takes the target, or shares it.
    pub fn occupy(&mut self, name: &str) -> TargetUser {
        let other = TargetUser { name: name.into(), uid: format!("uid of {name}"), ..self.user() };
        for claim in &self.plan.claims {
            let lease = self.leases.get(&claim.target);
            let Standing::Free(lease) = standing(&claim.target, lease, &other, &self.gone) else { panic!() };
            self.leases.insert(claim.target.clone(), lease);
        }
        other
    }

    /// A run leaves the target.
    pub fn leave(&mut self, uid: &str) {
        self.leases.retain(|_, lease| match left(lease, uid, None) {
            Left::Unchanged => true,
            Left::Idle => false,
            Left::Lease(next) => {
                *lease = next;
                true
            }
        });
    }

    /// Where the run stands on its target, as far as that is asked.
    pub fn place(&self) -> Place {
        if self.phase() != Phase::Pending || self.job.is_some() || self.run.spec.abort {
            return Place::held();
        }
        let (me, mut is_known) = (self.user(), false);
        for claim in &self.plan.claims {
            let lease = self.leases.get(&claim.target);
            is_known |= lease.is_some_and(|lease| {
                lease.holders.iter().chain(&lease.waiting).any(|user| user.uid == me.uid)
            });
            let object = |spec| Box::new(TargetLease::new("target", spec));
            let next = match standing(&claim.target, lease, &me, &self.gone) {
                Standing::Held => continue,
                Standing::Free(spec) => Next::Free(object(spec)),
                Standing::Busy(busy) => Next::Busy { message: busy.message, line: busy.line.map(object) },
            };
            return Place { is_known, next };
        }
        Place { is_known, next: Next::Held }
    }

    /// Whose load is on the target beside that of the run: of all others that have it.
    pub fn met(&self, start: Timestamp, end: Timestamp) -> Vec<Company> {
        let leases: Vec<_> = self.leases.values().cloned().collect();
        let load = Load { from: Time(start), until: None };
        let others = leases.iter().flat_map(|lease| &lease.holders);
        let loads = others.map(|other| (other.uid.clone(), load.clone())).collect();
        company(&leases, &self.user().uid, (start, end), &loads)
    }
}
