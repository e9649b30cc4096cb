// SPDX-License-Identifier: Apache-2.0
//! Leases in the operator's own namespace: read, and written under an optimistic lock while this operator leads.

use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, PostParams, Preconditions},
};
use upsurge_crds::{internal::TargetLease, names::FIELD_MANAGER};

use super::object;
use crate::fence::{Fence, NotLeading};

/// Why a lease can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to {verb} {what}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// With what.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// Somebody else has written it since it was read: look again.
    #[error("target lease {0} has changed since it was read")]
    Conflict(String),
    /// This operator may not write.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
}

/// The leases.
pub struct Store {
    api: Api<TargetLease>,
    fence: Fence,
}

impl Store {
    /// The leases in a namespace, written only while the fence is open.
    pub fn new(client: Client, namespace: &str, fence: Fence) -> Self {
        Self { api: Api::namespaced(client, namespace), fence }
    }

    /// The lease on a target, if there is one.
    pub async fn read(&self, target: &str) -> Result<Option<TargetLease>, Error> {
        let name = object::name(target);
        let found = self.api.get_opt(&name).await;
        found.map_err(|source| failed("read", format!("target lease {name}"), source))
    }

    /// All of them.
    pub async fn all(&self) -> Result<Vec<TargetLease>, Error> {
        let all = self.api.list(&ListParams::default()).await;
        all.map(|list| list.items).map_err(|source| failed("list", "target leases".into(), source))
    }

    /// Writes a lease that was read a moment ago, or a new one.
    pub async fn write(&self, lease: &TargetLease) -> Result<(), Error> {
        self.fence.check()?;
        let name = lease.name_any();
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let written = match lease.resource_version() {
            Some(_) => match self.api.replace(&name, &parameters, lease).await {
                // Deleted since it was read.
                Err(kube::Error::Api(status)) if status.is_not_found() => return Err(Error::Conflict(name)),
                result => result,
            },
            None => self.api.create(&parameters, lease).await,
        };
        written.map(drop).map_err(|error| refused("write", &name, error))
    }

    /// Deletes the very lease that was read.
    pub async fn delete(&self, lease: &TargetLease) -> Result<(), Error> {
        self.fence.check()?;
        let (name, uid, resource_version) = (lease.name_any(), lease.uid(), lease.resource_version());
        let preconditions = Some(Preconditions { uid, resource_version });
        let parameters = DeleteParams { preconditions, ..DeleteParams::background() };
        match self.api.delete(&name, &parameters).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            result => result.map(drop).map_err(|error| refused("delete", &name, error)),
        }
    }
}

/// A run that is named in a lease can't be read.
pub fn unread(source: kube::Error) -> Error {
    failed("read", "a run that has the target, or waits for it".into(), source)
}

fn refused(verb: &'static str, name: &str, error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 409 => Error::Conflict(name.to_owned()),
        source => failed(verb, format!("target lease {name}"), source),
    }
}

fn failed(verb: &'static str, what: String, source: kube::Error) -> Error {
    Error::Api { verb, what, source: Box::new(source) }
}
