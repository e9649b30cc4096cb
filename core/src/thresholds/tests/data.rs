// SPDX-License-Identifier: Apache-2.0
//! What thresholds make of samples that are missing, folded away, or requests without an answer.

use super::*;
use crate::{
    metrics::{MOST_SERIES, names},
    results::{Counting, Unanswered, figures},
};

/// A run whose intervals are given to thresholds as a collector would.
struct Run {
    test: LoadTestSpec,
    plan: Plan,
    metrics: Metrics,
    windows: Windows,
}

impl Run {
    fn new(thresholds: &[Threshold]) -> Self {
        let plan = Plan { timeline: timeline(), loads: loads() };
        Self { test: spec(thresholds), plan, metrics: Metrics::default(), windows: Windows::default() }
    }

    fn add(&mut self, second: u64, interval: &Metrics) {
        let counted = Unanswered::new(Counting::Failed, &self.plan.loads).counted(interval);
        let interval = counted.as_ref().unwrap_or(interval);
        let (from, to) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        Windowed::new(&self.test, &self.plan.timeline).add(&mut self.windows, from, to, interval);
        self.metrics.merge(interval);
        // What an operator that starts anew finds is what there was.
        self.windows = serde_json::from_str(&serde_json::to_string(&self.windows).unwrap()).unwrap();
    }

    /// As if all tags had been given up.
    fn fold(&mut self) {
        let mut folded = Metrics::default();
        for (key, sink) in self.metrics.iter() {
            folded.add(SeriesKey { metric: key.metric.clone(), tags: Tags::default() }, sink);
        }
        self.metrics = folded;
    }

    fn recorded(&self) -> Recorded<'_> {
        Recorded {
            test: &self.test,
            timeline: &self.plan.timeline,
            metrics: &self.metrics,
            windows: &self.windows,
            elapsed: Duration::from_secs(30),
        }
    }

    fn judged(&self) -> Vec<ThresholdResult> {
        self.recorded().evaluate(true)
    }
}

fn loads() -> Vec<crate::plan::LoadPlan> {
    let stage = |name: &str, seconds, target| StageSpec {
        name: Some(name.into()),
        duration: TimeSpan::from_secs(seconds),
        target,
        jump: true,
    };
    let load = Load {
        stages: Some(vec![stage("low", 10, 5.into()), stage("hold", 20, 50.into())]),
        graceful_stop: Some(TimeSpan::from_secs(5)),
        ..Load::default()
    };
    Plan::compile(&load, &[]).unwrap().loads
}

/// Requests of which some hang until they are cut off.
fn hanging(all: u64, hang: u64) -> Metrics {
    let mut metrics = Metrics::default();
    let answered = all - hang;
    metrics.add(key("http_reqs", "hold", "pay"), &Sink::Counter(answered as f64));
    metrics.add(key("http_req_failed", "hold", "pay"), &Sink::Rate { passes: 0, total: answered });
    let mut waited = Trend::default();
    waited.record_many(Duration::from_secs(6), hang);
    metrics.add(key("http_req_interrupted", "hold", "pay"), &Sink::Trend(waited));
    metrics
}

#[rstest]
#[case::a_few(3, "0.02%", true)]
#[case::too_many(200, "1.47%", false)]
fn requests_without_an_answer_count_in_the_users_own_limit(
    #[case] hang: u64,
    #[case] observed: &str,
    #[case] passed: bool,
) {
    let mut run = Run::new(&[threshold("http_req_failed", None, "rate < 1%")]);
    run.add(20, &hanging(13_600, hang));
    let result = run.judged().remove(0);
    assert_eq!((result.passed, result.observed.as_str()), (passed, observed), "{result:?}");
    assert_eq!(result.detail.unwrap(), format!("{hang} had no answer when they were cut off"));
    assert_eq!(run.windows.unlimited(), 0, "they are the user's own affair");
    let summary = figures(&run.metrics, &run.plan.timeline, Duration::from_secs(30)).summary;
    assert_eq!((summary.error_rate.as_str(), summary.unanswered_requests), (observed, Some(hang as i64)));
    assert_eq!(summary.requests, 13_600 - hang as i64, "they were never finished");
}

#[rstest]
#[case::none_at_all(&[], 3)]
#[case::on_something_else(&["http_req_duration"], 3)]
#[case::on_all(&["http_req_failed"], 0)]
#[case::on_their_stage(&["http_req_failed{stage:hold}"], 0)]
#[case::on_another_stage(&["http_req_failed{stage:low}"], 3)]
#[case::on_their_request(&["http_req_failed{stage:low}", "http_req_failed{request:pay}"], 0)]
#[case::on_those_without_a_response(&["http_req_failed{status:0,expected_response:false}"], 0)]
#[case::on_a_status_that_they_don_t_have(&["http_req_failed{status:503}"], 3)]
#[case::on_the_time_of_those_cut_off(&["http_req_interrupted"], 0)]
#[case::on_that_time_in_another_stage(&["http_req_interrupted{stage:low}"], 3)]
fn only_a_threshold_that_selects_them_is_a_limit_on_requests_without_an_answer(
    #[case] metrics: &[&str],
    #[case] unlimited: u64,
) {
    let condition = |metric: &str| if metric.contains("failed") { "rate < 1%" } else { "max < 99s" };
    let thresholds: Vec<_> =
        metrics.iter().map(|metric| threshold(metric, None, condition(metric))).collect();
    let mut run = Run::new(&thresholds);
    run.add(20, &hanging(100, 3));
    assert_eq!(run.windows.unlimited(), unlimited);
}

#[test]
fn a_threshold_on_a_part_sees_its_samples_after_all_tags_were_given_up() {
    let mut abort = threshold("http_req_duration{request:pay,stage:hold}", None, "p(95) < 500ms");
    abort.abort_on_fail = true;
    let ratio = Threshold {
        ratio_to: Some(upsurge_crds::v1alpha1::SeriesReference {
            metric: None,
            selector: Some(ThresholdSelector { stage: Some("low".into()), ..Default::default() }),
        }),
        ..threshold("http_req_duration{stage:hold}", None, "max < 10")
    };
    let others = [
        threshold("http_req_failed{request:pay}", None, "rate < 1%"),
        threshold("http_req_failed{stage:low}", None, "rate < 1%"),
    ];
    let mut run = Run::new(&[vec![abort, ratio], others.to_vec()].concat());
    run.add(0, &metrics());
    let before = run.judged();
    run.fold();
    assert_eq!(run.judged(), before);
    let passed: Vec<bool> = before.iter().map(|result| result.passed).collect();
    assert_eq!(passed, [false, false, false, true], "{before:?}");
    assert!(run.recorded().breached_abort().is_some(), "abortOnFail acts");
}

#[test]
fn parts_that_only_the_merged_series_can_t_tell_apart_are_judged() {
    let mut run = Run::new(&[threshold("http_reqs{request:last}", None, "count == 1")]);
    for request in 0..MOST_SERIES as u64 + 10 {
        let mut interval = Metrics::default();
        interval.add(key("http_reqs", "hold", &request.to_string()), &Sink::Counter(1.0));
        run.metrics.merge(&interval);
    }
    let mut interval = Metrics::default();
    interval.add(key("http_reqs", "hold", "last"), &Sink::Counter(1.0));
    run.add(20, &interval);
    assert!(run.metrics.is_overflowed(names::HTTP_REQS));
    assert!(run.judged()[0].passed, "{:?}", run.judged());
}

#[rstest]
#[case::trend("group_duration", "p(95) < 1")]
#[case::rate("checks", "rate > 0.99")]
#[case::gauge("vus_max", "value < 9")]
#[case::part_of_a_trend("http_req_duration{request:other}", "max < 9s")]
#[case::part_of_a_rate("http_req_failed{status:503}", "rate < 1%")]
fn a_threshold_that_met_no_data_says_so_and_does_not_pass(#[case] metric: &str, #[case] condition: &str) {
    let strict = threshold(metric, None, condition);
    let lenient = Threshold { allow_no_data: true, ..strict.clone() };
    let mut run = Run::new(&[strict, lenient]);
    run.add(0, &metrics());
    let results = run.judged();
    let judged: Vec<_> =
        results.iter().map(|one| (one.passed, one.undecided, one.observed.as_str())).collect();
    assert_eq!(judged, [(false, true, "no data"), (true, false, "no data")]);
}

#[test]
fn what_could_not_have_happened_yet_is_no_zero() {
    let counted = |elapsed| {
        let mut run = Run::new(&[threshold("http_reqs{stage:hold,status:503}", None, "count < 10")]);
        run.add(0, &Metrics::default());
        let recorded = Recorded { elapsed: Duration::from_secs(elapsed), ..run.recorded() };
        recorded.evaluate(true).remove(0)
    };
    assert_eq!((counted(9).undecided, counted(9).passed), (true, false), "the stage did not begin");
    assert_eq!((counted(15).undecided, counted(15).passed), (false, true));
}

#[test]
fn a_share_of_which_nothing_happened_is_zero_and_of_nothing_is_no_data() {
    let share = |metric: &str, of: &str| Threshold {
        ratio_to: Some(upsurge_crds::v1alpha1::SeriesReference { metric: Some(of.into()), selector: None }),
        ..threshold(metric, None, "count < 1%")
    };
    let mut run = Run::new(&[share("http_reqs{status:503}", "http_reqs"), share("http_reqs", "data_sent")]);
    run.add(0, &metrics());
    let judged: Vec<_> =
        run.judged().into_iter().map(|one| (one.passed, one.undecided, one.observed)).collect();
    assert_eq!(judged, [(true, false, "0%".into()), (false, true, "no data".into())]);
}

#[test]
fn what_an_earlier_version_merged_is_begun_with() {
    let thresholds = [threshold("http_req_failed{stage:hold}", None, "rate < 1%")];
    let mut run = Run::new(&thresholds);
    run.metrics = metrics();
    // As its checkpoint has it.
    run.windows = serde_json::from_str(r#"{"courses": {}}"#).unwrap();
    Windowed::new(&run.test, &run.plan.timeline).adopt(&mut run.windows, &run.metrics);
    run.add(20, &metrics());
    assert_eq!(run.judged()[0].observed, "5%");
    assert_eq!(run.metrics.rate("http_req_failed", &Default::default()).1, 220, "of both halves");
}

#[test]
fn sums_of_as_many_thresholds_as_there_may_be_fit_into_the_checkpoint() {
    let thresholds: Vec<_> = (0..100)
        .map(|number| threshold(&format!("http_req_duration{{request:r{number}}}"), None, "p(95) < 1s"))
        .collect();
    let mut run = Run::new(&thresholds);
    let mut interval = Metrics::default();
    let mut seed = 7_u64;
    for number in 0..100 {
        let mut trend = Trend::default();
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // From 1 ms to 1 s, without any order.
            trend.record(Duration::from_micros(1_000 + (seed >> 40) % 1_000_000));
        }
        interval.add(key("http_req_duration", "hold", &format!("r{number}")), &Sink::Trend(trend));
    }
    run.add(20, &interval);
    let bytes = serde_json::to_string(&run.windows).unwrap().len();
    // Base64, which compression takes back: a third of it is air.
    assert!(bytes * 3 / 4 < 600_000, "{bytes} bytes");
}
