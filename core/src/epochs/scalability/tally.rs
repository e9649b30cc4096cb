// SPDX-License-Identifier: Apache-2.0
//! What the measurements of one count of replicas have said so far. What follows from that is decided elsewhere.

use upsurge_crds::v1alpha1::{EpochOutcome, EpochResult};
use upsurge_figures::search::TRIES;

/// What is known of a count.
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

    pub(super) fn is_due(&self, round: u32) -> bool {
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
