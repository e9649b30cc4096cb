// SPDX-License-Identifier: Apache-2.0
//! Times for which nobody saw how many replicas there were.

use jiff::Timestamp;
use upsurge_figures::observation::{Log, Source, What};

/// What the number of ready replicas is told by.
const SOURCES: [Source; 3] = [Source::Workload, Source::Pods, Source::Endpoints];

/// A time for which a source was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    pub(super) source: Source,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Unseen {
    /// Whether a part of it lies between two instants, which may be the same one.
    pub(super) fn meets(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && self.to > from
    }
}

/// All of them between two instants, source by source. A source is not seen before it is listed for the first time.
pub(super) fn unseen(log: &Log, start: Timestamp, end: Timestamp) -> Vec<Unseen> {
    SOURCES.into_iter().flat_map(|source| of_source(log, source, start, end)).collect()
}

fn of_source(log: &Log, source: Source, start: Timestamp, end: Timestamp) -> Vec<Unseen> {
    let (mut since, mut found) = (Some(start), Vec::new());
    for event in log.events() {
        let at = event.seen.clamp(start, end);
        match &event.what {
            What::Lost { source: lost, .. } if *lost == source => since = since.or(Some(at)),
            What::Listed { source: listed } if *listed == source => {
                found.extend(since.take().map(|from| Unseen { source, from, to: at }));
            }
            _ => {}
        }
    }
    found.extend(since.map(|from| Unseen { source, from, to: end }));
    found.retain(|gap| gap.to > gap.from);
    found
}
