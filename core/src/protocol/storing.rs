// SPDX-License-Identifier: Apache-2.0
//! What a pod is told that puts the record of a run into a store. It gets the record itself from the collector.

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::RecordHistory;

use crate::http::ReachRules;

/// Environment variable with a [`StoreTask`] as JSON.
pub const STORE_TASK_ENV: &str = "UPSURGE_STORE_TASK";
/// Where the volume of a claim is in that pod. Not below `/upsurge`, which is the program in the image.
pub const STORE_DIRECTORY: &str = "/var/lib/upsurge/store";
/// What the name of a record ends with in a store.
pub const RECORD_SUFFIX: &str = ".record";

/// Where a record is to be put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreTask {
    /// The place.
    pub place: StorePlace,
    /// What the platform's policy lets the pod reach.
    #[serde(default, skip_serializing_if = "ReachRules::is_open")]
    pub reach: ReachRules,
}

/// A place for a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StorePlace {
    /// An object, by its URL.
    Object(String),
    /// A file in the volume of a claim.
    File(StoredFile),
}

/// A file in the volume of a claim, and which files beside it stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredFile {
    /// Its path below [`STORE_DIRECTORY`].
    pub path: String,
    /// Which records of the test stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<RecordHistory>,
    /// Runs whose records stay whatever that says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}
