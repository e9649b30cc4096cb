// SPDX-License-Identifier: Apache-2.0
//! Where the contents of a file come from.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::target::SecretKeyRef;

/// The contents of a file. Exactly one of `configMapKeyRef`, `secretKeyRef` and `text` is given. Keys of
/// ConfigMaps and Secrets are mounted into the runners; the operator never reads them. On the command
/// line they come from ConfigMaps and Secrets in the manifest itself, or from the directory that
/// `--files` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.configMapKeyRef) ? 1 : 0) + (has(self.secretKeyRef) ? 1 : 0) + (has(self.text) ? 1 : 0) == 1",
        "a file has exactly one of configMapKeyRef, secretKeyRef and text"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct FileSource {
    /// Key of a ConfigMap in the namespace of the test, in its `data` or `binaryData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeyRef>,

    /// Key of a Secret in the namespace of the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,

    /// The contents themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub text: Option<String>,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key within the ConfigMap's data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}
