//! What a request takes from its response into variables of the user.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Takes a value from a response. Exactly one of `jsonPath`, `header` and `regex` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.jsonPath) ? 1 : 0) + (has(self.header) ? 1 : 0) + (has(self.regex) ? 1 : 0) == 1",
        "a capture has exactly one of jsonPath, header and regex"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// Variable that takes the value.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// JSONPath (RFC 9535) into a JSON body; the first match is taken. Example: `$.token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub json_path: Option<String>,

    /// Name of a response header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,

    /// Regular expression over the body; its first group is taken, or the whole match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub regex: Option<String>,

    /// Value when nothing is found. Without it, the iteration ends there and the failed check
    /// `capture NAME` is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub default: Option<String>,
}
