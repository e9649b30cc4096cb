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

/// Whether a problem of a result, as [`Unseen::told`] words it, is that the number of replicas was not seen at some time between two
/// seconds of the load. That the autoscaler was not seen hides none. The words have whole seconds.
pub(crate) fn hides_replicas(problem: &str, from: f64, to: f64) -> bool {
    let times = || {
        let (what, rest) = problem.split_once(" not seen from ")?;
        let (begin, rest) = rest.split_once(" s to ")?;
        let (end, _) = rest.split_once(" s of the run")?;
        let times: (f64, f64) = (begin.parse().ok()?, end.parse().ok()?);
        (what != not_seen(Source::Autoscaler)).then_some(times)
    };
    times().is_some_and(|(begin, end)| begin - 0.5 <= to && end + 0.5 >= from)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_gap_says_when_it_hides_replicas() {
        let at = |second: i64| Timestamp::from_second(1_900_000_000 + second).unwrap();
        let told = |source: Source, why: Option<&str>| {
            let (from, to) = (at(20), at(30));
            let what = format!("{} not seen", not_seen(source));
            Unseen { what, from, to, why: why.map(Into::into) }.explained(at(0))
        };
        for source in [Source::Pods, Source::Endpoints, Source::Workload] {
            let problem = told(source, Some("connection reset: from 1 s to 2 s"));
            let hides = [(0.0, 19.0), (0.0, 20.0), (25.0, 26.0), (29.0, 90.0), (31.0, 90.0)]
                .map(|(from, to)| hides_replicas(&problem, from, to));
            assert_eq!(hides, [false, true, true, true, false], "{problem}");
        }
        assert!(!hides_replicas(&told(Source::Autoscaler, None), 0.0, 90.0));
        assert!(!hides_replicas("ScalingActive=False from 6 s to 80 s of the run: no metrics", 0.0, 90.0));
    }
}
