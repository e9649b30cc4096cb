// SPDX-License-Identifier: Apache-2.0
//! Where the record of a run goes besides its namespace.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// Where the record of each run is put besides its namespace, by a pod of that namespace. A store that fails changes no verdict; the
/// condition `RecordStored` of the run tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordSettings {
    /// The store.
    pub store: RecordStore,

    /// How long that is tried after the end of a run: 10s to 24h. Default: 30m.
    #[serde(default = "half_an_hour")]
    pub deadline: TimeSpan,
}

/// A store of records. Exactly one of `objectStore` and `persistentVolumeClaim` is given. A record is called
/// `NAMESPACE/TEST/RUN.record` there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "has(self.objectStore) != has(self.persistentVolumeClaim)",
        "a store is exactly one of objectStore and persistentVolumeClaim"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RecordStore {
    /// S3 and what speaks like it, Google Cloud Storage, or Azure Blob Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_store: Option<ObjectStore>,

    /// A volume in the namespace of the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimStore>,
}

/// An object store. How long it keeps records is set at its bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStore {
    /// Bucket and folder, without credentials. Example: `s3://load-tests/nightly`.
    #[schemars(
        length(min = 6, max = 512),
        regex(pattern = r"^((s3|gs|az)://[^\s/?#@:]+|abfss://[^\s/?#@:]+@[^\s/?#@:]+)(/[^\s?#]*)?$")
    )]
    pub url: String,

    /// Secret with the environment variables that the store needs, such as `AWS_ACCESS_KEY_ID`. The operator never reads it.
    pub secret_ref: SecretName,
}

/// A Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A claim on a volume. Group 65532 must be able to write to it; most volumes are set up for that by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimStore {
    /// Name of the `PersistentVolumeClaim`.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,

    /// Folder in the volume. Default: the volume itself. Example: `load-tests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 256),
        regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")
    )]
    pub path: Option<String>,

    /// Which records of the test stay there. Those of runs that are to be kept always do. Default: all. Example:
    /// `{passed: {count: 50}, notPassed: {maxAge: 365d}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<RecordHistory>,
}

/// Which records stay, by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordHistory {
    /// Records of runs that passed. Default: all.
    #[serde(default)]
    pub passed: KeptRecords,

    /// Records of other runs. Default: all.
    #[serde(default)]
    pub not_passed: KeptRecords,
}

/// How many records stay, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptRecords {
    /// Most records, the newest ones. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub count: Option<i32>,

    /// Longest time since the run ended. Default: any. Example: `90d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<TimeSpan>,
}

fn half_an_hour() -> TimeSpan {
    TimeSpan::from_secs(1_800)
}
