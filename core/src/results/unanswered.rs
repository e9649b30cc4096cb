// SPDX-License-Identifier: Apache-2.0
//! Requests without an answer: cut off at the end of the load, though they had all of `gracefulStop`.
//!
//! Runners only know how long a request had been under way when it was cut off. Whether it counts as failed is decided
//! here, once for each interval and before anything else is made of it, so that thresholds, windows, results and outputs
//! all see the same requests. Nothing in here looks at what was merged before.

use std::collections::BTreeMap;

use upsurge_crds::v1alpha1::LoadTestSpec;

use crate::{
    metrics::{Metrics, Selector, SeriesKey, Sink, Tags, names},
    plan::{LoadPlan, Plan},
};

/// Share of the graceful stop that counts as all of it: what a histogram gives is true to 0.1 %.
const WHOLE: f64 = 0.998;

/// Where requests without an answer are counted besides `request_errors`: a matter of the front end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// In `http_req_failed`, as failed ones.
    #[default]
    Failed,
    /// Nowhere else: the front end brings the counting of its own tool.
    Apart,
}

/// Tells which requests that were cut off count as unanswered.
#[derive(Clone, Debug, Default)]
pub struct Unanswered {
    counting: Counting,
    /// Shortest time under way by stage, in milliseconds. Stages of loads that don't wait at all are not in here.
    least: BTreeMap<String, f64>,
}

impl Unanswered {
    /// By the graceful stop of each load.
    pub fn new(counting: Counting, loads: &[LoadPlan]) -> Self {
        // With a graceful stop of zero a test says that it does not wait for any.
        let waiting = loads.iter().filter(|load| !load.graceful_stop.is_zero());
        let least = waiting.flat_map(|load| {
            let least = load.graceful_stop.as_secs_f64() * 1e3 * WHOLE;
            load.stages.iter().map(move |stage| (stage.name.clone(), least))
        });
        Self { counting, least: least.collect() }
    }

    /// The same, from the test alone.
    pub fn of(test: &LoadTestSpec) -> Self {
        let scenarios: Vec<&str> =
            test.scenarios.iter().flatten().map(|scenario| scenario.name.as_str()).collect();
        let loads = Plan::compile(&test.load, &scenarios).map(|plan| plan.loads).unwrap_or_default();
        Self::new(Counting::default(), &loads)
    }

    /// Shortest time under way that makes a request of these tags an unanswered one; `None` if nothing does.
    fn least_of(&self, tags: &Tags) -> Option<f64> {
        match &tags.stage {
            Some(stage) => self.least.get(stage).copied(),
            // Of too many series the stage is not known: the longest graceful stop makes none of them up.
            None => self.least.values().copied().reduce(f64::max),
        }
    }

    /// What was recorded in an interval, with its unanswered requests counted; `None` if there are none.
    pub fn counted(&self, metrics: &Metrics) -> Option<Metrics> {
        let added = self.added(metrics)?;
        let mut counted = metrics.clone();
        counted.merge(&added);
        Some(counted)
    }

    /// What its unanswered requests add to what was recorded in an interval; `None` if there are none.
    pub fn added(&self, metrics: &Metrics) -> Option<Metrics> {
        let everything = Selector::default();
        let mut added: Option<Metrics> = None;
        for (tags, sink) in metrics.select(names::HTTP_REQ_INTERRUPTED, &everything) {
            let (Sink::Trend(waited), Some(least)) = (sink, self.least_of(tags)) else { continue };
            let count = waited.longer_than(least);
            if count == 0 {
                continue;
            }
            let added = added.get_or_insert_default();
            let error = Tags { check: Some(names::UNANSWERED.into()), ..tags.clone() };
            let error = SeriesKey { metric: names::REQUEST_ERRORS.into(), tags: error };
            added.add(error, &Sink::Counter(count as f64));
            if self.counting == Counting::Failed {
                let failed = SeriesKey { metric: names::HTTP_REQ_FAILED.into(), tags: as_failed(tags) };
                added.add(failed, &Sink::Rate { passes: count, total: count });
            }
        }
        added
    }
}

/// The tags under which a request without an answer counts as failed.
pub(crate) fn as_failed(tags: &Tags) -> Tags {
    Tags { check: None, status: Some(0), expected_response: Some(false), error_code: None, ..tags.clone() }
}

/// Requests without an answer in what was counted; `None` if there are none.
pub(super) fn of(metrics: &Metrics) -> Option<i64> {
    let selector = Selector { check: Some(names::UNANSWERED.into()), ..Selector::default() };
    let count = metrics.count(names::REQUEST_ERRORS, &selector);
    (count > 0.0).then_some(count as i64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Trend;

    fn loads(graceful: u64) -> Vec<LoadPlan> {
        let load = serde_json::json!({
            "constant": {"level": 1, "duration": "10s"}, "gracefulStop": format!("{graceful}s")
        });
        Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().loads
    }

    /// Requests that were cut off after so many milliseconds.
    fn cut_off(milliseconds: &[u64]) -> Metrics {
        let mut waited = Trend::default();
        milliseconds.iter().for_each(|time| waited.record(Duration::from_millis(*time)));
        let tags = Tags {
            stage: Some(loads(1)[0].stages[0].name.clone()),
            request: Some("get".into()),
            method: Some("GET".into()),
            ..Tags::default()
        };
        let mut metrics = Metrics::default();
        let key = SeriesKey { metric: names::HTTP_REQ_INTERRUPTED.into(), tags };
        metrics.add(key, &Sink::Trend(waited));
        metrics
    }

    #[test]
    fn requests_that_had_the_whole_graceful_stop_count_as_failed_and_others_don_t() {
        let metrics = cut_off(&[1, 29_990, 30_000, 31_000]);
        let counted = |seconds| {
            let counted = Unanswered::new(Counting::Failed, &loads(seconds)).counted(&metrics)?;
            Some((of(&counted)?, counted.rate(names::HTTP_REQ_FAILED, &Selector::default())))
        };
        let three = Some((3, (3, 3)));
        assert_eq!([counted(30), counted(1), counted(60), counted(0)], [three, three, None, None]);
    }

    #[test]
    fn they_are_found_by_the_tags_of_requests_without_a_response() {
        let counted = Unanswered::new(Counting::Failed, &loads(30)).counted(&cut_off(&[30_000])).unwrap();
        let failed = |selector: &Selector| counted.rate(names::HTTP_REQ_FAILED, selector).1;
        let named = |request: &str| Selector { request: Some(request.into()), ..Selector::default() };
        let without = Selector {
            status: Some(0),
            method: Some("GET".into()),
            expected_response: Some(false),
            ..named("get")
        };
        assert_eq!((failed(&without), failed(&named("other"))), (1, 0));
    }

    #[test]
    fn a_front_end_with_a_counting_of_its_own_keeps_it() {
        let counted = Unanswered::new(Counting::Apart, &loads(30)).counted(&cut_off(&[30_000])).unwrap();
        assert_eq!(of(&counted), Some(1), "told all the same");
        assert_eq!(counted.rate(names::HTTP_REQ_FAILED, &Selector::default()), (0, 0));
    }
}
