// SPDX-License-Identifier: Apache-2.0
//! Checkpoints of the version before, which kept them in ConfigMaps: read once at an upgrade, never written.
//!
//! The right to read them is given for the upgrade only (`rbac.legacyCheckpoints` of the chart). A ConfigMap goes with
//! the run that owns it.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::{Kept, LoadError};

/// Key of the checkpoint within its ConfigMap.
const KEY: &str = "checkpoint";

/// Reads the ConfigMap of a run that is under way.
pub async fn read(client: &Client, namespace: &str, name: &str, run_uid: &str) -> Result<Kept, LoadError> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let found = match maps.get_opt(name).await {
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            return Err(LoadError::Legacy { name: name.into() });
        }
        result => result?,
    };
    found.and_then(|map| content(map, run_uid)).map(Kept::Legacy).ok_or(LoadError::Lost)
}

/// The checkpoint in a ConfigMap of this very run.
fn content(map: ConfigMap, run_uid: &str) -> Option<Vec<u8>> {
    let owners = map.metadata.owner_references.unwrap_or_default();
    owners.iter().find(|owner| owner.uid == run_uid)?;
    map.binary_data?.remove(KEY).map(|bytes| bytes.0)
}
