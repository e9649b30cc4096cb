// SPDX-License-Identifier: Apache-2.0
//! Replicas as step functions over a period.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::ReplicaPoint;

use super::ReplicaSample;

/// The samples that are in force between two instants; the first is the state at the start.
pub(super) struct Replicas {
    samples: Vec<ReplicaSample>,
    start: Timestamp,
    end: Timestamp,
}

impl Replicas {
    /// The part of the samples between two instants. Before the first sample, the first one is taken.
    pub(super) fn new(samples: &[ReplicaSample], start: Timestamp, end: Timestamp) -> Self {
        let begun = samples.partition_point(|sample| sample.at <= start);
        let begin = begun.saturating_sub(1);
        let stop = samples.partition_point(|sample| sample.at <= end).max(begin);
        let mut samples = samples.get(begin..stop.max(begin + 1)).unwrap_or_default().to_vec();
        if let Some(first) = samples.first_mut() {
            first.at = start;
        }
        Self { samples, start, end }
    }

    /// Ready replicas at the start.
    pub(super) fn at_start(&self) -> i32 {
        self.samples.first().map_or(0, |sample| sample.ready)
    }

    /// The state at the end.
    pub(super) fn last(&self) -> Option<&ReplicaSample> {
        self.samples.last()
    }

    /// Most ready replicas.
    pub(super) fn peak(&self) -> i32 {
        self.samples.iter().map(|sample| sample.ready).max().unwrap_or(0)
    }

    /// Most replicas that the autoscaler wanted.
    pub(super) fn most_desired(&self) -> i32 {
        self.samples.iter().map(|sample| sample.desired).max().unwrap_or(0)
    }

    /// The first instant, not before `from`, at which that many replicas are ready.
    pub(super) fn reaches(&self, replicas: i32, from: Timestamp) -> Option<Timestamp> {
        let before = self.samples.iter().rev().find(|sample| sample.at <= from);
        if before.is_some_and(|sample| sample.ready >= replicas) {
            return Some(from);
        }
        self.samples
            .iter()
            .find(|sample| sample.at > from && sample.ready >= replicas)
            .map(|sample| sample.at)
    }

    /// The instant, not before `from`, from which no more than that many replicas are ready until the end.
    pub(super) fn settles(&self, replicas: i32, from: Timestamp) -> Option<Timestamp> {
        let above = self.samples.iter().rposition(|sample| sample.ready > replicas);
        match above {
            None => Some(from),
            Some(index) => self.samples.get(index + 1).map(|sample| sample.at.max(from)),
        }
    }

    /// The points of the timeline.
    pub(super) fn points(&self) -> Vec<ReplicaPoint> {
        self.samples
            .iter()
            .map(|sample| ReplicaPoint {
                at: Time(sample.at),
                seconds: seconds_between(self.start, sample.at),
                desired: sample.desired,
                current: sample.current,
                ready: sample.ready,
            })
            .collect()
    }

    /// The end of the period.
    pub(super) fn end(&self) -> Timestamp {
        self.end
    }
}

/// Seconds from one instant to another, to the millisecond.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.duration_since(from).as_millis() as f64) / 1e3
}
