// SPDX-License-Identifier: Apache-2.0
//! `Checkpoint`: what the operator needs to take up a run again after a restart.
//!
//! Its data is compressed JSON that only the operator understands as a whole. What the command knows of it, to print the events of a
//! run, stands here, so that both know the same.

#![allow(clippy::duplicated_attributes, reason = "each column states its type")]

use k8s_openapi::ByteString;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Value of the label [`COMPONENT`](crate::names::labels::COMPONENT), by which checkpoints are found.
pub const COMPONENT: &str = "checkpoint";
/// Form of the data that this version writes. It is raised when the version before could not read what this one writes. In form 1 there
/// was a list of samples of the target beside the record, which nobody reads any more.
pub const FORM: i32 = 2;
/// Where the events that were observed are in the data of this form, as a JSON pointer.
pub const EVENTS: &str = "/record/workload/log/events";
/// What was recorded of the other workloads of the test, a list in the order of its spec.
pub const FURTHER: &str = "/record/further";
/// The events of one of these.
pub const FURTHER_EVENTS: &str = "/workload/log/events";
/// Most bytes that the data has unpacked; beyond that it is no checkpoint of ours.
pub const MOST_UNPACKED: u64 = 64 * 1024 * 1024;
/// Longest text of the data: 1 MiB and a bit in base64, below the 1.5 MiB that etcd takes.
const LONGEST_DATA: u32 = 1_450_000;

/// What the operator needs to take up a run again after a restart. It writes this by itself, beside the run and owned
/// by it; nothing is to be done here by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "internal.upsurge.dev",
    version = "v1alpha1",
    kind = "Checkpoint",
    namespaced,
    derive = "PartialEq",
    printcolumn(name = "Payload", type_ = "integer", json_path = ".spec.payloadVersion"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointSpec {
    /// Form of the data. An operator that does not know it leaves the checkpoint alone.
    #[schemars(range(min = 1))]
    pub payload_version: i32,

    /// The merged figures of the run, compressed.
    #[schemars(schema_with = "data")]
    pub data: ByteString,
}

/// Text without the format `byte`: the API server would look at each of a million characters once per second and run.
fn data(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": LONGEST_DATA})
}
