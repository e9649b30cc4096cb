// SPDX-License-Identifier: Apache-2.0
//! Gives the record of a finished run to the pod that puts it into a store.
//!
//! That pod proves who it is by its token, as runners do, and gets the record of the run whose Job it is of: the Job's name has the run's
//! UID in it. Whoever can make such a Job in a namespace could read all Secrets there anyway; a record holds no more than what the runs of
//! that namespace measured. What is given out is bounded by namespace ([`super::shelf`]), and what is asked of the API server for it by
//! its ration.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
};
use futures::stream;
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::Api;
use upsurge_crds::internal::Record;
use upsurge_observer::plain;

use super::{
    admission::{Closed, is_run},
    authentication::{Denied, Identity},
    line::Line,
    session,
    sessions::Sessions,
    shelf::Reading,
    view::RunKey,
};
use crate::naming;

/// Bytes of a record that are handed over at once.
const PART: usize = 64 << 10;

/// Why no record is given.
pub enum NotGiven {
    /// Who asks is not let in.
    Closed(Closed),
    /// There is none: a status and words.
    None(StatusCode, String),
}

impl From<Closed> for NotGiven {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<Denied> for NotGiven {
    fn from(denied: Denied) -> Self {
        Self::Closed(denied.into())
    }
}

impl Sessions {
    /// Keeps the record of a run with all that there is of it, until it is in its store.
    pub fn shelve(&self, namespace: &str, uid: &str, record: Vec<u8>) {
        self.shelf().put(namespace, uid, record);
    }

    /// Whether there is such a record.
    pub fn has_shelved(&self, namespace: &str, uid: &str) -> bool {
        self.shelf().get(namespace, uid).is_some()
    }

    /// It is in its store, or nobody tries any longer.
    pub fn unshelve(&self, uid: &str) {
        self.shelf().remove(uid);
    }

    /// The record of a run, for a pod that is to put it into a store.
    pub(super) async fn stored(
        &self,
        run: &RunKey,
        headers: &HeaderMap,
        line: &Line,
    ) -> Result<Body, NotGiven> {
        if !self.is_serving() {
            return Err(Closed::NotServing.into());
        }
        if !is_run(run) {
            return Err(Closed::NoName.into());
        }
        let place = self.room().requests.clone().try_acquire_owned().map_err(|_| Closed::Busy)?;
        let namespace = run.namespace.as_str();
        let may_ask = |pod: &session::Pod| self.may_ask(namespace, pod);
        let who = self.authenticator().identify(headers, namespace, may_ask).await?;
        // A pod that asks again and again has all of it looked up again.
        if !self.may_ask(namespace, &who.pod) {
            return Err(Closed::Busy.into());
        }
        let uid = self.storer(run, &who).await?;
        line.let_in();
        let reading = self.shelf().read(namespace).ok_or(Closed::Busy)?;
        let record = match self.shelf().get(namespace, &uid) {
            Some(record) => record,
            None => self.kept(run, &uid).await?,
        };
        drop(place);
        Ok(body(record, reading))
    }

    /// The UID of the run whose record a pod is to store, as its Job claims it: it counts only within the namespace.
    async fn storer(&self, run: &RunKey, who: &Identity) -> Result<String, Denied> {
        let (namespace, name) = (&run.namespace, &who.pod.name);
        let stranger =
            |why: &str| Denied::Forbidden(format!("pod {name} gets no record of run {run}: {why}"));
        let unknown = |what: String, error: &kube::Error| {
            Denied::Unavailable(format!("{what} can't be looked up: {}", plain(error)))
        };
        let pod = match self.cache().pod(namespace, name, &who.pod.uid) {
            Some(pod) => pod.metadata.clone(),
            None => {
                let pods: Api<Pod> = Api::namespaced(self.client().clone(), namespace);
                let found = pods.get_metadata_opt(name).await;
                let found = found.map_err(|error| unknown(format!("pod {namespace}/{name}"), &error))?;
                found.ok_or_else(|| stranger("it does not exist any more"))?.metadata
            }
        };
        if pod.uid.as_deref() != Some(who.pod.uid.as_str()) {
            return Err(stranger("its token was made for an earlier pod of that name"));
        }
        let Some(owner) = owner(&pod, "Job") else { return Err(stranger("it is of no Job")) };
        let jobs: Api<Job> = Api::namespaced(self.client().clone(), namespace);
        let found = jobs.get_metadata_opt(&owner.name).await;
        let found = found.map_err(|error| unknown(format!("Job {namespace}/{}", owner.name), &error))?;
        let job = found.ok_or_else(|| stranger("its Job does not exist any more"))?.metadata;
        storing_for(&job, owner, run).ok_or_else(|| stranger("its Job is not made to store it"))
    }

    /// The record that the namespace keeps.
    async fn kept(&self, run: &RunKey, uid: &str) -> Result<Bytes, NotGiven> {
        let none = || {
            let words =
                format!("run {run} has no record: it has left none, or it had to make room for others");
            NotGiven::None(StatusCode::NOT_FOUND, words)
        };
        let records: Api<Record> = Api::namespaced(self.client().clone(), &run.namespace);
        let found = records.get_opt(&run.name).await.map_err(|error| {
            Denied::Unavailable(format!("the record of run {run} can't be read: {}", plain(&error)))
        })?;
        let record = found.filter(|record| is_owned(&record.metadata, uid)).ok_or_else(none)?;
        Ok(record.spec.data.0.into())
    }
}

/// The UID of the run that a Job was made for to store its record, if it was.
fn storing_for(job: &ObjectMeta, claimed: &OwnerReference, run: &RunKey) -> Option<String> {
    let owner = owner(job, "LoadTestRun").filter(|owner| owner.name == run.name)?;
    let name = naming::store(&naming::base(&run.name, &owner.uid));
    let is_that = job.uid.as_ref() == Some(&claimed.uid) && job.name.as_ref() == Some(&name);
    is_that.then(|| owner.uid.clone())
}

fn owner<'a>(object: &'a ObjectMeta, kind: &str) -> Option<&'a OwnerReference> {
    object.owner_references.iter().flatten().find(|owner| owner.kind == kind)
}

fn is_owned(object: &ObjectMeta, uid: &str) -> bool {
    object.owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// The record part by part. Its place is taken until the last part was asked for.
fn body(record: Bytes, reading: Reading) -> Body {
    let parts = stream::unfold((record, reading), |(mut left, reading)| async move {
        let part = left.split_to(left.len().min(PART));
        (!part.is_empty()).then_some((Ok::<_, Infallible>(part), (left, reading)))
    });
    Body::from_stream(parts)
}

#[cfg(test)]
mod tests;
