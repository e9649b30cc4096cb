//! What the controller of runs works with.

use std::sync::Arc;

use super::memory::Memory;
use crate::context::Context;

/// What the controller of runs works with; shared by all reconciliations.
pub struct Runs {
    /// What it shares with the controller of tests.
    pub context: Arc<Context>,
    /// What this operator remembers of the runs under way.
    pub memory: Memory,
}

impl Runs {
    /// With an empty memory.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, memory: Memory::default() }
    }
}
