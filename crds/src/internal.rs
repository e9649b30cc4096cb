// SPDX-License-Identifier: Apache-2.0
//! Kinds that the operator keeps for itself, in a group of their own: nobody writes manifests of them.
//!
//! They have no short names and no category, and belong to no aggregated role, so that people who may view or edit
//! load tests neither see nor change them. They grow and change with the operator, not with the API.

pub mod checkpoint;
pub mod record;
mod target_lease;

pub use self::{
    checkpoint::{Checkpoint, CheckpointSpec},
    record::{Record, RecordSpec},
    target_lease::{PastLoad, TargetLease, TargetLeaseSpec, TargetUser},
};
