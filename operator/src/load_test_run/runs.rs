// SPDX-License-Identifier: Apache-2.0
//! What the controller of runs works with.

use std::sync::Arc;

use super::memory::Memory;
use crate::{context::Context, records::Keeper, target_leases::TargetLeases};

/// What the controller of runs works with; shared by all reconciliations.
pub struct Runs {
    /// What it shares with the controller of tests.
    pub context: Arc<Context>,
    /// What this operator remembers of the runs under way.
    pub memory: Memory,
    /// Who may make load on which target.
    pub leases: TargetLeases,
    /// Keeps records of those that are over.
    pub records: Keeper,
}

impl Runs {
    /// With an empty memory, and leases in the operator's own namespace.
    pub fn new(context: Arc<Context>, namespace: &str) -> Self {
        let leases = TargetLeases::new(context.client.clone(), namespace, context.fence.clone());
        let records = Keeper::new(context.client.clone(), context.records.clone());
        Self { context, memory: Memory::default(), leases, records }
    }
}
