// SPDX-License-Identifier: Apache-2.0
//! Looks at many records and runs, by their metadata alone and in pages. Writes and deletes nothing.

use std::{collections::HashSet, fmt::Debug};

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource,
    api::ListParams,
    core::{ObjectMeta, PartialObjectMeta},
};
use serde::de::DeserializeOwned;
use tracing::warn;
use upsurge_crds::{
    LoadTestRun,
    internal::{
        Record as KeptRecord,
        record::{COMPONENT, MOST_BYTES},
    },
    names::{annotations, labels},
};

use super::{Keeper, within};
use crate::{
    errors::chain,
    records::{KeepError, budget::Held, stays},
    stores,
};

/// Objects of which metadata are read at once.
const PAGE: u32 = 500;

impl Keeper {
    /// All records that there are, by their metadata. A namespace that can't be looked into, such as one that is gone with the rights on
    /// it, must not keep runs of others from leaving their records.
    pub(super) async fn held(&self, namespace: &str) -> Result<Vec<Held>, KeepError> {
        let selector = format!("{}={COMPONENT}", labels::COMPONENT);
        let (mut held, now) = (Vec::new(), Timestamp::now());
        for scope in self.scopes() {
            let found = |one: PartialObjectMeta<KeptRecord>| held.push(of_metadata(&one.metadata, now));
            match self.each("records can't be listed", scope, &selector, found).await {
                Err(error) if error.is_forbidden() && scope.is_some_and(|scope| scope != namespace) => {
                    warn!(
                        namespace = scope,
                        error = chain(&error),
                        "did not count the records of a namespace"
                    );
                }
                listed => listed?,
            }
        }
        Ok(held)
    }

    /// Namespace and name of all runs that are to be kept.
    pub(super) async fn to_keep(
        &self,
        scopes: &[Option<&str>],
    ) -> Result<HashSet<(String, String)>, KeepError> {
        let mut to_keep = HashSet::new();
        for scope in scopes {
            let found = |one: PartialObjectMeta<LoadTestRun>| {
                if stays(&one.metadata) {
                    let ObjectMeta { namespace, name, .. } = one.metadata;
                    to_keep.insert((namespace.unwrap_or_default(), name.unwrap_or_default()));
                }
            };
            self.each("runs can't be listed", *scope, "", found).await?;
        }
        Ok(to_keep)
    }

    /// The namespaces that are watched; `None` stands for all of them.
    pub(super) fn scopes(&self) -> Vec<Option<&str>> {
        match self.settings.namespaces.as_slice() {
            [] => vec![None],
            some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
        }
    }

    /// Looks at the metadata of all objects of a kind in a namespace, or in all.
    async fn each<K>(
        &self,
        what: &'static str,
        scope: Option<&str>,
        selector: &str,
        mut see: impl FnMut(PartialObjectMeta<K>),
    ) -> Result<(), KeepError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let client = self.client.clone();
        let api: Api<K> = match scope {
            None => Api::all(client),
            Some(namespace) => Api::namespaced(client, namespace),
        };
        let mut parameters = ListParams::default().labels(selector).limit(PAGE);
        loop {
            let page = within(what, api.list_metadata(&parameters)).await?;
            page.items.into_iter().for_each(&mut see);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => return Ok(()),
            }
        }
    }
}

/// What metadata tell of a record. They may have been changed by whoever may write records in its namespace, and must not harm others: no
/// record is larger than the largest, whatever it says. One that something holds though it was deleted gives no room.
pub(super) fn of_metadata(metadata: &ObjectMeta, now: Timestamp) -> Held {
    let known = |name: &str| metadata.annotations.as_ref().and_then(|annotations| annotations.get(name));
    let since = metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0);
    let bytes: Option<u64> = known(annotations::RECORD_BYTES).and_then(|bytes| bytes.parse().ok());
    Held {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone(),
        bytes: bytes.map_or(MOST_BYTES, |bytes| bytes.min(MOST_BYTES)),
        has_passed: known(annotations::RECORD_VERDICT).is_some_and(|verdict| verdict == "Passed"),
        stays: metadata.deletion_timestamp.is_some(),
        awaits_store: known(annotations::RECORD_STORE_UNTIL).is_some_and(|until| is_ahead(until, since, now)),
        since,
    }
}

/// Whether a time is still to come, of a record that is there since then. One that is too far away was made up.
fn is_ahead(until: &str, since: Timestamp, now: Timestamp) -> bool {
    let longest = since.saturating_add(stores::LONGEST).unwrap_or(Timestamp::MAX);
    until.parse::<Timestamp>().is_ok_and(|until| now < until.min(longest))
}
