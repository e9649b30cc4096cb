// SPDX-License-Identifier: Apache-2.0
//! Contents that are made up: bodies of a declared size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::size::ByteSize;

/// Contents of a declared size. They follow from seed, kind and size alone, and are the same on every
/// runner and in every run. A runner keeps at most 4 MiB of them, however large they are and however many users
/// send them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedContent {
    /// Exact size: from 1 to 5Gi, for `JSON` at least 512, with `vary` at least 32. Example: `10Mi`.
    pub size: ByteSize,

    /// What they look like. Default: Binary.
    #[serde(default)]
    pub kind: ContentKind,

    /// Where the random numbers begin. Default: 0.
    #[serde(default)]
    pub seed: i64,

    /// Whether each iteration sends contents of its own, which follow from its number too. Default: false,
    /// the same bytes each time.
    #[serde(default)]
    pub vary: bool,
}

/// What generated contents look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContentKind {
    /// Random bytes, which can't be compressed (`application/octet-stream`).
    #[default]
    Binary,
    /// English words in ASCII (`text/plain`).
    Text,
    /// An object with a list of many small objects (`application/json`).
    #[serde(rename = "JSON")]
    Json,
}
