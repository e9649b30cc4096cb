// SPDX-License-Identifier: Apache-2.0
//! Where a checkpoint is kept: an internal resource beside the run, written under an optimistic lock.
//!
//! The lock makes a second writer (an operator that lost its lease and does not know yet) harmless: whoever
//! finds the checkpoint changed by another must start again from what is in it. One that another version wrote in a
//! form that is not known here is left alone.

mod legacy;

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{ByteString, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
};
use tokio::time::timeout;
use upsurge_crds::{
    internal::{
        Checkpoint, CheckpointSpec,
        checkpoint::{COMPONENT, FORM},
    },
    names::{FIELD_MANAGER, labels},
};
use upsurge_observer::plain;

use super::{
    checkpoint::{is_known, known},
    view::SessionConfig,
};

/// Longest time for a write. Whether it was carried out all the same, the optimistic lock tells.
const LONGEST_WRITE: Duration = Duration::from_secs(10);

/// The checkpoint of a run.
pub struct Store {
    client: Client,
    api: Api<Checkpoint>,
    template: ObjectMeta,
    run_uid: String,
    is_under_way: bool,
    resource_version: Option<String>,
}

/// Why a checkpoint is not durable.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Somebody else has written it.
    #[error("the checkpoint was written by another operator")]
    Conflict,
    /// The API server did not answer as it should; try again.
    #[error("the checkpoint can't be written: {}", plain(.0))]
    Api(#[from] kube::Error),
    /// The API server did not answer in time; try again.
    #[error("the checkpoint was not written within {} s", LONGEST_WRITE.as_secs())]
    Timeout,
}

impl SaveError {
    /// Whether the API server does not want it, and not only at the moment.
    pub fn is_lasting(&self) -> bool {
        self.is_refusal() && !matches!(self, Self::Api(kube::Error::Api(status)) if status.code == 429)
    }

    /// Whether it is sure that nothing was written: the API server said so.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if (400..500).contains(&status.code))
    }
}

/// Why a checkpoint can't be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The API server did not answer as it should; try again.
    #[error("the checkpoint can't be read: {}", plain(.0))]
    Api(#[from] kube::Error),
    /// Another version wrote it.
    #[error("the checkpoint has payload version {found}, and was left as it is; {known}", known = known())]
    Unknown {
        /// Form of the payload.
        found: i32,
    },
    /// There is none of a run that is under way, and what the version before kept may not be read.
    #[error(
        "there is no checkpoint of a run that is under way. If the operator was just upgraded from a version that kept \
         checkpoints in ConfigMaps, set the chart's value rbac.legacyCheckpoints to true for the upgrade, so that \
         ConfigMap {name} may be read; this run has to be made again"
    )]
    Legacy {
        /// Name of the ConfigMap that an earlier version would have written.
        name: String,
    },
    /// There is none of a run that is under way.
    #[error("the checkpoint of a run that is under way is gone: somebody deleted it")]
    Lost,
}

/// What a checkpoint's place held.
pub enum Kept {
    /// Nothing of this very run.
    Nothing,
    /// A checkpoint.
    Checkpoint(Vec<u8>),
    /// One that the version before wrote, elsewhere.
    Legacy(Vec<u8>),
}

impl Store {
    /// The store of a session.
    pub fn new(client: Client, config: &SessionConfig) -> Self {
        let mut all: BTreeMap<String, String> = config.labels.clone();
        all.insert(labels::COMPONENT.into(), COMPONENT.into());
        all.entry(labels::MANAGED_BY.into()).or_insert_with(|| labels::MANAGED_BY_VALUE.into());
        let template = ObjectMeta {
            name: Some(config.checkpoint.clone()),
            namespace: Some(config.plan.namespace.clone()),
            labels: Some(all),
            owner_references: Some(vec![config.owner.clone()]),
            ..ObjectMeta::default()
        };
        Self {
            api: Api::namespaced(client.clone(), &config.plan.namespace),
            client,
            template,
            run_uid: config.plan.uid.clone(),
            is_under_way: config.is_under_way,
            resource_version: None,
        }
    }

    /// Reads what there is.
    ///
    /// # Errors
    /// When the API server can't be asked, or there must be a checkpoint and none can be read.
    pub async fn load(&mut self) -> Result<Kept, LoadError> {
        let name = self.template.name.clone().unwrap_or_default();
        let Some(found) = self.api.get_opt(&name).await? else {
            self.resource_version = None;
            return self.without().await;
        };
        if !is_known(found.spec.payload_version) {
            return Err(LoadError::Unknown { found: found.spec.payload_version });
        }
        self.resource_version = found.metadata.resource_version;
        let owners = found.metadata.owner_references.unwrap_or_default();
        if !owners.iter().any(|owner| owner.uid == self.run_uid) {
            // Left over from a run of the same name that was deleted; the next write takes its place.
            return Ok(Kept::Nothing);
        }
        Ok(Kept::Checkpoint(found.spec.data.0))
    }

    /// There is no checkpoint. Each run has one before it has runners, so that one under way was begun by an earlier
    /// version.
    async fn without(&self) -> Result<Kept, LoadError> {
        if !self.is_under_way {
            return Ok(Kept::Nothing);
        }
        let (namespace, name) = (
            self.template.namespace.clone().unwrap_or_default(),
            self.template.name.clone().unwrap_or_default(),
        );
        legacy::read(&self.client, &namespace, &name, &self.run_uid).await
    }

    /// Writes the checkpoint, if nobody else has since this store read or wrote it.
    ///
    /// # Errors
    /// [`SaveError::Conflict`] when somebody else has: load again.
    pub async fn save(&mut self, bytes: Vec<u8>) -> Result<(), SaveError> {
        let name = self.template.name.clone().unwrap_or_default();
        let metadata =
            ObjectMeta { resource_version: self.resource_version.clone(), ..self.template.clone() };
        let spec = CheckpointSpec { payload_version: FORM, data: ByteString(bytes) };
        let checkpoint = Checkpoint { metadata, spec };
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let write = async {
            match self.resource_version {
                Some(_) => self.api.replace(&name, &parameters, &checkpoint).await,
                None => self.api.create(&parameters, &checkpoint).await,
            }
        };
        match timeout(LONGEST_WRITE, write).await.map_err(|_| SaveError::Timeout)? {
            Ok(written) => {
                self.resource_version = written.metadata.resource_version;
                // From here on one that is missing was deleted, or never was.
                self.is_under_way = false;
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Err(SaveError::Conflict),
            Err(kube::Error::Api(status)) if status.code == 404 && self.resource_version.is_some() => {
                // Deleted by somebody: everything is still here, so the next try creates it.
                self.resource_version = None;
                Err(kube::Error::Api(status).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Deletes a checkpoint that is not needed any more, unless it has a form that is not known here.
///
/// # Errors
/// When the API server refuses.
pub async fn discard(client: &Client, namespace: &str, name: &str) -> Result<(), kube::Error> {
    let api: Api<Checkpoint> = Api::namespaced(client.clone(), namespace);
    let Some(found) = api.get_opt(name).await? else { return Ok(()) };
    if !is_known(found.spec.payload_version) {
        return Ok(());
    }
    // The very one that was looked at.
    let preconditions =
        Preconditions { uid: found.metadata.uid, resource_version: found.metadata.resource_version };
    let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
    match api.delete(name, &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result.map(|_| ()),
    }
}
