// SPDX-License-Identifier: Apache-2.0
//! What a test of scalability has found, once more from what came out of each of its measurements.
//!
//! Throughput of a measurement is taken as its result tells it: the requests behind it are kept of few of them.

use upsurge_core::epochs::{Done, Epochs, Next, scaling, sizing};
use upsurge_crds::{LoadTestSpec, v1alpha1::Verdict};

use super::Verified;
use crate::model::Record;

/// Compares efficiencies, fits and intervals, and that no run passed whose measurements did not. Where no measurement was kept, or the
/// test can't be read, others have said so.
pub(super) fn check(record: &Record, test: Option<&LoadTestSpec>, verified: &mut Verified) {
    let (Some(told), Some(test)) = (&record.scalability, test) else { return };
    if record.history.is_empty() {
        return;
    }
    let epochs = match Epochs::of(&test.load) {
        Ok(epochs) => epochs,
        Err(error) => return verified.skip(format!("scalability: {error}")),
    };
    let is_stopped = matches!(record.outcome.verdict, Verdict::Aborted | Verdict::Error);
    let done = match epochs.decide(&record.history) {
        Next::Done(done) => Some(done),
        Next::Epoch(_) if is_stopped => epochs.so_far(&record.history),
        Next::Epoch(_) => None,
    };
    let computed = match done {
        Some(Done::Scalability(found)) => scaling(&found),
        Some(Done::Sizes(found)) => sizing(&found),
        Some(Done::Once | Done::Capacity(_)) | None => {
            return verified.skip("scalability: not all of its measurements are in the record");
        }
    };
    verified.check("scalability", told, &computed.result);
    let verdict = record.outcome.verdict;
    // Something else may have kept a run from passing.
    let expected = if verdict == Verdict::Passed { computed.outcome.verdict } else { verdict };
    verified.check("outcome.verdict", &format!("{verdict:?}"), &format!("{expected:?}"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_crds::v1alpha1::{EpochOutcome, EpochResult};

    use super::*;
    use crate::{sample, verify::verify};

    /// A record of two measurements at each of three counts, with a contention of 5 %.
    fn record() -> Record {
        let mut record = sample::record();
        (record.epochs, record.shown_epoch, record.autoscaling) = (Vec::new(), None, None);
        record.outcome.verdict = Verdict::Passed;
        record.test = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop:8080", "workloads": [{"name": "shop"}]},
            "scenarios": [{"name": "get", "steps": [{"request": {"name": "get", "url": "/"}}]}],
            "load": {"scalability": {"replicas": {"counts": [1, 2, 4], "levelPerReplica": 20, "repeats": 2,
                "warmUp": "1s", "measure": "10s"}}},
        }))
        .unwrap();
        let test = record.test.read().unwrap();
        let epochs = Epochs::of(&test.load).unwrap();
        while let Next::Epoch(epoch) = epochs.decide(&record.history) {
            let replicas = f64::from(epoch.replicas.unwrap());
            let noise = if record.history.len().is_multiple_of(2) { 1.01 } else { 0.99 };
            let served = noise * 20.0 * replicas / (1.0 + 0.05 * (replicas - 1.0));
            record.history.push(EpochResult {
                outcome: Some(EpochOutcome::Passed),
                requests_per_second: Some(format!("{served:.2}")),
                replicas: i32::try_from(epoch.replicas.unwrap()).ok(),
                ..epoch.under_way(None).unwrap()
            });
        }
        let Next::Done(Done::Scalability(found)) = epochs.decide(&record.history) else { panic!("not over") };
        record.scalability = Some(scaling(&found).result);
        record
    }

    #[test]
    fn what_was_found_comes_out_of_the_measurements() {
        let record = record();
        assert_eq!(record.history.len(), 6);
        let told = record.scalability.as_ref().unwrap();
        let throughput: f64 = told.counts[2].throughput.as_ref().unwrap().parse().unwrap();
        assert!((throughput - 80.0 / 1.15).abs() < 1.0, "{throughput}");
        assert!(told.usl.is_some() && told.amdahl.is_some());
        let verified = verify(&record);
        assert!(verified.figures > 20, "{verified:?}");
        assert!(verified.differences.is_empty() && verified.skipped.is_empty(), "{verified:?}");
    }

    #[test]
    fn a_figure_or_a_measurement_that_was_changed_is_seen() {
        let mut told = record();
        told.scalability.as_mut().unwrap().usl.as_mut().unwrap().contention.high = "0.0001".into();
        let figures = |record: &Record| -> Vec<String> {
            verify(record).differences.into_iter().map(|one| one.figure).collect()
        };
        assert_eq!(figures(&told), ["scalability.usl.contention.high"]);
        let mut measured = record();
        measured.history[0].requests_per_second = Some("5".into());
        assert!(!figures(&measured).is_empty());
        let mut failed = record();
        failed.history.iter_mut().for_each(|one| one.outcome = Some(EpochOutcome::Failed));
        assert!(figures(&failed).contains(&"outcome.verdict".to_owned()));
    }

    #[test]
    fn a_measurement_that_is_missing_is_named() {
        let mut record = record();
        record.history.pop();
        assert_eq!(verify(&record).skipped, ["scalability: not all of its measurements are in the record"]);
    }
}
