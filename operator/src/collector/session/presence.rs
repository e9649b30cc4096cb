// SPDX-License-Identifier: Apache-2.0
//! Who of the runners is there.

use upsurge_core::protocol::Readiness;

/// What only this operator knows of a runner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Presence {
    /// How far it says it is.
    pub readiness: Option<Readiness>,
    /// When it was heard last.
    pub last_seen: Option<i64>,
    /// Number of the last durable delta.
    pub acknowledged: u64,
    /// Number of the last delta in the newest checkpoint that was begun.
    pub cut: u64,
    /// Whether a durable checkpoint says how it ended.
    pub end_durable: bool,
}
