//! Where a checkpoint is kept: a ConfigMap beside the run, written under an optimistic lock.
//!
//! The lock makes a second writer (an operator that lost its lease and does not know yet) harmless: whoever
//! finds the ConfigMap changed by another must start again from what is in it.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{ByteString, api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client, api::PostParams};
use tokio::time::timeout;
use upsurge_crds::names::{FIELD_MANAGER, labels};

use super::view::SessionConfig;

/// Key of the checkpoint within its ConfigMap.
const KEY: &str = "checkpoint";
/// Longest time for a write. Whether it was carried out all the same, the optimistic lock tells.
const LONGEST_WRITE: Duration = Duration::from_secs(10);
/// Value of the component label.
const COMPONENT: &str = "checkpoint";

/// The ConfigMap of a run's checkpoint.
pub struct Store {
    api: Api<ConfigMap>,
    template: ObjectMeta,
    run_uid: String,
    resource_version: Option<String>,
}

/// Why a checkpoint is not durable.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Somebody else has written it.
    #[error("the checkpoint was written by another operator")]
    Conflict,
    /// The API server did not answer as it should; try again.
    #[error("the checkpoint can't be written: {0}")]
    Api(#[from] kube::Error),
    /// The API server did not answer in time; try again.
    #[error("the checkpoint was not written within {} s", LONGEST_WRITE.as_secs())]
    Timeout,
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
            api: Api::namespaced(client, &config.plan.namespace),
            template,
            run_uid: config.plan.uid.clone(),
            resource_version: None,
        }
    }

    /// Reads the checkpoint; `None` if there is none of this very run.
    ///
    /// # Errors
    /// When the API server can't be asked.
    pub async fn load(&mut self) -> Result<Option<Vec<u8>>, kube::Error> {
        let name = self.template.name.clone().unwrap_or_default();
        let Some(found) = self.api.get_opt(&name).await? else {
            self.resource_version = None;
            return Ok(None);
        };
        self.resource_version = found.metadata.resource_version;
        let owners = found.metadata.owner_references.unwrap_or_default();
        if !owners.iter().any(|owner| owner.uid == self.run_uid) {
            // Left over from a run of the same name that was deleted; the next write takes its place.
            return Ok(None);
        }
        Ok(found.binary_data.and_then(|mut data| data.remove(KEY)).map(|bytes| bytes.0))
    }

    /// Writes the checkpoint, if nobody else has since this store read or wrote it.
    ///
    /// # Errors
    /// [`SaveError::Conflict`] when somebody else has: load again.
    pub async fn save(&mut self, bytes: Vec<u8>) -> Result<(), SaveError> {
        let name = self.template.name.clone().unwrap_or_default();
        let metadata =
            ObjectMeta { resource_version: self.resource_version.clone(), ..self.template.clone() };
        let checkpoint = ConfigMap {
            metadata,
            binary_data: Some([(KEY.to_owned(), ByteString(bytes))].into()),
            ..ConfigMap::default()
        };
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
