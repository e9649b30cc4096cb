// SPDX-License-Identifier: Apache-2.0
//! What an agent begins its load with.

use serde_json::{Map, Value};
use upsurge_core::protocol::Form;

use super::clock::Clock;

/// What the collector said when it told to start.
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
}
