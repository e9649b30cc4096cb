// SPDX-License-Identifier: Apache-2.0
//! Room for series: a runner pushes only so many, and what is beyond them is one series of its metric.
//!
//! Who comes first stays, so that no series ever goes back. Of those that come at the same time, the ones of the whole test
//! come before those of single requests, and the phases of requests last: they never get more than half of the room.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use upsurge_core::{
    metrics::{Catalog, Metrics, OVERFLOW, SeriesKey, Sink, Tags, names},
    outputs::{MOST_SERIES, OTHER},
};

/// Most series that are counted as not told apart.
const MOST_COUNTED: usize = 10_000;
/// What a rate is pushed as: those that were, and those that were not.
const OF_A_RATE: usize = 2;

/// Which series are told apart.
#[derive(Debug)]
pub(crate) struct Room {
    kept: BTreeSet<SeriesKey>,
    /// Series that are pushed for those, all and those of phases.
    used: usize,
    used_by_phases: usize,
    /// How many there may be, besides one series of each metric for what is not told apart.
    most: usize,
    others: HashSet<u64>,
}

impl Room {
    /// Room for the metrics of a test.
    pub(crate) fn of(catalog: Catalog<'_>) -> Self {
        let reserved: usize = catalog.names().count() * OF_A_RATE;
        Self {
            kept: BTreeSet::new(),
            used: 0,
            used_by_phases: 0,
            most: MOST_SERIES.saturating_sub(reserved),
            others: HashSet::new(),
        }
    }

    /// What was recorded, in the series for which there is room.
    pub(crate) fn place(&mut self, metrics: &Metrics) -> Metrics {
        let new = metrics.iter().filter(|(key, _)| !self.kept.contains(*key));
        let mut new: Vec<(SeriesKey, &Sink)> = new.map(|(key, sink)| (key.clone(), sink)).collect();
        new.sort_by_key(|(key, _)| (is_phase(&key.metric), key.tags.request.is_some()));
        for (key, sink) in new {
            self.admit(key, sink);
        }
        let mut placed = Metrics::default();
        for (key, sink) in metrics.iter() {
            let key = if self.kept.contains(key) { key.clone() } else { other(&key.metric) };
            placed.add(key, &sink.clone().compact());
        }
        placed
    }

    /// How many series are not told apart; counted up to 10,000.
    pub(crate) fn others(&self) -> u64 {
        self.others.len() as u64
    }

    fn admit(&mut self, key: SeriesKey, sink: &Sink) {
        let (weight, is_phase) = (weight(sink), is_phase(&key.metric));
        let has_room = self.used + weight <= self.most
            && (!is_phase || self.used_by_phases + weight <= self.most / 2)
            // The recorder had no room for these either.
            && key.tags.request.as_deref() != Some(OVERFLOW);
        if has_room {
            self.used += weight;
            self.used_by_phases += if is_phase { weight } else { 0 };
            self.kept.insert(key);
        } else if self.others.len() < MOST_COUNTED {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            self.others.insert(hasher.finish());
        }
    }
}

/// Series that are pushed for one.
fn weight(sink: &Sink) -> usize {
    if matches!(sink, Sink::Rate { .. }) { OF_A_RATE } else { 1 }
}

fn is_phase(metric: &str) -> bool {
    names::PHASES.contains(&metric)
}

fn other(metric: &str) -> SeriesKey {
    SeriesKey { metric: metric.to_owned(), tags: Tags { request: Some(OTHER.into()), ..Tags::default() } }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use upsurge_core::metrics::{Selector, Trend};

    use super::*;

    /// What one request of a test with many has in a second.
    fn add(metrics: &mut Metrics, request: usize) {
        let key = |metric: &str| SeriesKey {
            metric: metric.into(),
            tags: Tags {
                request: Some(format!("item {request}")),
                stage: Some("hold".into()),
                ..Tags::default()
            },
        };
        let mut trend = Trend::default();
        trend.record(Duration::from_millis(request as u64 + 1));
        metrics.add(key(names::HTTP_REQS), &Sink::Counter(1.0));
        metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: 1, total: 2 });
        for metric in names::PHASES.into_iter().chain([names::HTTP_REQ_DURATION]) {
            metrics.add(key(metric), &Sink::Trend(trend.clone()));
        }
    }

    fn pushed(metrics: &Metrics) -> usize {
        metrics.iter().map(|(_, sink)| weight(sink)).sum()
    }

    #[test]
    fn beyond_the_limit_nothing_is_lost_and_nothing_goes_back() {
        let mut room = Room::of(Catalog::new(&[]));
        let (mut totals, mut sent) = (Metrics::default(), Metrics::default());
        for second in 0..10 {
            let mut metrics = Metrics::default();
            (second * 50..second * 50 + 100).for_each(|request| add(&mut metrics, request));
            metrics.add(SeriesKey { metric: names::VUS.into(), ..SeriesKey::default() }, &Sink::Counter(1.0));
            sent.merge(&metrics);
            let before: Vec<SeriesKey> = totals.iter().map(|(key, _)| key.clone()).collect();
            totals.merge(&room.place(&metrics));
            assert!(before.iter().all(|key| totals.get(key).is_some()));
            assert!(pushed(&totals) <= MOST_SERIES, "{}", pushed(&totals));
        }
        let all = Selector::default();
        assert_eq!(totals.count(names::HTTP_REQS, &all), sent.count(names::HTTP_REQS, &all));
        assert_eq!(totals.rate(names::HTTP_REQ_FAILED, &all), sent.rate(names::HTTP_REQ_FAILED, &all));
        for metric in [names::HTTP_REQ_DURATION, names::HTTP_REQ_WAITING] {
            assert_eq!(totals.trend(metric, &all), sent.trend(metric, &all), "{metric}");
        }
        // 550 requests have 5,500 series, of which rates count twice.
        assert!(room.others() > 3_000 && room.others() < 5_000, "{}", room.others());
        let one = |metric: &str| totals.select(metric, &all).count();
        assert!(one(names::HTTP_REQ_WAITING) < one(names::HTTP_REQ_DURATION), "phases have less room");
        assert!(totals.get(&other(names::HTTP_REQS)).is_some());
    }

    #[test]
    fn the_series_of_the_whole_test_come_first() {
        let mut metrics = Metrics::default();
        (0..400).for_each(|request| add(&mut metrics, request));
        let whole = SeriesKey { metric: names::VUS.into(), ..SeriesKey::default() };
        metrics.add(whole.clone(), &Sink::Gauge { value: 1.0, min: 0.0, max: 1.0 });
        let placed = Room::of(Catalog::new(&[])).place(&metrics);
        assert!(placed.get(&whole).is_some() && pushed(&placed) <= MOST_SERIES);
        // What the recorder could not tell apart is nobody's.
        let mut metrics = Metrics::default();
        metrics.add(SeriesKey::overflow(names::HTTP_REQS.into()), &Sink::Counter(3.0));
        let placed = Room::of(Catalog::new(&[])).place(&metrics);
        assert_eq!(placed.get(&other(names::HTTP_REQS)), Some(&Sink::Counter(3.0)));
    }
}
