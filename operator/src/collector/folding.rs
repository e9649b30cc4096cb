// SPDX-License-Identifier: Apache-2.0
//! Which tags are given up when the checkpoint gets too large.
//!
//! Folding moves samples to a series with fewer tags, so sums over the whole run or a stage stay exact. It holds for all
//! that comes later, too: a series is never split between two grains. Thresholds don't care: they keep sums of
//! their own of the parts that they select.

use std::{borrow::Cow, collections::BTreeMap};

use upsurge_core::metrics::{Metrics, OVERFLOW, SeriesKey, Tags, names};

/// The coarsest level: figures of the whole run, but for what the verdict itself needs.
pub const COARSEST: u8 = 5;
/// Most series that are kept apart: below the bound at which new ones would become overflow, which tells less.
const MOST_SERIES: usize = upsurge_core::metrics::MOST_SERIES * 4 / 5;

/// The distributions that results per stage and request are made of.
const TIMES: [&str; 2] = [names::HTTP_REQ_DURATION, names::HTTP_REQ_RESPONSE_TIME];
/// The counts that results per stage and request are made of.
const COUNTS: [&str; 2] = [names::HTTP_REQ_FAILED, names::HTTP_REQS];

/// How dear the tags of a metric are.
enum Kind {
    Times,
    Counts,
    Check,
    Errors,
    Iterations,
    Other,
    Phase,
}

/// How tags are given up, level by level: 0 keeps all, [`COARSEST`] none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folding;

impl Folding {
    /// The series that takes the samples of a series at a level.
    pub fn key<'a>(&self, level: u8, key: &'a SeriesKey) -> Cow<'a, SeriesKey> {
        // The mark that parts of the metric are not complete has to outlast them.
        if level == 0 || key.tags.request.as_deref() == Some(OVERFLOW) {
            return Cow::Borrowed(key);
        }
        let metric = key.metric.as_str();
        let whole = Tags::default;
        let stage = || Tags { stage: key.tags.stage.clone(), ..whole() };
        // Without the tags of responses, of which there may be many.
        let plain = || Tags {
            status: None,
            method: None,
            expected_response: None,
            error_code: None,
            custom: BTreeMap::new(),
            ..key.tags.clone()
        };
        let check = || Tags { request: key.tags.request.clone(), check: key.tags.check.clone(), ..whole() };
        // The kind of an error, of which there are few: the verdict names it.
        let error = || Tags { check: key.tags.check.clone(), ..whole() };
        // Down each column, tags only ever go: what was folded before can't be told apart again.
        let tags = match (kind(metric), level) {
            (Kind::Errors, 4..) => error(),
            // The generator is judged by them.
            (Kind::Iterations, 2..) => stage(),
            (Kind::Errors, 2 | 3) => check(),
            (Kind::Errors | Kind::Iterations, 0 | 1) => key.tags.clone(),
            (_, COARSEST..) => whole(),
            (Kind::Counts | Kind::Other | Kind::Check, 1) | (_, 0) => key.tags.clone(),
            (Kind::Times, 1 | 2) | (Kind::Counts, 2) => plain(),
            (Kind::Phase, 1) | (Kind::Times | Kind::Counts | Kind::Other, _) => stage(),
            (Kind::Check, 2 | 3) => check(),
            (Kind::Phase | Kind::Check, _) => whole(),
        };
        Cow::Owned(SeriesKey { metric: key.metric.clone(), tags })
    }

    /// All series at a level.
    pub fn fold(&self, level: u8, metrics: &Metrics) -> Metrics {
        let mut folded = Metrics::default();
        for (key, sink) in metrics.iter() {
            folded.add(self.key(level, key).into_owned(), sink);
        }
        folded
    }

    /// What was given up to come to a level, in words.
    pub fn told(level: u8) -> &'static str {
        match level {
            1 => "phases of requests are known by stage, and their times without status, method and tags",
            2 => "counts of requests are known without status, method and tags",
            3 => "times of requests are known by stage only",
            4 => "figures are known by stage only, and checks and errors of the whole run",
            _ => "figures are known of the whole run only",
        }
    }

    /// Whether there are so many series that a coarser level is due.
    pub fn is_due(&self, level: u8, metrics: &Metrics) -> bool {
        metrics.len() > MOST_SERIES && level < COARSEST
    }
}

fn kind(metric: &str) -> Kind {
    match metric {
        _ if names::PHASES.contains(&metric) => Kind::Phase,
        _ if TIMES.contains(&metric) => Kind::Times,
        _ if COUNTS.contains(&metric) => Kind::Counts,
        names::CHECKS => Kind::Check,
        names::REQUEST_ERRORS => Kind::Errors,
        names::STARTED_ITERATIONS | names::DROPPED_ITERATIONS | names::SCHEDULE_LAG => Kind::Iterations,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use upsurge_core::metrics::{Selector, Sink};

    use super::*;

    fn tagged(metric: &str, stage: &str, request: &str) -> SeriesKey {
        let tags = Tags { stage: Some(stage.into()), request: Some(request.into()), ..Tags::default() };
        SeriesKey { metric: metric.into(), tags }
    }

    fn sample() -> Metrics {
        let mut metrics = Metrics::default();
        for metric in names::ALL {
            for stage in ["warm-up", "hold"] {
                for request in ["log in", "pay"] {
                    metrics.add(tagged(metric, stage, request), &Sink::Counter(1.0));
                }
            }
        }
        metrics
    }

    #[test]
    fn sums_over_the_run_are_the_same_at_every_level() {
        let all = Selector::default();
        for level in 0..=COARSEST {
            let folded = Folding.fold(level, &sample());
            for metric in names::ALL {
                assert_eq!(folded.count(metric, &all), 4.0, "{metric} at level {level}");
            }
        }
    }

    #[test]
    fn what_the_generator_and_the_verdict_are_judged_by_is_known_at_every_level() {
        let by_stage = Selector { stage: Some("hold".into()), ..Selector::default() };
        let kind = Selector { check: Some(names::UNANSWERED.into()), ..Selector::default() };
        let mut metrics = sample();
        let mut error = tagged(names::REQUEST_ERRORS, "hold", "pay");
        error.tags.check = Some(names::UNANSWERED.into());
        metrics.add(error, &Sink::Counter(3.0));
        for level in 0..=COARSEST {
            let folded = Folding.fold(level, &metrics);
            for metric in [names::STARTED_ITERATIONS, names::DROPPED_ITERATIONS, names::SCHEDULE_LAG] {
                assert_eq!(folded.count(metric, &by_stage), 2.0, "{metric} at level {level}");
            }
            assert_eq!(folded.count(names::REQUEST_ERRORS, &kind), 3.0, "level {level}");
        }
    }

    #[test]
    fn each_level_has_fewer_series_than_the_one_before() {
        let sizes: Vec<usize> = (0..=COARSEST).map(|level| Folding.fold(level, &sample()).len()).collect();
        assert!(sizes.is_sorted_by(|finer, coarser| finer > coarser), "{sizes:?}");
    }

    #[test]
    fn folding_in_steps_and_at_once_gives_the_same_series() {
        let folding = Folding;
        let mut stepwise = sample();
        for level in 1..=COARSEST {
            stepwise = folding.fold(level, &stepwise);
            assert_eq!(stepwise, folding.fold(level, &sample()), "level {level}");
        }
    }

    #[test]
    fn that_there_were_too_many_series_is_known_at_every_level() {
        let mut metrics = Metrics::default();
        for number in 0..=upsurge_core::metrics::MOST_SERIES {
            metrics.add(tagged(names::HTTP_REQS, "hold", &format!("request {number}")), &Sink::Counter(1.0));
        }
        assert!(metrics.is_overflowed(names::HTTP_REQS));
        let mut stepwise = metrics.clone();
        for level in 0..=COARSEST {
            stepwise = Folding.fold(level, &stepwise);
            for folded in [&stepwise, &Folding.fold(level, &metrics)] {
                assert!(folded.is_overflowed(names::HTTP_REQS), "level {level}");
                assert_eq!(folded.overflowed().count(), 1, "level {level}");
                assert_eq!(folded.count(names::HTTP_REQS, &Selector::default()), 5_001.0, "level {level}");
            }
        }
    }

    #[test]
    fn phases_go_first_and_stages_stay_long() {
        let first = Folding.fold(1, &sample());
        let key = tagged(names::HTTP_REQ_DURATION, "hold", "pay");
        assert!(first.get(&key).is_some());
        assert!(first.get(&tagged(names::HTTP_REQ_WAITING, "hold", "pay")).is_none());
        assert!(Folding.fold(3, &sample()).get(&key).is_none());
        let by_stage = Selector { stage: Some("hold".into()), ..Selector::default() };
        assert_eq!(Folding.fold(4, &sample()).count(names::HTTP_REQS, &by_stage), 2.0);
    }
}
