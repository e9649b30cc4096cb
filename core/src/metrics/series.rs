// SPDX-License-Identifier: Apache-2.0
//! Series: a sink for each metric and set of tags.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::ThresholdSelector;

use super::trend::Trend;

/// What limits a query to some series; the same fields that a threshold's selector has.
pub type Selector = ThresholdSelector;

/// Where a sample belongs. Absent tags mean that the sample belongs to none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tags {
    /// Stage in which the iteration was due (open model) or the request was started (closed model).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Innermost group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Check, or kind of error for `request_errors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Status code of the response; 0 when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Method of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Whether the response was an expected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_response: Option<bool>,
    /// k6's code of what went wrong; absent when nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u16>,
    /// Tags that the test gave.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
}

/// Metric and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Name of the metric.
    pub metric: String,
    /// Where the sample belongs.
    #[serde(flatten)]
    pub tags: Tags,
}

/// What has been recorded for a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    /// A distribution of times.
    Trend(Trend),
    /// A sum.
    Counter(f64),
    /// Events of which some passed (checks) or happened (failures).
    Rate {
        /// Events that passed or happened.
        passes: u64,
        /// All events.
        total: u64,
    },
    /// A current value. Merging adds the values: each runner reports its own users, and what a recorder
    /// gives for an interval is the change within it, so that intervals add up to the current value.
    Gauge {
        /// Latest value; in an interval, its change.
        value: f64,
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
    },
    /// A value that replaces the one before. Merging keeps the one that was recorded last.
    Latest {
        /// When it was recorded, in microseconds from the start of the load.
        at: u64,
        /// The value.
        value: f64,
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
    },
}

impl Sink {
    /// Adds what another recorder saw. Sinks of different kinds don't merge; the first one stays.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Trend(mine), Self::Trend(theirs)) => mine.merge(theirs),
            (Self::Counter(mine), Self::Counter(theirs)) => *mine += theirs,
            (Self::Rate { passes, total }, Self::Rate { passes: more_passes, total: more_total }) => {
                *passes = passes.saturating_add(*more_passes);
                *total = total.saturating_add(*more_total);
            }
            (Self::Gauge { value, min, max }, Self::Gauge { value: other, min: lower, max: upper }) => {
                *value += other;
                *min = min.min(*lower);
                *max = max.max(*upper);
            }
            (
                Self::Latest { at, value, min, max },
                Self::Latest { at: when, value: other, min: lower, max: upper },
            ) => {
                // Of two at the same time the higher one, so that the order of merging does not matter.
                if (*when, *other) > (*at, *value) {
                    (*at, *value) = (*when, *other);
                }
                *min = min.min(*lower);
                *max = max.max(*upper);
            }
            (_, _) => debug_assert!(false, "sinks of different kinds under one name"),
        }
    }

    /// The same in as little memory as it needs, for whoever keeps it.
    pub fn compact(self) -> Self {
        match self {
            Self::Trend(trend) => Self::Trend(trend.compact()),
            other => other,
        }
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Trend(trend) => size_of::<Self>() + trend.bytes(),
            _ => size_of::<Self>(),
        }
    }

    /// How much memory a place takes that is made for it, with what others need that may come with it.
    pub fn place(&self) -> usize {
        match self {
            Self::Trend(trend) => size_of::<Self>() + Trend::default().growth(trend),
            _ => size_of::<Self>(),
        }
    }

    /// By how much of that it grows at most when another is merged into it.
    pub fn growth(&self, other: &Self) -> usize {
        match (self, other) {
            (Self::Trend(mine), Self::Trend(theirs)) => mine.growth(theirs),
            _ => 0,
        }
    }
}

/// Most series that are kept apart; what comes beyond them is counted under [`OVERFLOW`].
pub const MOST_SERIES: usize = 5_000;
/// Most series of all, those without a request included: as many as no test has.
pub const MOST_SERIES_IN_ALL: usize = 4 * MOST_SERIES;
/// Name, in place of a request's, of what came when there were too many series already.
pub const OVERFLOW: &str = "__overflow__";

/// All series of a recorder, or of many merged.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: BTreeMap<SeriesKey, Sink>,
    bytes: usize,
}

/// The same series; how much memory they take does not matter.
impl PartialEq for Metrics {
    fn eq(&self, other: &Self) -> bool {
        self.series == other.series
    }
}

impl SeriesKey {
    /// Where a metric's samples are counted that can't be told apart.
    pub fn overflow(metric: String) -> Self {
        overflow(metric)
    }

    /// About how much memory it takes, with its texts.
    fn bytes(&self) -> usize {
        let Self { metric, tags: Tags { stage, scenario, group, request, check, method, custom, .. } } = self;
        let named = [stage, scenario, group, request, check, method].into_iter().flatten().map(String::len);
        let custom = custom.iter().map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len());
        size_of::<Self>() + metric.len() + named.sum::<usize>() + custom.sum::<usize>()
    }
}

impl Metrics {
    /// Adds a sink to a series. When there are too many series already, a new one becomes part of its metric's
    /// overflow: sums over the whole run stay exact.
    pub fn add(&mut self, key: SeriesKey, sink: &Sink) {
        if !self.merge_into(&key, sink) {
            self.begin(key, Cow::Borrowed(sink));
        }
    }

    /// The same with a sink that nobody else needs.
    pub fn put(&mut self, key: SeriesKey, sink: Sink) {
        if !self.merge_into(&key, &sink) {
            self.begin(key, Cow::Owned(sink));
        }
    }

    /// Adds a sink to a series that is there; false if it is not.
    pub fn merge_into(&mut self, key: &SeriesKey, sink: &Sink) -> bool {
        let Some(mine) = self.series.get_mut(key) else { return false };
        let before = mine.bytes();
        mine.merge(sink);
        self.bytes += mine.bytes().saturating_sub(before);
        true
    }

    /// Begins a series, or adds to the overflow.
    fn begin(&mut self, key: SeriesKey, sink: Cow<'_, Sink>) {
        // Of those without a request there are as many as the test has stages, scenarios, groups and metrics of its
        // own; the generator is judged by them.
        let most = if key.tags.request.is_none() { MOST_SERIES_IN_ALL } else { MOST_SERIES };
        let is_kept = self.series.len() < most;
        let key = if is_kept { key } else { overflow(key.metric) };
        match self.series.entry(key) {
            Entry::Occupied(mut mine) => {
                let before = mine.get().bytes();
                mine.get_mut().merge(&sink);
                self.bytes += mine.get().bytes().saturating_sub(before);
            }
            Entry::Vacant(place) => {
                self.bytes += place.key().bytes() + sink.bytes();
                place.insert(sink.into_owned());
            }
        }
    }

    /// About how much memory the series take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Metrics of which parts can't be told apart any more, because there were too many series.
    pub fn overflowed(&self) -> impl Iterator<Item = &str> {
        let overflow = self.series.keys().filter(|key| key.tags.request.as_deref() == Some(OVERFLOW));
        overflow.map(|key| key.metric.as_str())
    }

    /// Whether parts of a metric can't be told apart any more.
    pub fn is_overflowed(&self, metric: &str) -> bool {
        self.series.contains_key(&overflow(metric.into()))
    }

    /// Puts a sink in the place of what a series held.
    pub fn set(&mut self, key: SeriesKey, sink: Sink) {
        match self.series.entry(key) {
            Entry::Occupied(mut mine) => {
                self.bytes += sink.bytes();
                self.bytes = self.bytes.saturating_sub(mine.insert(sink).bytes());
            }
            Entry::Vacant(place) => {
                self.bytes += place.key().bytes() + sink.bytes();
                place.insert(sink);
            }
        }
    }

    /// By how much memory the series grow at most when a sink is added to one.
    pub fn growth(&self, key: &SeriesKey, sink: &Sink) -> usize {
        self.series.get(key).map_or_else(|| key.bytes() + sink.place(), |mine| mine.growth(sink))
    }

    /// What a series holds.
    pub fn get(&self, key: &SeriesKey) -> Option<&Sink> {
        self.series.get(key)
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Adds all that another recorder saw.
    pub fn merge(&mut self, other: &Self) {
        for (key, sink) in &other.series {
            self.add(key.clone(), sink);
        }
    }

    /// The series of a metric that match a selector, with their tags.
    pub fn select<'a>(
        &'a self,
        metric: &'a str,
        selector: &'a Selector,
    ) -> impl Iterator<Item = (&'a Tags, &'a Sink)> {
        let first = SeriesKey { metric: metric.into(), tags: Tags::default() };
        self.series
            .range(first..)
            .take_while(move |(key, _)| key.metric == metric)
            .filter(move |(key, _)| selects(selector, &key.tags))
            .map(|(key, sink)| (&key.tags, sink))
    }

    /// The sum of the series of a metric that match a selector; `None` if there are none.
    pub fn sum(&self, metric: &str, selector: &Selector) -> Option<Sink> {
        let mut selected = self.select(metric, selector).map(|(_, sink)| sink);
        let mut sum = selected.next()?.clone();
        selected.for_each(|sink| sum.merge(sink));
        Some(sum)
    }

    /// The sum as a distribution; empty if there are no such series.
    pub fn trend(&self, metric: &str, selector: &Selector) -> Trend {
        match self.sum(metric, selector) {
            Some(Sink::Trend(trend)) => trend,
            _ => Trend::default(),
        }
    }

    /// The sum as a count; 0 if there are no such series.
    pub fn count(&self, metric: &str, selector: &Selector) -> f64 {
        match self.sum(metric, selector) {
            Some(Sink::Counter(count)) => count,
            _ => 0.0,
        }
    }

    /// The sum as passes and total; zeros if there are no such series.
    pub fn rate(&self, metric: &str, selector: &Selector) -> (u64, u64) {
        match self.sum(metric, selector) {
            Some(Sink::Rate { passes, total }) => (passes, total),
            _ => (0, 0),
        }
    }

    /// All series.
    pub fn iter(&self) -> impl Iterator<Item = (&SeriesKey, &Sink)> {
        self.series.iter()
    }

    /// Whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// On the wire a list of key and sink: JSON objects can't have objects as keys.
impl Serialize for Metrics {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.series)
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(SeriesKey, Sink)>::deserialize(deserializer)?;
        let mut metrics = Self::default();
        for (key, sink) in &pairs {
            metrics.add(key.clone(), sink);
        }
        Ok(metrics)
    }
}

fn overflow(metric: String) -> SeriesKey {
    SeriesKey { metric, tags: Tags { request: Some(OVERFLOW.into()), ..Tags::default() } }
}

/// Whether a selector picks a series with these tags.
pub fn selects(selector: &Selector, tags: &Tags) -> bool {
    let fits = |wanted: &Option<String>, tag: &Option<String>| wanted.is_none() || wanted == tag;
    let is = |wanted: Option<i32>, tag: Option<u16>| wanted.is_none() || wanted == tag.map(i32::from);
    fits(&selector.stage, &tags.stage)
        && fits(&selector.scenario, &tags.scenario)
        && fits(&selector.group, &tags.group)
        && fits(&selector.request, &tags.request)
        && fits(&selector.check, &tags.check)
        && fits(&selector.method, &tags.method)
        && is(selector.status, tags.status)
        && is(selector.error_code, tags.error_code)
        && (selector.expected_response.is_none() || selector.expected_response == tags.expected_response)
        && selector.tags.iter().all(|(name, value)| tags.custom.get(name) == Some(value))
}
