// SPDX-License-Identifier: Apache-2.0
//! The answer of a search and its verdict, from what came out of each probe.

use upsurge_core::epochs::{Done, Epochs, Next, answer};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{EpochResult, Verdict},
};

use super::Verified;
use crate::model::Record;

/// Computes the answer once more, and the verdict that goes with it.
pub(super) fn capacity(record: &Record, test: Option<&LoadTestSpec>, verified: &mut Verified) {
    let Some(told) = &record.capacity else { return };
    // Of a long list of probes, an operator keeps two.
    let is_whole = record.folded.iter().all(|folded| folded.what != "epochs");
    let history: Vec<EpochResult> = record.epochs.iter().filter_map(|epoch| epoch.result.clone()).collect();
    let decided = test.filter(|_| is_whole).map(|test| (test, Epochs::of(&test.load)));
    let Some((test, Ok(epochs))) = decided else {
        return verified.skip("capacity, and the verdict with it: not all of its probes are here");
    };
    let Next::Done(Done::Capacity(found)) = epochs.decide(&history) else {
        return verified.skip("capacity, and the verdict with it: by its probes the search was not over");
    };
    let computed = answer(test, &found, &history);
    verified.check("capacity", told, &computed.capacity);
    // Whatever ended the run otherwise is no matter of figures.
    if matches!(record.outcome.verdict, Verdict::Passed | Verdict::Failed | Verdict::Inconclusive) {
        verified.check("outcome.verdict", &record.outcome.verdict, &computed.outcome.verdict);
        verified.check("outcome.reason", &record.outcome.reason, &computed.outcome.reason);
    }
}
