// SPDX-License-Identifier: Apache-2.0
//! The revision of a workload, and whether it is ready. Pure.

use jiff::Timestamp;
use k8s_openapi::{
    api::apps::v1::{Deployment, StatefulSet},
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta},
};

/// Where the Deployment controller writes the number of the revision.
const NUMBER: &str = "deployment.kubernetes.io/revision";
/// Reason of the condition Progressing once a rollout is complete; what came before has another.
const COMPLETE: &str = "NewReplicaSetAvailable";
/// Digits of a UID that tell a Deployment from another one of the name, whose numbers begin anew.
const UID_DIGITS: usize = 8;
/// Beginning of the names of our own field managers.
const OURS: &str = "upsurge.dev/";
/// Stands between the revisions of several workloads; none of them has it.
const SEPARATOR: char = ',';

/// The revision of a workload that was asked for last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What tells it from others.
    pub id: String,
    /// Since when all replicas are of this revision and ready; `None` if they are not.
    pub ready_since: Option<Timestamp>,
    /// Whether it was this operator that changed the pods' template last.
    pub is_ours: bool,
}

impl Revision {
    /// The revisions of all workloads of a target, in the order of the test, as one. It is ready once all are, and is as old as the newest
    /// of those that were not `noted` yet.
    pub fn of_all(each: &[Self], noted: Option<&str>) -> Self {
        let noted: Vec<&str> = noted.map_or_else(Vec::new, |noted| noted.split(SEPARATOR).collect());
        let is_noted = |index: usize, one: &Self| noted.get(index) == Some(&one.id.as_str());
        let mut new: Vec<&Self> = each
            .iter()
            .enumerate()
            .filter(|(index, one)| !is_noted(*index, one))
            .map(|(_, one)| one)
            .collect();
        if new.is_empty() {
            new = each.iter().collect();
        }
        let ids: Vec<&str> = each.iter().map(|one| one.id.as_str()).collect();
        let newest = new.iter().filter_map(|one| one.ready_since).max();
        Self {
            id: ids.join(&SEPARATOR.to_string()),
            ready_since: newest.filter(|_| each.iter().all(|one| one.ready_since.is_some())),
            is_ours: new.iter().all(|one| one.is_ours),
        }
    }

    /// Whether one that was noted is of as many workloads: if not, nobody knows which of them have changed.
    pub fn is_like(&self, noted: &str) -> bool {
        self.id.split(SEPARATOR).count() == noted.split(SEPARATOR).count()
    }
}

/// What an object says of its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    id: String,
    is_ready: bool,
    /// When it became ready, if the object tells.
    completed: Option<Timestamp>,
    is_ours: bool,
}

impl Reading {
    /// The revision, after what was known before.
    pub fn after(self, known: Option<&Revision>, now: Timestamp) -> Revision {
        let since = match known {
            // Seen for the first time: it may have been ready for long.
            None => self.completed.unwrap_or(now),
            Some(known) if known.id == self.id => known.ready_since.unwrap_or(now),
            Some(_) => now,
        };
        Revision { id: self.id, ready_since: self.is_ready.then_some(since), is_ours: self.is_ours }
    }
}

/// A workload that has revisions.
pub trait RolledOut {
    /// What it says; `None` as long as its controller has not seen it.
    fn reading(&self) -> Option<Reading>;
}

impl RolledOut for Deployment {
    fn reading(&self) -> Option<Reading> {
        let number = self.metadata.annotations.as_ref()?.get(NUMBER)?;
        let uid: String = self.metadata.uid.iter().flat_map(|uid| uid.chars()).take(UID_DIGITS).collect();
        let status = self.status.clone().unwrap_or_default();
        let count = |count: Option<i32>| count.unwrap_or_default();
        let replicas = Replicas {
            asked: self.spec.replicas,
            all: count(status.replicas),
            updated: count(status.updated_replicas),
            ready: count(status.ready_replicas),
            available: count(status.available_replicas),
        };
        let completed = status.conditions.iter().flatten().find_map(|condition| {
            let is_complete = condition.reason.as_deref() == Some(COMPLETE);
            condition.last_update_time.as_ref().filter(|_| is_complete).map(|time| time.0)
        });
        Some(Reading {
            id: format!("{number}-{uid}"),
            is_ready: is_observed(&self.metadata, status.observed_generation) && replicas.are_ready(),
            completed,
            is_ours: is_ours(&self.metadata),
        })
    }
}

impl RolledOut for StatefulSet {
    fn reading(&self) -> Option<Reading> {
        let status = self.status.clone()?;
        let count = |count: Option<i32>| count.unwrap_or_default();
        let replicas = Replicas {
            asked: self.spec.replicas,
            all: status.replicas,
            updated: count(status.updated_replicas),
            ready: count(status.ready_replicas),
            available: count(status.available_replicas),
        };
        Some(Reading {
            is_ready: is_observed(&self.metadata, status.observed_generation) && replicas.are_ready(),
            id: status.update_revision?,
            completed: None,
            is_ours: is_ours(&self.metadata),
        })
    }
}

struct Replicas {
    asked: Option<i32>,
    all: i32,
    updated: i32,
    ready: i32,
    available: i32,
}

impl Replicas {
    /// All that were asked for are of the new revision and ready, and none of the old one is left.
    fn are_ready(&self) -> bool {
        self.updated >= self.asked.unwrap_or(1)
            && self.all == self.updated
            && self.ready >= self.updated
            && self.available >= self.updated
    }
}

/// Whether the status speaks of the spec as it is.
fn is_observed(metadata: &ObjectMeta, observed: Option<i64>) -> bool {
    observed.unwrap_or_default() >= metadata.generation.unwrap_or_default()
}

/// Whether we were the last to write the template of the pods.
fn is_ours(metadata: &ObjectMeta) -> bool {
    let of_template = |entry: &&ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref();
        fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:template").is_some())
    };
    let writers = metadata.managed_fields.iter().flatten().filter(of_template);
    let last = writers.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    last.and_then(|entry| entry.manager.as_deref()).is_some_and(|manager| manager.starts_with(OURS))
}

#[cfg(test)]
mod tests;
