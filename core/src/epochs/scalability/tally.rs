// SPDX-License-Identifier: Apache-2.0
//! What the measurements of one count of replicas, or of one size, have said so far, and which comes next.

use upsurge_crds::v1alpha1::{EpochOutcome, EpochResult};
use upsurge_figures::search::TRIES;

/// Which of these is measured next, by its place: in each round the first that has not been measured as often as there were rounds,
/// unless it said nothing too often. Rounds go up and down in turn.
pub(super) fn due(tallies: &[Tally], repeats: u32) -> Option<usize> {
    (0..repeats).find_map(|round| {
        let mut left = (0..tallies.len()).filter(|index| tallies[*index].is_due(round));
        if round % 2 == 0 { left.next() } else { left.next_back() }
    })
}

/// What is known of a count or of a size.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What was answered per second, of each measurement that passed.
    pub(super) throughputs: Vec<f64>,
    pub(super) failed: u32,
    pub(super) blind: u32,
    /// Why the first of those failed.
    pub(super) failure: Option<String>,
    /// Why the first of those said nothing.
    pub(super) blindness: Option<String>,
}

impl Tally {
    pub(super) fn passed(&self) -> u32 {
        u32::try_from(self.throughputs.len()).unwrap_or(u32::MAX)
    }

    fn is_due(&self, round: u32) -> bool {
        self.passed().saturating_add(self.failed) <= round && self.blind < TRIES
    }

    pub(super) fn add(&mut self, epoch: &EpochResult, replicas: u32) {
        let limit = || epoch.limit.clone().unwrap_or_default();
        let served = epoch.replicas.and_then(|served| u32::try_from(served).ok());
        let blindness = match (epoch.outcome, served) {
            // Not over yet.
            (None, _) => return,
            (Some(EpochOutcome::Inconclusive), _) => limit(),
            (Some(_), None) => "it is not known that as many replicas served all the time".into(),
            (Some(_), Some(served)) if served != replicas => {
                format!("replicas served that were not asked for: {served}")
            }
            (Some(EpochOutcome::Failed), _) => {
                self.failed += 1;
                self.failure.get_or_insert_with(limit);
                return;
            }
            (Some(EpochOutcome::Passed), _) => match answered(epoch) {
                Some(throughput) => {
                    self.throughputs.push(throughput);
                    return;
                }
                None => "nothing was answered".into(),
            },
        };
        self.blind += 1;
        self.blindness.get_or_insert(blindness);
    }
}

/// Requests that were answered well, per second.
fn answered(epoch: &EpochResult) -> Option<f64> {
    let all: f64 = epoch.requests_per_second.as_deref()?.parse().ok()?;
    let failed = epoch.error_rate.as_deref().unwrap_or("0%");
    let failed: f64 = failed.strip_suffix('%')?.parse().ok()?;
    Some(all * (1.0 - failed / 100.0)).filter(|answered| *answered > 0.0 && answered.is_finite())
}
