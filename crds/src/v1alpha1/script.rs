// SPDX-License-Identifier: Apache-2.0
//! Scripts in the languages of other tools.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A script in its own language. Exactly one field is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.k6) ? 1 : 0) + (has(self.artillery) ? 1 : 0) + (has(self.jmeter) ? 1 : 0) == 1",
        "a script is exactly one of k6, artillery and jmeter"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// A k6 script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k6: Option<ScriptSource>,

    /// An Artillery script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artillery: Option<ScriptSource>,

    /// A JMeter plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jmeter: Option<ScriptSource>,
}

/// Where a script is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptSource {
    /// Key of a ConfigMap in the namespace of the test.
    pub config_map_key_ref: ConfigMapKeyRef,
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
