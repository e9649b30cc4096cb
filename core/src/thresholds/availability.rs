// SPDX-License-Identifier: Apache-2.0
//! The share of good seconds: those in which enough of the requests that ended in them succeeded, over all runners.
//!
//! A second is judged once all runners have passed it, from exact counts, and only whether it was good stays. One of which that can't be
//! told (a runner did not tell of it, or told of several seconds at once) is unknown: it is counted apart and never guessed. A second
//! in which no request ended says nothing.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold};

use super::{Target, rule::Rule, seconds::seconds_of};
use crate::{
    comparison::Comparison,
    metrics::{Catalog, Sink, names},
    protocol::Slice,
};

/// Most seconds that wait for slower runners, as of [`super::Seconds`].
const MOST_OPEN: usize = 130;
/// Most stretches of seconds that are kept though they were given up: of more, the oldest are unknown.
const MOST_BLANK: usize = 64;
/// How many of the requests of a second have to succeed, in percent, unless the threshold says otherwise.
const SUCCEEDED: i32 = 99;
/// What a second takes that is being filled.
const OPENING: usize = size_of::<u32>() + size_of::<Open>();
/// What a stretch takes that was given up.
const BLANK: usize = size_of::<(u32, u32)>();
/// Longest slice that is of one second.
const LONGEST_MS: u64 = 1_500;

/// The seconds of one threshold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Bins {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    open: BTreeMap<u32, Open>,
    /// First second that was not judged yet.
    next: u32,
    /// All runners have told of all until here, milliseconds from T0.
    told_ms: u64,
    good: u64,
    bad: u64,
    unknown: u64,
    /// Seconds that were given up before anybody had told of a request in them, as stretches from one to the one before another: if a
    /// slower runner had some, they are unknown, and else they say nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    blank: BTreeMap<u32, u32>,
}

/// A second that is still being filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    failed: u64,
    total: u64,
    /// Whether some of it was told together with other seconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unclear: bool,
}

/// The seconds in which requests ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) good: u64,
    pub(super) bad: u64,
    pub(super) unknown: u64,
}

impl Counts {
    /// The share of good seconds among those that are known.
    pub(super) fn share(self) -> Option<f64> {
        let known = self.good + self.bad;
        (known > 0).then(|| self.good as f64 / known as f64)
    }

    /// Whether a condition holds, whatever the unknown seconds were; `None` if that depends on them.
    pub(super) fn holds(self, condition: impl Fn(f64) -> bool, comparison: Comparison) -> Option<bool> {
        let all = (self.good + self.bad + self.unknown) as f64;
        let [least, most] = [self.good, self.good + self.unknown].map(|good| condition(good as f64 / all));
        let decided = match comparison {
            // What lies between the ends may hold, or not, though neither end does.
            Comparison::Equal | Comparison::NotEqual => self.unknown == 0,
            _ => least == most,
        };
        (all > 0.0 && decided).then_some(least)
    }
}

/// A threshold on the share of good seconds, ready to take samples.
#[derive(Clone, Debug)]
pub(super) struct Availability {
    pub(super) index: usize,
    /// The requests that it looks at.
    pub(super) failures: Target,
    /// Percent of them that have to succeed.
    pub(super) succeeded: u64,
}

/// What a threshold on the share of good seconds is made of: the failures of the same requests. Others are made of themselves.
pub(super) fn source_of(target: &Target) -> Target {
    if target.metric == names::AVAILABILITY {
        Target { metric: names::HTTP_REQ_FAILED.into(), selector: target.selector.clone() }
    } else {
        target.clone()
    }
}

/// Percent of the requests of a second that have to succeed.
pub(super) fn succeeded(threshold: &Threshold) -> u64 {
    u64::try_from(threshold.min_succeeded_percent.unwrap_or(SUCCEEDED)).unwrap_or_default()
}

impl Availability {
    /// Those of a test; those that can't be read are left out.
    pub(super) fn of(test: &LoadTestSpec) -> Vec<Self> {
        let catalog = Catalog::new(&test.metrics);
        let thresholds = test.thresholds.iter().enumerate().filter_map(|(index, threshold)| {
            let rule = Rule::compile(threshold, catalog).ok()?;
            let is_one = rule.target.metric == names::AVAILABILITY;
            let failures = source_of(&rule.target);
            is_one.then(|| Self { index, failures, succeeded: succeeded(threshold) })
        });
        thresholds.collect()
    }

    /// Adds what was recorded in a slice. One that is longer than a second does not say in which of its seconds requests ended.
    pub(super) fn add(&self, bins: &mut Bins, slice: &Slice) {
        let Some(Sink::Rate { passes, total }) = slice.windows.get(&self.index) else { return };
        if *total == 0 {
            return;
        }
        let unclear = slice.to_ms.saturating_sub(slice.from_ms) > LONGEST_MS;
        for second in seconds_of(slice) {
            // Runners tell in the order of time: what is judged was told of by all of them, or given up.
            if second < bins.next {
                bins.come_late(second);
                continue;
            }
            let open = bins.open.entry(second).or_default();
            open.unclear |= unclear;
            open.failed = open.failed.saturating_add(*passes);
            open.total = open.total.saturating_add(*total);
            if bins.open.len() > MOST_OPEN
                && let Some((oldest, _)) = bins.open.pop_first()
            {
                bins.give_up([oldest]);
            }
        }
    }

    /// By how much memory the seconds grow at most with a slice.
    pub(super) fn growth(&self, bins: Option<&Bins>, slice: &Slice) -> usize {
        let is_new =
            |second: &u32| bins.is_none_or(|bins| *second >= bins.next && !bins.open.contains_key(second));
        let begun = if bins.is_none() { size_of::<Bins>() } else { 0 };
        let is_blank = |second: &u32| bins.is_some_and(|bins| bins.blank_of(*second).is_some());
        match slice.windows.get(&self.index) {
            Some(_) => {
                let opened = seconds_of(slice).filter(is_new).take(MOST_OPEN + 1).count();
                begun + opened * OPENING + seconds_of(slice).filter(is_blank).count() * BLANK
            }
            None => begun,
        }
    }

    /// Judges the seconds that end by `until`, which all runners have passed.
    pub(super) fn close(&self, bins: &mut Bins, until: Duration) {
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        bins.told_ms = bins.told_ms.max(until_ms);
        bins.forget_blank();
        while let Some((second, open)) = bins.open.first_key_value().map(|(second, open)| (*second, *open)) {
            if (u64::from(second) + 1) * 1_000 > until_ms {
                break;
            }
            bins.open.pop_first();
            bins.next = second.saturating_add(1);
            self.judge(bins, open);
        }
    }

    /// Forgets what the seconds that are not over were made of: nothing is known of them. False if there were none.
    pub(super) fn give_up(bins: &mut Bins) -> bool {
        let open = std::mem::take(&mut bins.open);
        bins.give_up(open.keys().copied());
        !open.is_empty()
    }

    /// How many seconds there are of each kind. When the load has ended, after so long, those that are open count, too: the last one, which
    /// may not be whole, and those that some runner did not tell of.
    pub(super) fn counts(&self, bins: &Bins, ended: Option<Duration>) -> Counts {
        let mut bins = bins.clone();
        if let Some(ended) = ended {
            let ended_ms = u64::try_from(ended.as_millis()).unwrap_or(u64::MAX);
            for (second, open) in std::mem::take(&mut bins.open) {
                if bins.told_ms >= ended_ms.min((u64::from(second) + 1) * 1_000) {
                    self.judge(&mut bins, open);
                } else {
                    bins.unknown += 1;
                }
            }
        }
        Counts { good: bins.good, bad: bins.bad, unknown: bins.unknown }
    }

    fn judge(&self, bins: &mut Bins, open: Open) {
        let Open { failed, total, unclear } = open;
        let succeeded = u128::from(total.saturating_sub(failed));
        let enough = succeeded * 100 >= u128::from(total) * u128::from(self.succeeded);
        let count = match (unclear, enough) {
            (true, _) => &mut bins.unknown,
            (false, true) => &mut bins.good,
            (false, false) => &mut bins.bad,
        };
        *count += 1;
    }
}

impl Bins {
    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.open.len() * OPENING + self.blank.len() * BLANK
    }

    /// First second that some runner may still tell of.
    fn told(&self) -> u32 {
        u32::try_from(self.told_ms / 1_000).unwrap_or(u32::MAX)
    }

    /// Gives up seconds, in their order, of which something was told, and all before them.
    fn give_up(&mut self, seconds: impl IntoIterator<Item = u32>) {
        for second in seconds {
            let from = self.next.max(self.told());
            if from < second {
                self.blank.insert(from, second);
            }
            self.next = second.saturating_add(1);
            self.unknown += 1;
        }
        while self.blank.len() > MOST_BLANK
            && let Some((from, to)) = self.blank.pop_first()
        {
            self.unknown += u64::from(to.saturating_sub(from));
        }
    }

    /// The stretch that a second is of, if it was given up before anybody had told of it.
    fn blank_of(&self, second: u32) -> Option<(u32, u32)> {
        let (from, to) = self.blank.range(..=second).next_back()?;
        (second < *to).then_some((*from, *to))
    }

    /// A runner tells of a second only now that nobody can judge it any more.
    fn come_late(&mut self, second: u32) {
        let Some((from, to)) = self.blank_of(second) else { return };
        self.blank.remove(&from);
        for (from, to) in [(from, second), (second.saturating_add(1), to)] {
            if from < to {
                self.blank.insert(from, to);
            }
        }
        self.unknown += 1;
    }

    /// Forgets seconds that nobody will tell of any more.
    fn forget_blank(&mut self) {
        let told = self.told();
        while let Some((from, to)) = self.blank.first_key_value().map(|(from, to)| (*from, *to))
            && from < told
        {
            self.blank.pop_first();
            if told < to {
                self.blank.insert(told, to);
            }
        }
    }
}

#[cfg(test)]
mod tests;
