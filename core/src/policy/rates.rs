// SPDX-License-Identifier: Apache-2.0
//! How much load there really is in a namespace, by what its runners report, and which run is one too many.
//!
//! No clock and no I/O: the caller says what was measured, and when.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::Rule;

/// How long the rate may be too high.
const PATIENCE: Duration = Duration::from_secs(3);
/// Age at which a rate says nothing any more.
const STALE: Duration = Duration::from_secs(10);

/// What has been measured of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When the load started that was measured: of a run of several epochs, that of the one under way.
    pub start: Timestamp,
    /// Time from there that the figures cover.
    pub elapsed: Duration,
    /// Requests in that time.
    pub requests: f64,
}

/// More load than is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Excess {
    /// Requests per second of all runs of the namespace.
    pub rate: f64,
    /// Path and value of the rule.
    pub rule: Rule<u32>,
}

impl Excess {
    /// The same in a sentence.
    pub fn message(&self, namespace: &str, whom_to_ask: &str) -> String {
        format!(
            "the runs of namespace {namespace} made {:.0} requests/s for {} s, at most {} are allowed ({}); this run, the \
             last one to start, was stopped; {whom_to_ask}",
            self.rate,
            PATIENCE.as_secs(),
            self.rule.value,
            self.rule.path
        )
    }
}

#[derive(Clone, Debug)]
struct Known {
    /// When the first load started that is known of the run.
    since: Timestamp,
    sample: Sample,
    /// Requests per second since the sample before.
    rate: f64,
    at: Timestamp,
}

/// The rates of all runs under way.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// By namespace and name.
    runs: BTreeMap<String, BTreeMap<String, Known>>,
    /// Since when a namespace's rate has been too high.
    high: BTreeMap<String, Timestamp>,
}

impl Rates {
    /// Something was measured of a run. Says whether this run is to be stopped.
    pub fn see(
        &mut self,
        namespace: &str,
        name: &str,
        sample: Sample,
        limit: Option<&Rule<u32>>,
        now: Timestamp,
    ) -> Option<Excess> {
        let runs = self.runs.entry(namespace.to_owned()).or_default();
        match runs.get_mut(name) {
            // Of another epoch: time and requests are counted from the start again.
            Some(known) if sample.start != known.sample.start => {
                *known = Known { sample, rate: 0.0, at: now, ..*known };
            }
            // Over less than a second a rate says little: the deltas of several runners come one by one.
            Some(known) if sample.elapsed < known.sample.elapsed.saturating_add(Duration::from_secs(1)) => {}
            Some(known) => {
                let seconds = (sample.elapsed - known.sample.elapsed).as_secs_f64();
                let rate = (sample.requests - known.sample.requests).max(0.0) / seconds;
                *known = Known { sample, rate, at: now, ..*known };
            }
            None => {
                runs.insert(name.to_owned(), Known { since: sample.start, sample, rate: 0.0, at: now });
            }
        }
        let fresh = |known: &&Known| age(known.at, now) < STALE;
        let rate: f64 = runs.values().filter(fresh).map(|known| known.rate).sum();
        let rule = limit.filter(|rule| rate > f64::from(rule.value));
        let Some(rule) = rule else {
            self.high.remove(namespace);
            return None;
        };
        let since = *self.high.entry(namespace.to_owned()).or_insert(now);
        let youngest = runs.iter().filter(|(_, known)| fresh(known));
        let youngest = youngest.max_by_key(|(name, known)| (known.since, *name));
        let is_youngest = youngest.is_some_and(|(youngest, _)| youngest == name);
        if !is_youngest || age(since, now) < PATIENCE {
            return None;
        }
        // The others get their time anew.
        self.leave(namespace, name);
        Some(Excess { rate, rule: rule.clone() })
    }

    /// A run has ended.
    pub fn leave(&mut self, namespace: &str, name: &str) {
        self.high.remove(namespace);
        if let Some(runs) = self.runs.get_mut(namespace) {
            runs.remove(name);
            if runs.is_empty() {
                self.runs.remove(namespace);
            }
        }
    }
}

fn age(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// Seconds in which a run that started at `start` is told to stop at `rate` requests per second.
    fn watch(rates: &mut Rates, name: &str, start: i64, rate: impl Fn(i64) -> f64, limit: u32) -> Vec<i64> {
        let rule = Rule { value: limit, path: "policy.rules.maxRequestsPerSecond".into() };
        let mut requests = 0.0;
        let mut stopped = Vec::new();
        for second in start..start + 20 {
            let elapsed = Duration::from_secs((second - start).unsigned_abs());
            let sample = Sample { start: at(start), elapsed, requests };
            if rates.see("a", name, sample, Some(&rule), at(second)).is_some() {
                stopped.push(second - start);
                break;
            }
            requests += rate(second - start);
        }
        stopped
    }

    #[test]
    fn a_rate_above_the_limit_for_three_seconds_stops_the_run() {
        assert_eq!(watch(&mut Rates::default(), "x", 0, |_| 101.0, 100), [4]);
        assert!(
            watch(&mut Rates::default(), "x", 0, |_| 100.0, 100).is_empty(),
            "the limit itself is allowed"
        );
    }

    #[test]
    fn a_short_burst_stops_nobody() {
        let bursts = |second: i64| if second % 4 < 3 { 150.0 } else { 50.0 };
        assert!(watch(&mut Rates::default(), "x", 0, bursts, 100).is_empty());
    }

    #[test]
    fn rates_of_a_namespace_add_up_and_the_last_one_to_start_is_stopped() {
        let rule = Rule { value: 100, path: "p".into() };
        let mut rates = Rates::default();
        let mut stopped = Vec::new();
        for second in 0..30 {
            for (name, start, rate) in [("old", 0, 60.0), ("young", 10, 60.0)] {
                let elapsed = second - start;
                if elapsed < 0 || stopped.iter().any(|(stopped, _)| *stopped == name) {
                    continue;
                }
                let sample = Sample {
                    start: at(start),
                    elapsed: Duration::from_secs(elapsed.unsigned_abs()),
                    requests: rate * elapsed as f64,
                };
                if let Some(excess) = rates.see("a", name, sample, Some(&rule), at(second)) {
                    assert_eq!(excess.rate, 120.0);
                    assert!(excess.message("a", "ask us").contains("120 requests/s"));
                    stopped.push((name, second));
                }
                if name == "old" {
                    assert!(
                        rates.see("b", name, sample, Some(&rule), at(second)).is_none(),
                        "its own namespace"
                    );
                }
            }
        }
        assert_eq!(stopped, [("young", 14)]);
    }

    #[test]
    fn each_epoch_of_a_run_is_watched_and_makes_it_no_younger() {
        let rule = Rule { value: 100, path: "p".into() };
        let sample = |start: i64, second: i64, rate: f64| Sample {
            start: at(start),
            elapsed: Duration::from_secs((second - start).unsigned_abs()),
            requests: rate * (second - start) as f64,
        };
        // Its first epoch is within the limit, the second one is not.
        let mut rates = Rates::default();
        let stopped = (0..30).find(|second| {
            let sample = if *second < 20 { sample(0, *second, 90.0) } else { sample(20, *second, 150.0) };
            rates.see("a", "search", sample, Some(&rule), at(*second)).is_some()
        });
        assert_eq!(stopped, Some(24));
        // Another run that began before the second epoch is the last one to start.
        let mut rates = Rates::default();
        let mut stopped = Vec::new();
        for second in 0..30 {
            let start = if second < 20 { 0 } else { 20 };
            for (name, start, rate) in
                [("search", start, 60.0), ("young", 10, if second < 20 { 0.0 } else { 60.0 })]
            {
                if second >= start
                    && stopped.is_empty()
                    && rates.see("a", name, sample(start, second, rate), Some(&rule), at(second)).is_some()
                {
                    stopped.push(name);
                }
            }
        }
        assert_eq!(stopped, ["young"]);
    }

    #[test]
    fn what_is_heard_no_more_does_not_count() {
        let rule = Rule { value: 100, path: "p".into() };
        let sample = |elapsed: u64| Sample {
            start: at(0),
            elapsed: Duration::from_secs(elapsed),
            requests: 90.0 * elapsed as f64,
        };
        let mut rates = Rates::default();
        for second in 0..3 {
            rates.see("a", "lost", sample(second), Some(&rule), at(second as i64));
        }
        for second in 3..20 {
            let excess = rates.see("a", "x", sample(second), Some(&rule), at(10 + second as i64));
            assert!(excess.is_none(), "{excess:?}");
        }
    }
}
