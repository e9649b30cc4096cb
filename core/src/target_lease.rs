// SPDX-License-Identifier: Apache-2.0
//! One run at a time per target: what a target is, whose turn it is, and who was there at the same time.
//!
//! [`claims()`] says which targets a test has, [`standing()`] what a lease says to a run that wants one of them, [`left`] and
//! [`without`] what becomes of a lease when runs go, [`company()`] whose loads were on a target at the same time. Functions
//! from one [`TargetLeaseSpec`] to the next; who reads and writes them, and finds out which runs are gone, is elsewhere.

mod claims;
mod company;
mod leaving;
mod standing;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::{
    internal::{TargetLeaseSpec, TargetUser},
    v1alpha1::Sharing,
};

pub use self::{
    claims::{Claim, claims},
    company::{Company, company, told},
    leaving::{Gone, Left, left, without},
    standing::{Busy, Standing, standing},
};

/// Most holders, waiting runs and past loads of a lease; the schema says the same.
const MOST: usize = 64;

/// The time in which a run made load; without an end it still does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// When it began.
    pub from: Time,
    /// When it ended.
    pub until: Option<Time>,
}

/// Whether two runs may have a target at the same time.
fn fit(one: &TargetUser, other: &TargetUser) -> bool {
    (one.part && other.part) || are_company(one, other)
}

/// Whether two runs may make load on the very same target.
fn are_company(one: &TargetUser, other: &TargetUser) -> bool {
    one.sharing == Sharing::Shared && other.sharing == Sharing::Shared && !(one.part && other.part)
}

/// The order of those who wait: the oldest first.
fn rank(user: &TargetUser) -> impl Ord + '_ {
    (user.created.0, &user.namespace, &user.name, &user.uid)
}

fn is(uid: &str) -> impl Fn(&TargetUser) -> bool + '_ {
    move |user| user.uid == uid
}

/// Whether nobody has or wants the target.
fn is_idle(lease: &TargetLeaseSpec) -> bool {
    lease.holders.is_empty() && lease.waiting.is_empty()
}

#[cfg(test)]
mod tests;
