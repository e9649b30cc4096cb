// SPDX-License-Identifier: Apache-2.0
//! What an agent begins its load with.

use serde_json::{Map, Value};
use upsurge_core::protocol::Form;

use super::{clock::Clock, prepare::Prepared};

/// What the collector said when it told to start.
#[derive(Clone)]
pub(super) struct Start {
    /// T0 by the operator's clock.
    pub(super) at: i64,
    /// Variables captured by `before`.
    pub(super) variables: Map<String, Value>,
    /// The session that told it.
    pub(super) session: Option<u64>,
    /// The form in which it takes deltas.
    pub(super) form: Form,
    /// The operator's clock.
    pub(super) clock: Clock,
    /// Number of the last delta of the epochs before.
    pub(super) numbered: u64,
}

/// An epoch that is done and acknowledged.
pub(super) struct Last {
    /// What was done.
    pub(super) prepared: Prepared,
    /// What it began with, and the number of its last delta.
    pub(super) start: Start,
    /// End of its last interval, milliseconds from T0.
    pub(super) until_ms: u64,
}
