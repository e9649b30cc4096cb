// SPDX-License-Identifier: Apache-2.0
//! Writes records, and makes room for them.
//!
//! A record is written by server-side apply, so that who writes it again after a restart changes nothing. How much room is taken is listed
//! once and then counted; only where there is too little of it are records listed again, by their metadata alone. In a full namespace that
//! is once for some dozens of runs. Records are packed one after the other: many runs may end at once, and each record is there as a copy
//! and as text while it is packed.

mod lists;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::{ByteString, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, Preconditions},
    core::ObjectMeta,
};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::{debug, info};
use upsurge_crds::{
    LoadTestRun,
    internal::{
        Record as KeptRecord, RecordSpec,
        record::{COMPONENT, MOST_BYTES},
    },
    names::{annotations, labels},
    v1alpha1::Verdict,
};
use upsurge_record::{Record, disk::encode, fit::fit};

use super::{
    KeepError,
    budget::{Held, Limits, Taken, surplus},
};
use crate::{naming, settings::Records, status::parameters, stores};

/// Longest time for a request.
pub(super) const LONGEST: Duration = Duration::from_secs(10);
/// Longest time for making room, which may take many of them: the verdict of a run waits for it. What was deleted by then stays so.
pub(super) const LONGEST_ROOM: Duration = Duration::from_secs(15);

/// Keeps the records of finished runs.
pub struct Keeper {
    client: Client,
    settings: Records,
    /// Known once all were listed.
    taken: Mutex<Option<Taken>>,
    /// Room is made by one at a time.
    making_room: tokio::sync::Mutex<()>,
    /// And in this time.
    longest_room: Duration,
    /// Records are packed one at a time, too.
    packing: Arc<tokio::sync::Mutex<()>>,
}

/// A record that has its place, and is not written yet.
pub struct Packed {
    object: KeptRecord,
    namespace: String,
    bytes: u64,
}

impl Keeper {
    /// A keeper that has listed nothing yet.
    pub fn new(client: Client, settings: Records) -> Self {
        Self {
            client,
            settings,
            taken: Mutex::default(),
            making_room: tokio::sync::Mutex::default(),
            longest_room: LONGEST_ROOM,
            packing: Arc::default(),
        }
    }

    /// Whether records are kept at all.
    pub fn is_on(&self) -> bool {
        self.settings.per_run > 0
    }

    /// Packs the record of a run, and makes room for it in its namespace. That may take a while: whoever asked looks before
    /// [`write`](Self::write) whether they still may.
    ///
    /// # Errors
    /// When it does not fit, or there is no room.
    pub async fn pack(&self, run: &LoadTestRun, record: Arc<Record>) -> Result<Packed, KeepError> {
        let (namespace, verdict) = (run.namespace().unwrap_or_default(), record.outcome.verdict);
        let most = usize::try_from(self.settings.per_run.min(MOST_BYTES)).unwrap_or(usize::MAX);
        let turn = self.packing.clone().lock_owned().await;
        let packed = spawn_blocking(move || {
            // Held to the end even if nobody waits for it any more.
            let _turn = turn;
            fit(Arc::unwrap_or_clone(record), most)
        });
        let data = packed.await??;
        let bytes = data.len() as u64;
        let room = timeout(self.longest_room, self.make_room(&namespace, bytes)).await;
        room.map_err(|_| KeepError::Slow)??;
        Ok(Packed { object: object(run, verdict, data), namespace, bytes })
    }

    /// A record with all that there is of it, for a store: larger than what is kept here. `None` if it can't be written down.
    pub async fn whole(&self, record: Arc<Record>) -> Option<Vec<u8>> {
        let turn = self.packing.clone().lock_owned().await;
        let packed = spawn_blocking(move || {
            let _turn = turn;
            encode(&record, &[])
        });
        packed.await.ok()?.ok()
    }

    /// Whether there is the record of this very run.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn has(&self, run: &LoadTestRun) -> Result<bool, KeepError> {
        let namespace = run.namespace().unwrap_or_default();
        let api: Api<KeptRecord> = Api::namespaced(self.client.clone(), &namespace);
        let name = run.name_any();
        let found = within("the record can't be looked for", api.get_metadata_opt(&name)).await?;
        let is_own = |owner: &OwnerReference| Some(&owner.uid) == run.metadata.uid.as_ref();
        Ok(found.is_some_and(|found| found.metadata.owner_references.iter().flatten().any(is_own)))
    }

    /// Writes a record that was packed, whether the run has one already or not.
    ///
    /// # Errors
    /// When the API server refuses it or does not answer.
    pub async fn write(&self, packed: Packed) -> Result<(), KeepError> {
        let Packed { object, namespace, bytes } = packed;
        let api: Api<KeptRecord> = Api::namespaced(self.client.clone(), &namespace);
        let name = object.name_any();
        let (parameters, patch) = (parameters(), Patch::Apply(&object));
        let written = within("the record can't be written", api.patch(&name, &parameters, &patch)).await;
        if let Err(error) = written {
            if let Some(taken) = self.taken().as_mut() {
                taken.remove(&namespace, bytes);
            }
            return Err(error);
        }
        debug!(bytes, "kept the record of the run");
        Ok(())
    }

    /// Takes up room for so many bytes, and lets old records go if there is too little of it. Whoever takes it up and comes to an end
    /// before the record is written takes it up until all are listed again.
    async fn make_room(&self, namespace: &str, bytes: u64) -> Result<(), KeepError> {
        let limits = Limits { namespace: self.settings.per_namespace, all: self.settings.in_all };
        let take = || self.taken().as_mut().is_some_and(|taken| taken.take(limits, namespace, bytes));
        if take() {
            return Ok(());
        }
        let _alone = self.making_room.lock().await;
        if take() {
            return Ok(());
        }
        let mut held = self.held(namespace).await?;
        let taken = Taken::of(&held);
        let is_short_in_all = !taken.has_room_in_all(limits, bytes);
        *self.taken() = Some(taken);
        if take() {
            return Ok(());
        }
        let scopes: Vec<Option<&str>> = match is_short_in_all {
            true => {
                let has_any = |scope: &str| held.iter().any(|record| record.namespace == scope);
                self.scopes().into_iter().filter(|scope| scope.is_none_or(has_any)).collect()
            }
            // Only there will any go.
            false => vec![Some(namespace)],
        };
        let to_keep = self.to_keep(&scopes).await?;
        held.iter_mut().for_each(|record| {
            record.stays |= to_keep.contains(&(record.namespace.clone(), record.name.clone()));
        });
        for place in surplus(&held, limits, namespace, bytes)? {
            if let Some(record) = held.get(place) {
                self.remove(record).await?;
            }
        }
        if let Some(taken) = self.taken().as_mut() {
            taken.add(namespace, bytes);
        }
        Ok(())
    }

    async fn remove(&self, record: &Held) -> Result<(), KeepError> {
        let api: Api<KeptRecord> = Api::namespaced(self.client.clone(), &record.namespace);
        // The very one that was looked at.
        let preconditions = Preconditions { uid: record.uid.clone(), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        let deleted = within("an old record can't be deleted", api.delete(&record.name, &parameters)).await;
        match deleted {
            Ok(_) => {
                info!(namespace = record.namespace, run = record.name, "deleted its record to make room")
            }
            // It is gone, or another one of its name is there.
            Err(KeepError::Api { source, .. }) if is_gone(&source) => {}
            Err(error) => return Err(error),
        }
        if let Some(taken) = self.taken().as_mut() {
            taken.remove(&record.namespace, record.bytes);
        }
        Ok(())
    }

    fn taken(&self) -> MutexGuard<'_, Option<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The object that holds a record: named as its run, which owns it.
fn object(run: &LoadTestRun, verdict: Verdict, data: Vec<u8>) -> KeptRecord {
    let name = run.name_any();
    let mut known = naming::run_labels(&run.spec.load_test_ref.name);
    known.insert(labels::RUN.into(), naming::label(&name));
    known.insert(labels::COMPONENT.into(), COMPONENT.into());
    let mut told = BTreeMap::from([
        (annotations::RECORD_BYTES.to_owned(), data.len().to_string()),
        (annotations::RECORD_VERDICT.to_owned(), format!("{verdict:?}")),
    ]);
    if let Some(settings) = stores::settings(run) {
        let until = stores::until(&settings, Timestamp::now());
        told.insert(annotations::RECORD_STORE_UNTIL.into(), until.to_string());
    }
    let metadata = ObjectMeta {
        name: Some(name),
        namespace: run.namespace(),
        labels: Some(known),
        annotations: Some(told),
        owner_references: run.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let bytes = i64::try_from(data.len()).unwrap_or(i64::MAX);
    KeptRecord { metadata, spec: RecordSpec { verdict, bytes, data: ByteString(data) } }
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 409)
}

/// What came of a request, in time.
async fn within<T>(
    what: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, KeepError> {
    let answer = timeout(LONGEST, request).await.map_err(|_| KeepError::Timeout(what))?;
    answer.map_err(|source| KeepError::Api { what, source: Box::new(source) })
}
