// SPDX-License-Identifier: Apache-2.0
//! Writing status: by server-side apply, only when there is something new to say, and never over what was not read.
//!
//! A write carries the resource version that was read and the term of the leader who writes. So an operator that lost
//! its lease and does not know yet can't write over what its successor wrote: it fails by the version, and
//! afterwards by the term that it then reads.

pub mod texts;

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use upsurge_crds::{
    names::FIELD_MANAGER,
    v1alpha1::{LoadTestRunStatus, LoadTestStatus},
};

use crate::fence::{Fence, NotLeading};

/// Parameters of everything that the controllers apply.
pub fn parameters() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This operator may not write at all.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// An operator that leads since later has written the status.
    #[error("the status was written under term {theirs} of the lease, and this operator leads under {ours}")]
    Superseded {
        /// The term in the status.
        theirs: i64,
        /// This operator's.
        ours: i64,
    },
    /// The object has changed since it was read: read it again.
    #[error("the object has changed since it was read")]
    Conflict,
    /// The API server refused the status or did not answer.
    #[error("the API server did not take the status")]
    Api(#[from] Box<kube::Error>),
}

/// A status that says under which term it was written.
pub trait Stamped: Serialize + Clone {
    /// Whether a new leader writes its term even if it has nothing else to say. For what only the leader may decide
    /// on; of thousands of objects it would be thousands of writes.
    const CLAIMED: bool;

    /// The term.
    fn term(&self) -> Option<i64>;

    /// Sets the term.
    fn stamp(&mut self, term: Option<i64>);
}

impl Stamped for LoadTestStatus {
    const CLAIMED: bool = false;

    fn term(&self) -> Option<i64> {
        self.leader_term
    }

    fn stamp(&mut self, term: Option<i64>) {
        self.leader_term = term;
    }
}

impl Stamped for LoadTestRunStatus {
    const CLAIMED: bool = true;

    fn term(&self) -> Option<i64> {
        self.leader_term
    }

    fn stamp(&mut self, term: Option<i64>) {
        self.leader_term = term;
    }
}

/// Whether an object may be worked on: by who leads, unless a later leader was at it.
///
/// # Errors
/// When it may not.
pub fn admit<S: Stamped>(fence: &Fence, observed: Option<&S>) -> Result<i64, WriteError> {
    let ours = fence.check()?;
    match observed.and_then(Stamped::term) {
        Some(theirs) if theirs > ours => Err(WriteError::Superseded { theirs, ours }),
        _ => Ok(ours),
    }
}

/// Writes a status if it differs from the one observed. Says whether something was written; an object that is
/// gone needs no status.
///
/// # Errors
/// When this operator may not, or the object has changed since, or the API server refuses it or does not answer.
pub async fn write<K, S>(fence: &Fence, api: &Api<K>, observed: &K, mut wanted: S) -> Result<bool, WriteError>
where
    K: Resource<DynamicType = ()> + HasStatus<Status = S> + Clone + DeserializeOwned + std::fmt::Debug,
    S: Stamped,
{
    let term = admit(fence, observed.status())?;
    let known = observed.status().and_then(Stamped::term);
    wanted.stamp(if S::CLAIMED { Some(term) } else { known });
    if !differs(observed.status(), &wanted)? {
        return Ok(false);
    }
    wanted.stamp(Some(term));
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"resourceVersion": observed.resource_version()},
        "status": wanted,
    });
    match api.patch_status(&observed.name_any(), &parameters(), &Patch::Apply(&body)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(kube::Error::Api(status)) if status.code == 409 => Err(WriteError::Conflict),
        Err(error) => Err(Box::new(error).into()),
    }
}

/// Compared as they are written: times lose their fractions of a second on the way.
fn differs<S: Serialize>(observed: Option<&S>, wanted: &S) -> Result<bool, WriteError> {
    let value = |status: &S| serde_json::to_value(status).map_err(kube::Error::SerdeError).map_err(Box::new);
    let observed = observed.map(value).transpose()?;
    Ok(observed != Some(value(wanted)?))
}

#[cfg(test)]
mod tests;
