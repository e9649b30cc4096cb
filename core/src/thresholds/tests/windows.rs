// SPDX-License-Identifier: Apache-2.0
//! Thresholds on windows and ratios, against what a naive computation finds.

use proptest::prelude::*;
use upsurge_crds::v1alpha1::SeriesReference;

use super::*;

const STAGES: [(&str, u64, u64); 2] = [("low", 0, 10), ("hold", 10, 30)];

fn trend_of(times: &[u64]) -> Metrics {
    let mut metrics = Metrics::default();
    let mut trend = Trend::default();
    times.iter().for_each(|time| trend.record(Duration::from_millis(*time)));
    if !times.is_empty() {
        metrics.add(key("http_req_duration", "hold", "pay"), &Sink::Trend(trend));
        metrics.add(key("http_reqs", "hold", "pay"), &Sink::Counter(times.len() as f64));
    }
    metrics
}

fn windowed(metric: &str, condition: &str, seconds: u64) -> Threshold {
    Threshold {
        metric: metric.into(),
        condition: condition.into(),
        window: Some(TimeSpan::from_secs(seconds)),
        abort_on_fail: true,
        ..Threshold::default()
    }
}

/// Plays one interval per second, as a runner would report them; what comes out at the end, and when it would have stopped.
fn play(thresholds: &[Threshold], seconds: &[Vec<u64>]) -> (Vec<ThresholdResult>, Option<usize>) {
    let (test, timeline) = (spec(thresholds), timeline());
    let rules = Windowed::new(&test, &timeline);
    let (mut windows, mut total, mut stopped) = (Windows::default(), Metrics::default(), None);
    for (second, times) in seconds.iter().enumerate() {
        let metrics = trend_of(times);
        // Collections are never quite on the second.
        let at = |second: usize| Duration::from_millis(second as u64 * 1000 + 3);
        rules.add(&mut windows, at(second), at(second + 1), &metrics);
        total.merge(&metrics);
        rules.close(&mut windows, at(second + 1), &total);
        // What an operator that starts anew finds is what there was.
        windows = serde_json::from_str(&serde_json::to_string(&windows).unwrap()).unwrap();
        let recorded = Recorded {
            test: &test,
            timeline: &timeline,
            metrics: &total,
            windows: &windows,
            elapsed: at(second + 1),
        };
        if stopped.is_none() && recorded.breached_abort().is_some() {
            stopped = Some(second);
        }
    }
    let elapsed = Duration::from_secs(seconds.len() as u64);
    let recorded = Recorded { test: &test, timeline: &timeline, metrics: &total, windows: &windows, elapsed };
    (recorded.evaluate(true), stopped)
}

/// The largest of the numbers, as histograms give it: true to 0.1 %.
fn naive_median(times: &[u64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 / 2.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map(|time| *time as f64)
}

#[test]
fn a_bad_stretch_that_the_whole_run_hides_breaches_its_window_and_stops_the_run_when_that_is_over() {
    let mut seconds = vec![vec![10; 50]; 30];
    seconds[12..15].fill(vec![900; 50]);
    let whole = Threshold { window: None, ..windowed("http_req_duration", "med < 100ms", 1) };
    let (results, stopped) = play(&[windowed("http_req_duration", "med < 100ms", 5), whole], &seconds);
    assert_eq!((results[0].passed, results[1].passed), (false, true), "{results:?}");
    assert_eq!(results[0].observed, "900ms");
    assert_eq!(results[0].detail.as_deref(), Some("worst of 6 windows of 5s: from 10s; 1 breached"));
    assert_eq!(stopped, Some(14));
}

#[test]
fn windows_of_a_stage_begin_with_it_and_late_samples_count_to_its_last_one() {
    let mut seconds = vec![vec![10; 5]; 30];
    // Due in `hold`, which ends at 30 s.
    seconds.extend([vec![], vec![5_000; 40]]);
    let mut threshold = windowed("http_req_duration{stage:hold}", "max < 1s", 7);
    threshold.abort_on_fail = false;
    let (results, _) = play(&[threshold], &seconds);
    // 20 s hold two windows of 7 s; the last one also has the 6 s that are left over.
    assert_eq!(results[0].detail.as_deref(), Some("worst of 2 windows of 7s: from 17s; 1 breached"));
    assert!(!results[0].passed);
}

#[test]
fn a_load_that_ends_early_is_judged_up_to_its_end() {
    // It was to last 30 s.
    let judged = |metric: &str, condition: &str, seconds: u64| {
        let mut course = vec![vec![10; 20]; seconds as usize];
        course[10..].fill(vec![900; 20]);
        let (results, _) = play(&[windowed(metric, condition, 10)], &course);
        (results[0].passed, results[0].detail.clone().unwrap())
    };
    let (passed, detail) = judged("http_req_duration", "med < 100ms", 16);
    assert_eq!((passed, &*detail), (false, "worst of 2 windows of 10s: from 10s; 1 breached"));
    // Of less than half a window nothing is said, nor of a sum that was not whole.
    assert!(judged("http_req_duration", "med < 100ms", 14).0);
    assert!(judged("http_reqs", "count >= 200", 16).0);
    assert!(judged("http_reqs", "rate >= 20", 16).0);
}

#[test]
fn of_a_part_that_is_not_complete_nothing_is_said_with_windows_and_as_a_reference_neither() {
    let mut metrics = trend_of(&[10]);
    for request in 0..2 * MOST_SERIES {
        metrics.add(key("http_req_duration", "hold", &request.to_string()), &Sink::Trend(Trend::default()));
    }
    let whole = |window, ratio_to| Threshold {
        metric: if window { "http_req_duration{stage:hold}" } else { "http_req_duration" }.into(),
        window: window.then(|| TimeSpan::from_secs(5)),
        ratio_to,
        ..windowed("", "max < 1000", 5)
    };
    let part = SeriesReference {
        metric: None,
        selector: Some(ThresholdSelector { stage: Some("hold".into()), ..Default::default() }),
    };
    let (test, timeline) =
        (spec(&[whole(true, None), whole(false, Some(part)), whole(false, None)]), timeline());
    let (rules, mut windows) = (Windowed::new(&test, &timeline), Windows::default());
    rules.add(&mut windows, Duration::from_secs(10), Duration::from_secs(15), &metrics);
    let elapsed = Duration::from_secs(30);
    let recorded =
        Recorded { test: &test, timeline: &timeline, metrics: &metrics, windows: &windows, elapsed };
    let results = recorded.evaluate(true);
    let judged: Vec<_> = results.iter().map(|result| (result.passed, result.undecided)).collect();
    assert_eq!(judged, [(false, true), (false, true), (true, false)]);
}

#[test]
fn nothing_at_all_breaches_a_lower_limit_on_a_counter() {
    let mut seconds = vec![vec![10; 20]; 30];
    seconds[20..25].fill(vec![]);
    let (results, _) = play(&[windowed("http_reqs", "rate >= 20", 5)], &seconds);
    assert_eq!((results[0].passed, results[0].observed.as_str()), (false, "0/s"), "{results:?}");
}

#[test]
fn a_breach_before_the_delay_fails_the_run_but_does_not_stop_it() {
    let mut seconds = vec![vec![10; 20]; 30];
    seconds[0] = vec![900; 50];
    let delayed = Threshold {
        delay_abort_eval: Some(TimeSpan::from_secs(10)),
        ..windowed("http_req_duration", "max < 100ms", 5)
    };
    let (results, stopped) = play(&[delayed], &seconds);
    assert_eq!((results[0].passed, stopped), (false, None));
}

#[test]
fn figures_of_slower_runners_count_to_their_window_before_it_is_judged() {
    let (test, timeline) = (spec(&[windowed("http_reqs", "count >= 20", 5)]), timeline());
    let rules = Windowed::new(&test, &timeline);
    let (mut windows, total) = (Windows::default(), Metrics::default());
    let report = |runner_is_at: u64, windows: &mut Windows| {
        let at = Duration::from_secs(runner_is_at);
        rules.add(windows, at, at + Duration::from_secs(1), &trend_of(&[1, 2]));
    };
    let result = |windows: &Windows| {
        let elapsed = Duration::from_secs(10);
        let recorded = Recorded { test: &test, timeline: &timeline, metrics: &total, windows, elapsed };
        recorded.evaluate(false).first().map(|result| (result.observed.clone(), result.passed))
    };
    // One runner is through with it before the other has begun.
    (0..10).for_each(|second| report(second, &mut windows));
    rules.close(&mut windows, Duration::ZERO, &total);
    assert_eq!(result(&windows), None);
    (0..10).for_each(|second| report(second, &mut windows));
    rules.close(&mut windows, Duration::from_secs(10), &total);
    assert_eq!(result(&windows), Some(("20".into(), true)));
}

#[test]
fn a_ratio_compares_the_same_aggregation_of_two_series() {
    let ratio = |metric: &str, condition: &str, reference: SeriesReference| Threshold {
        metric: metric.into(),
        condition: condition.into(),
        ratio_to: Some(reference),
        ..Threshold::default()
    };
    let stage = |name: &str| Some(ThresholdSelector { stage: Some(name.into()), ..Default::default() });
    let to_stage = |name: &str| SeriesReference { metric: None, selector: stage(name) };
    let results = evaluate(
        &[
            ratio("http_req_duration{stage:hold}", "max < 150", to_stage("low")),
            ratio("http_req_duration{stage:hold}", "max < 99", to_stage("low")),
            ratio("http_reqs{stage:low}", "count <= 10%", to_stage("hold")),
            ratio(
                "http_reqs",
                "count < 1",
                SeriesReference { metric: Some("data_sent".into()), selector: None },
            ),
        ],
        &metrics(),
        &timeline(),
        Duration::from_secs(30),
        true,
    );
    let seen: Vec<_> = results.iter().map(|result| (result.observed.as_str(), result.passed)).collect();
    assert_eq!(seen, [("100", true), ("100", false), ("10%", true), ("no data", false)]);
    assert_eq!(results[0].metric, "http_req_duration{stage:hold} / http_req_duration{stage:low}");
    assert_eq!(results[0].detail.as_deref(), Some("1000ms against 10ms"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn windows_find_what_a_naive_computation_finds(
        seconds in prop::collection::vec(prop::collection::vec(1..2_000_u64, 0..30), 30),
        length in 1..15_u64,
        stage in 0..3_usize,
    ) {
        let (name, begin, end) =
            STAGES.get(stage).map_or((None, 0, 30), |(name, begin, end)| (Some(*name), *begin, *end));
        // All samples carry the tag `hold`, so only that stage or none is asked for.
        prop_assume!(name != Some("low"));
        let metric = name.map_or("http_req_duration".into(), |name| format!("http_req_duration{{stage:{name}}}"));
        let (results, _) = play(&[windowed(&metric, "med < 1s", length)], &seconds);
        let count = ((end - begin) / length).max(1);
        let mut windows = vec![Vec::new(); count as usize];
        for (second, times) in seconds.iter().enumerate() {
            let window = ((second as u64).saturating_sub(begin) / length).min(count - 1);
            windows[window as usize].extend_from_slice(times);
        }
        let worst = windows.iter().filter_map(|times| naive_median(times)).reduce(f64::max);
        let observed: f64 = results[0].observed.trim_end_matches("ms").parse().unwrap();
        let worst = worst.unwrap_or(0.0);
        prop_assert!((observed - worst).abs() <= worst * 0.001 + 0.1, "{observed} against {worst}");
        let breached = windows.iter().filter_map(|times| naive_median(times)).any(|median| median >= 1_000.5);
        prop_assert!(!breached || !results[0].passed);
        prop_assert!(breached || worst >= 999.0 || results[0].passed);
    }
}

/// Plays seconds of two runners, of which the second is seconds behind; the windows are given up before one of them.
fn given_up(threshold: Threshold, seconds: &[Vec<u64>], before: usize) -> (ThresholdResult, bool) {
    let (test, timeline) = (spec(&[threshold]), timeline());
    let rules = Windowed::new(&test, &timeline);
    let (mut windows, total) = (Windows::default(), Metrics::default());
    for (second, times) in seconds.iter().enumerate() {
        if second == before {
            let bytes = windows.bytes();
            assert!(rules.give_up(&mut windows) && windows.bytes() < bytes);
            assert!(!rules.give_up(&mut windows), "there is nothing more to give up");
        }
        let [from, to] = [second, second + 1].map(|at| Duration::from_secs(at as u64));
        rules.add(&mut windows, from, to, &trend_of(times));
        rules.close(&mut windows, from, &total);
        windows = serde_json::from_str(&serde_json::to_string(&windows).unwrap()).unwrap();
    }
    let recorded = Recorded {
        test: &test,
        timeline: &timeline,
        metrics: &total,
        windows: &windows,
        elapsed: Duration::from_secs(30),
    };
    assert_eq!(rules.given_up(&windows).count(), 1);
    (recorded.evaluate(true).remove(0), recorded.breached_abort().is_some())
}

#[test]
fn windows_that_were_given_up_are_not_judged_by_a_part_of_their_samples() {
    // In each window there are 10, of which half come before the windows are given up.
    let seconds = vec![vec![10]; 30];
    let (result, stops) = given_up(windowed("http_reqs", "count >= 10", 10), &seconds, 15);
    assert_eq!((result.undecided, result.passed, stops), (true, false, false), "{result:?}");
    assert!(result.detail.unwrap().contains("not judged from 10s on"));
    let (result, stops) = given_up(windowed("http_reqs", "count >= 10", 10), &seconds, 5);
    assert_eq!((result.undecided, result.observed.as_str(), stops), (true, "no data", false));
    assert!(result.detail.unwrap().contains("not judged from 0s on"));
}

#[test]
fn a_breach_that_was_seen_before_windows_were_given_up_stays_one() {
    let mut seconds = vec![vec![10]; 30];
    seconds[3] = vec![];
    let (result, stops) = given_up(windowed("http_reqs", "count >= 10", 10), &seconds, 15);
    assert_eq!((result.undecided, result.passed, stops), (false, false, true), "{result:?}");
}

#[test]
fn what_windows_and_sums_grow_by_is_known_before() {
    let mut thresholds = vec![windowed("http_req_duration", "max < 1s", 1)];
    thresholds.push(threshold("http_req_duration{request:pay}", None, "max < 1s"));
    let (test, timeline) = (spec(&thresholds), timeline());
    let rules = Windowed::new(&test, &timeline);
    let mut windows = Windows::default();
    for second in 0..20_u64 {
        // Ever more blocks, and counts that need more than a block has.
        let mut trend = Trend::default();
        (0..=second).for_each(|value| trend.record_many(Duration::from_millis(7 << value.min(18)), 40_000));
        let mut metrics = Metrics::default();
        metrics.add(key("http_req_duration", "hold", "pay"), &Sink::Trend(trend).compact());
        let slice = rules.slice(second / 3 * 1_000, second / 3 * 1_000 + 1_000, &metrics);
        let sums = rules.sums(&metrics).unwrap();
        let slices = [slice];
        let (before, growth) = (windows.bytes(), rules.growth(&windows, &sums, &slices));
        rules.add_sums(&mut windows, &sums);
        rules.add_slice(&mut windows, &slices[0]);
        let grown = windows.bytes() - before;
        assert!(grown <= growth, "{grown} of {growth} bytes in second {second}");
    }
}
