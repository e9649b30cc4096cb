// SPDX-License-Identifier: Apache-2.0
//! How much memory the figures of a run take, and what is given up when that is too much: the finest tags first, windows of
//! thresholds at last, and sums that thresholds select never. A run that does not fit all the same is refused.

use upsurge_crds::names::reasons;

use super::{Refusal, Session};
use crate::collector::{prepared::Prepared, totals::Totals};

impl Session {
    /// About how many bytes of memory the figures take.
    pub fn figures(&self) -> usize {
        self.state.totals.bytes()
    }

    /// How many bytes of memory they may take from now on.
    pub fn limit_figures(&mut self, most: usize) {
        self.most_figures = most;
    }

    /// Makes the checkpoint smaller; false if it can't be made any smaller.
    pub fn fold(&mut self) -> bool {
        self.revision += 1;
        self.state.totals.fold(&self.folding, &self.windowed)
    }

    /// Gives up what can be given up until a delta fits in. A run that takes no more than its share is never refused.
    pub(super) fn make_room(&mut self, runner: u32, prepared: &Prepared) -> Result<(), Refusal> {
        let most = self.most_figures;
        loop {
            let growth = self.state.totals.growth(runner, prepared, &self.folding, &self.windowed);
            if self.figures() + growth <= most {
                return Ok(());
            }
            if !self.fold() {
                return Err(Refusal::Heavy { most });
            }
        }
    }

    /// Gives up what can be given up until what there is fits in: of a checkpoint, or when others need room and no runner speaks. What does
    /// not fit all the same is let go and ends the run, so that it can't end the operator, or one after the other.
    pub fn fit(&mut self) {
        let most = self.most_figures;
        while self.figures() > most && self.fold() {}
        if self.figures() > most {
            self.state.totals = Totals::default();
            let refusal = Refusal::Heavy { most };
            self.break_off(reasons::CHECKPOINT_TOO_LARGE, &refusal.to_string());
        }
    }
}
