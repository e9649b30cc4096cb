// SPDX-License-Identifier: Apache-2.0
//! What counts of the load that is shown: of a probe of a search the part that is measured, without its warm-up, so that all
//! figures of it speak of the same requests. And when all loads began, and how long they took.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::v1alpha1::EpochResult;

use super::Report;
use crate::{
    epochs,
    metrics::{Metrics, Sink},
    plan::Timeline,
};

/// The measured part of a probe.
pub(super) struct Counted {
    metrics: Metrics,
    timeline: Timeline,
}

impl Counted {
    /// Of a search; `None` of any other test, of which all counts.
    pub(super) fn of(report: &Report<'_>) -> Option<Self> {
        report.capacity?;
        let (mut metrics, timeline) = epochs::alone(report.metrics, report.timeline)?;
        // A gauge belongs to no stage.
        for (key, sink) in report.metrics.iter() {
            if key.tags.stage.is_none() && matches!(sink, Sink::Gauge { .. } | Sink::Latest { .. }) {
                metrics.add(key.clone(), sink);
            }
        }
        Some(Self { metrics, timeline })
    }

    /// The report as if there had been nothing else. What its stages tell is in its figures.
    pub(super) fn report<'a>(&'a self, whole: &Report<'a>) -> Report<'a> {
        let (metrics, timeline) = (&self.metrics, &self.timeline);
        Report { metrics, timeline, elapsed: timeline.duration(), ..*whole }
    }
}

/// When the first load began; that of the load which is shown is given.
pub(super) fn began(report: &Report<'_>, started: Timestamp) -> Timestamp {
    report.epochs.first().and_then(start).unwrap_or(started)
}

/// How long all loads took. Those of a search are all as long as the one that is shown.
pub(super) fn lasted(report: &Report<'_>) -> Duration {
    let ends = report.epochs.first().and_then(start).zip(report.epochs.last().and_then(start));
    let before = ends.and_then(|(first, last)| Duration::try_from(last.duration_since(first)).ok());
    before.unwrap_or_default() + report.elapsed
}

fn start(epoch: &EpochResult) -> Option<Timestamp> {
    Some(epoch.start_time.as_ref()?.0)
}
