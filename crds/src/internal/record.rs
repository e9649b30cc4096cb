// SPDX-License-Identifier: Apache-2.0
//! `Record`: what a finished run leaves in its namespace, from which reports are made.
//!
//! Its data is the document that `upsurge run --record` writes to a file, and the crate `record` alone knows what is in it. What the
//! operator needs to know of many at once, to make room, stands in annotations, so that it never reads the data.

#![allow(clippy::duplicated_attributes, reason = "each column states its type")]

use k8s_openapi::ByteString;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::v1alpha1::Verdict;

/// Value of the label [`COMPONENT`](crate::names::labels::COMPONENT), by which records are found.
pub const COMPONENT: &str = "record";
/// Most bytes of the data: 1.3 MiB in base64, below the 1.5 MiB that etcd takes.
pub const MOST_BYTES: u64 = 1_000_000;
/// Longest text of the data: that in base64, and a bit.
const LONGEST_DATA: u32 = 1_340_000;

/// What a finished run leaves: its figures, what they were computed from, and what was seen of its target. The operator writes this by
/// itself, under the name of the run and owned by it. `upsurge report RUN` reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "internal.upsurge.dev",
    version = "v1alpha1",
    kind = "Record",
    namespaced,
    derive = "PartialEq",
    printcolumn(name = "Verdict", type_ = "string", json_path = ".spec.verdict"),
    printcolumn(name = "Bytes", type_ = "integer", json_path = ".spec.bytes"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RecordSpec {
    /// The verdict of the run.
    pub verdict: Verdict,

    /// Bytes of the data, before base64.
    #[schemars(range(min = 0))]
    pub bytes: i64,

    /// The record: JSON, packed by gzip, in base64.
    #[schemars(schema_with = "data")]
    pub data: ByteString,
}

/// Text without the format `byte`: the API server would look at each of its characters.
fn data(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": LONGEST_DATA})
}
