// SPDX-License-Identifier: Apache-2.0
//! Times for which it is not known how many replicas were ready, and times for which a source was not seen at all.

use jiff::Timestamp;
use upsurge_figures::observation::{Class, Log, Source, What};

use super::{replicas::seconds_between, workload::not_seen};

/// What the number of ready replicas is told by.
const SOURCES: [Source; 2] = [Source::Pods, Source::Endpoints];
/// Most gaps that a message names.
const MOST_NAMED: usize = 3;

/// A time for which something was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    /// In words, as the begin of a sentence: "pods were not seen".
    what: String,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Why, as far as known.
    why: Option<String>,
}

/// All that hides the number of ready replicas between two instants.
pub(super) struct Gaps {
    all: Vec<Unseen>,
    start: Timestamp,
}

impl Gaps {
    /// By a log.
    pub(super) fn of(log: &Log, start: Timestamp, end: Timestamp) -> Self {
        let mut all: Vec<Unseen> =
            SOURCES.into_iter().flat_map(|source| unseen(log, source, start, end)).collect();
        let left = log.left_out().get(&Class::Pods).filter(|left| left.from <= end && left.to > start);
        all.extend(left.map(|left| Unseen {
            what: "more happened to pods than is kept".into(),
            from: left.from.max(start),
            to: left.to.min(end),
            why: None,
        }));
        Self { all, start }
    }

    /// Those that meet a time, which may be an instant, in words.
    pub(super) fn told(&self, from: Timestamp, to: Timestamp) -> String {
        let meeting: Vec<&Unseen> = self.all.iter().filter(|gap| gap.from <= to && gap.to > from).collect();
        let named = meeting.iter().take(MOST_NAMED).map(|gap| gap.told(self.start));
        let named = named.collect::<Vec<_>>().join("; ");
        match meeting.len().saturating_sub(MOST_NAMED) {
            0 => named,
            more => format!("{named}; and {more} more gaps"),
        }
    }
}

impl Unseen {
    fn told(&self, start: Timestamp) -> String {
        let [begin, end] = [self.from, self.to].map(|at| seconds_between(start, at));
        format!("{} from {begin:.0} s to {end:.0} s of the run", self.what)
    }

    /// The same with why.
    pub(super) fn explained(&self, start: Timestamp) -> String {
        let told = self.told(start);
        match &self.why {
            Some(why) => format!("{told}: {why}"),
            None => told,
        }
    }
}

/// The times between two instants for which a source was not seen. It is not before it is listed for the first time.
pub(super) fn unseen(log: &Log, source: Source, start: Timestamp, end: Timestamp) -> Vec<Unseen> {
    let (mut since, mut why, mut found) = (Some(start), None, Vec::new());
    let gap = |from, to, why| Unseen { what: format!("{} not seen", not_seen(source)), from, to, why };
    for event in log.events() {
        let at = event.seen.clamp(start, end);
        match &event.what {
            What::Lost { source: lost, message } if *lost == source => {
                since = since.or(Some(at));
                why = Some(message.clone());
            }
            What::Listed { source: listed } if *listed == source => {
                found.extend(since.take().map(|from| gap(from, at, why.take())));
            }
            _ => {}
        }
    }
    found.extend(since.map(|from| gap(from, end, why)));
    found.retain(|gap| gap.to > gap.from);
    found
}
