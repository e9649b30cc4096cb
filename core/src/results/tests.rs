// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use upsurge_crds::v1alpha1::{GeneratorResult, Load};

use super::*;

use crate::{
    metrics::{SeriesKey, Tags},
    plan::Plan,
    protocol::GeneratorDelta,
};

/// With the lag that is allowed by default.
fn generator(
    metrics: &Metrics,
    plan: &Plan,
    usage: &GeneratorDelta,
    starts: &[i64],
    elapsed: Duration,
) -> GeneratorResult {
    super::generator(asked(plan, 100), metrics, usage, starts, elapsed)
}

fn asked(plan: &Plan, max_lag: u64) -> Asked<'_> {
    let max_lag = Duration::from_millis(max_lag);
    Asked { timeline: &plan.timeline, loads: &plan.loads, skip: None, runners: 3, max_lag }
}

/// Ten iterations per second for ten seconds, then fifty for twenty.
fn plan(unit: &str) -> Plan {
    let load: Load = serde_json::from_value(serde_json::json!({
        "unit": unit,
        "stages": [
            {"name": "low", "duration": "10s", "target": 10, "jump": true},
            {"name": "high", "duration": "20s", "target": 50, "jump": true}
        ],
        "gracefulStop": "5s"
    }))
    .unwrap();
    Plan::compile(&load, &[]).unwrap()
}

fn timeline(unit: &str) -> Timeline {
    plan(unit).timeline
}

fn key(metric: &str, stage: &str, request: Option<&str>, check: Option<&str>) -> SeriesKey {
    let tags = Tags {
        stage: Some(stage.into()),
        scenario: Some("pay".into()),
        request: request.map(Into::into),
        check: check.map(Into::into),
        ..Tags::default()
    };
    SeriesKey { metric: metric.into(), tags }
}

/// Per iteration a request "log in" of 10 ms and a request "buy" of 30 ms, of which every tenth fails.
fn recorded(counts: &[(&str, u64)]) -> Metrics {
    let mut metrics = Metrics::default();
    for (stage, count) in counts {
        for (request, time, failed) in [("log in", 10, 0), ("buy", 30, count / 10)] {
            let mut trend = Trend::default();
            trend.record_many(Duration::from_millis(time), *count);
            let mut add = |metric, check, sink| metrics.add(key(metric, stage, Some(request), check), &sink);
            add("http_req_duration", None, Sink::Trend(trend));
            add("http_reqs", None, Sink::Counter(*count as f64));
            add("http_req_failed", None, Sink::Rate { passes: failed, total: *count });
            add("checks", Some("status is 200"), Sink::Rate { passes: count - failed, total: *count });
        }
        for metric in ["iterations", "started_iterations"] {
            metrics.add(key(metric, stage, None, None), &Sink::Counter(*count as f64));
        }
    }
    metrics
}

#[test]
fn figures_are_those_of_the_whole_of_each_stage_and_of_each_request() {
    let metrics = recorded(&[("low", 100), ("high", 1000)]);
    let figures = figures(&metrics, &timeline("IterationsPerSecond"), Duration::from_secs(30));
    let summary = &figures.summary;
    // 2200 requests in 30 s; (10 + 100) failed; half of them 10 ms, half 30 ms.
    assert_eq!(
        (summary.requests, summary.iterations, summary.dropped_iterations),
        (2200, Some(1100), Some(0))
    );
    assert_eq!((summary.requests_per_second.as_str(), summary.error_rate.as_str()), ("73.33", "5%"));
    let latency = &summary.latency;
    assert_eq!((latency.min.as_str(), latency.mean.as_str(), latency.max.as_str()), ("10ms", "20ms", "30ms"));
    assert_eq!((latency.p50.as_str(), latency.p999.as_str()), ("10.01ms", "30ms"));
    // The same as numbers, for graphs.
    let numbers = [latency.mean_microseconds, latency.p50_microseconds, latency.p95_microseconds];
    assert_eq!(numbers, [Some(20_000), Some(10_007), Some(30_000)]);
    assert_eq!([latency.p99_microseconds, latency.max_microseconds], [Some(30_000); 2]);
    assert_eq!(summary.response_time, None, "nothing was recorded of it");
    let stages: Vec<_> = figures
        .stages
        .iter()
        .map(|stage| {
            let summary = &stage.summary;
            (
                stage.name.as_str(),
                stage.start_seconds,
                stage.duration_seconds,
                summary.requests_per_second.as_str(),
            )
        })
        .collect();
    // 200 requests in 10 s, 2000 in 20 s.
    assert_eq!(stages, [("low", 0.0, 10.0, "20"), ("high", 10.0, 20.0, "100")]);
    let requests: Vec<_> = figures
        .requests
        .iter()
        .map(|request| {
            (request.scenario.as_str(), request.name.as_str(), request.summary.error_rate.as_str())
        })
        .collect();
    assert_eq!(requests, [("pay", "buy", "10%"), ("pay", "log in", "0%")]);
    let iterations: Vec<_> =
        figures.requests.iter().map(|one| (one.summary.iterations, one.summary.dropped_iterations)).collect();
    assert_eq!(iterations, [(None, None); 2], "none belongs to a request");
    let checks: Vec<_> = figures
        .expectations
        .iter()
        .map(|check| (check.request.as_str(), check.passes, check.fails))
        .collect();
    assert_eq!(checks, [("buy", 990, 110), ("log in", 1100, 0)]);
}

#[test]
fn figures_of_three_recorders_are_those_of_one() {
    let timeline = timeline("Users");
    let mut merged = Metrics::default();
    for part in [[("low", 20), ("high", 300)], [("low", 30), ("high", 100)], [("low", 50), ("high", 600)]] {
        merged.merge(&recorded(&part));
    }
    let whole = recorded(&[("low", 100), ("high", 1000)]);
    let time = Duration::from_secs(30);
    assert_eq!(figures(&merged, &timeline, time), figures(&whole, &timeline, time));
}

#[test]
fn while_the_load_runs_only_stages_that_have_begun_are_shown_and_rates_use_their_time() {
    let timeline = timeline("Users");
    let early = figures(&recorded(&[("low", 40)]), &timeline, Duration::from_secs(4));
    assert_eq!(early.stages.len(), 1);
    assert_eq!(early.stages.first().unwrap().summary.requests_per_second, "20");
    let nothing = figures(&Metrics::default(), &timeline, Duration::ZERO);
    assert_eq!((nothing.stages.len(), nothing.summary.requests_per_second.as_str()), (0, "0"));
    assert_eq!(nothing.summary.latency.p95, "0ms");
}

#[test]
fn every_request_and_check_is_in_the_figures() {
    let mut metrics = Metrics::default();
    for index in 0..500_u64 {
        let request = format!("request {index:03}");
        metrics.add(key("http_reqs", "low", Some(&request), None), &Sink::Counter(index as f64));
        let checks = Sink::Rate { passes: 1000 - index, total: 1000 };
        metrics.add(key("checks", "low", Some(&request), Some("status")), &checks);
    }
    let figures = figures(&metrics, &timeline("Users"), Duration::from_secs(1));
    let names: Vec<_> = figures.requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!((names.len(), names.first(), names.last()), (500, Some(&"request 000"), Some(&"request 499")));
    assert_eq!(figures.expectations.iter().map(|check| check.fails).max(), Some(499));
    assert_eq!(figures.expectations.len(), 500);
}

fn usage(periods: u64, throttled_periods: u64) -> GeneratorDelta {
    GeneratorDelta { cpu_seconds: 1.234_567, periods, throttled_periods, ..GeneratorDelta::default() }
}

fn watched(saturated_seconds: f64, files_left: u64, ports_left: u64) -> GeneratorDelta {
    GeneratorDelta {
        watched_seconds: 30.0,
        saturated_seconds,
        busiest_core: 0.987,
        files_left: Some(files_left),
        ports_left: Some(ports_left),
        ..usage(0, 0)
    }
}

/// 1100 planned iterations, lag as given, and as many dropped as given.
fn loaded(started: u64, dropped: u64, lag_milliseconds: u64) -> Metrics {
    let mut metrics = Metrics::default();
    metrics.add(key("started_iterations", "low", None, None), &Sink::Counter(started as f64));
    metrics.add(key("dropped_iterations", "low", None, None), &Sink::Counter(dropped as f64));
    let mut lag = Trend::default();
    lag.record_many(Duration::from_micros(50), 980);
    lag.record_many(Duration::from_millis(lag_milliseconds), 20);
    metrics.add(key("schedule_lag", "low", None, None), &Sink::Trend(lag));
    metrics
}

/// Requests that failed because the generator was at its end.
fn short_of(requests: f64) -> Metrics {
    let mut metrics = loaded(1100, 0, 1);
    let mut key = key("request_errors", "low", None, None);
    key.tags.check = Some(crate::metrics::names::EXHAUSTED.into());
    metrics.add(key, &Sink::Counter(requests));
    metrics
}

const STARTS: [i64; 3] = [1_000_000_000, 1_004_500_000, 1_002_000_000];

#[test]
fn a_generator_that_did_what_was_asked_is_healthy() {
    let plan = plan("IterationsPerSecond");
    let result = generator(&loaded(1100, 0, 2), &plan, &usage(1000, 20), &STARTS, Duration::from_secs(31));
    assert_eq!((result.healthy, result.problems.len()), (true, 0), "{result:?}");
    assert_eq!((result.planned_iterations, result.started_iterations), (Some(1100), 1100));
    assert_eq!((result.start_spread.as_deref(), result.throttled.as_deref()), (Some("4.5ms"), Some("2%")));
    assert_eq!((result.lag_p99.as_str(), result.cpu_seconds), ("2ms", 1.235));
}

#[rstest]
#[case::late(loaded(1100, 0, 150), usage(0, 0), &STARTS, "the generator started iterations late: 99th percentile 150")]
#[case::too_few(loaded(1000, 50, 1), usage(0, 0), &STARTS, "only 1050 of 1100 iterations that were due")]
#[case::throttled(loaded(1100, 0, 1), usage(100, 11), &STARTS, "throttled in 11% of their CPU periods")]
#[case::saturated(loaded(1100, 0, 1), watched(20.0, 99, 999), &STARTS, "no CPU time to spare in 66.67% of the seconds (busiest core 98.7%)")]
#[case::files(loaded(1100, 0, 1), watched(0.0, 3, 999), &STARTS, "file descriptors ran out (3 left)")]
#[case::ports(loaded(1100, 0, 1), watched(0.0, 99, 7), &STARTS, "local ports to one address ran out (7 left)")]
#[case::failed(short_of(3.0), usage(0, 0), &STARTS, "3 requests failed because file descriptors or local ports ran out")]
#[case::missing(loaded(1100, 0, 1), usage(0, 0), &[1, 2], "only 2 of 3 runners started")]
#[case::apart(loaded(1100, 0, 1), usage(0, 0), &[0, 5, 1_500_000_000], "the runners started 1500ms apart")]
fn a_generator_that_did_not_is_not(
    #[case] metrics: Metrics,
    #[case] usage: GeneratorDelta,
    #[case] starts: &[i64],
    #[case] problem: &str,
) {
    let plan = plan("IterationsPerSecond");
    let result = generator(&metrics, &plan, &usage, starts, Duration::from_secs(30));
    assert!(!result.healthy);
    assert_eq!(result.problems.len(), 1);
    assert!(result.problems.first().unwrap().contains(problem), "{:?}", result.problems);
}

#[test]
fn a_throttled_generator_names_its_cause_once_and_first() {
    let plan = plan("IterationsPerSecond");
    let throttled = GeneratorDelta { periods: 100, throttled_periods: 96, ..watched(20.0, 99, 999) };
    let result = generator(&loaded(1000, 0, 300), &plan, &throttled, &STARTS, Duration::from_secs(30));
    let [cause, late, few] = result.problems.as_slice() else { panic!("{:?}", result.problems) };
    assert!(
        cause.contains("throttled in 96% of their CPU periods (busiest core 98.7% of what it may use)"),
        "{cause}"
    );
    assert!(cause.contains("spec.runner.resources.limits.cpu"), "{cause}");
    assert!(late.ends_with("(spec.runner.maxLag is 100ms)"), "{late}");
    assert!(few.starts_with("only 1000 of 1100"), "{few}");
}

#[test]
fn a_few_late_iterations_say_nothing_of_a_short_run() {
    let plan = plan("IterationsPerSecond");
    let late = |late: u64| {
        let mut metrics = loaded(1100, 0, 1);
        let mut lag = Trend::default();
        lag.record_many(Duration::from_micros(50), 90);
        lag.record_many(Duration::from_millis(300), late);
        metrics.set(key("schedule_lag", "low", None, None), Sink::Trend(lag));
        generator(&metrics, &plan, &usage(0, 0), &STARTS, Duration::from_secs(30))
    };
    assert!(late(9).healthy, "{:?}", late(9).problems);
    assert!(!late(10).healthy);
}

#[test]
fn a_test_says_how_late_its_iterations_may_start() {
    let plan = plan("IterationsPerSecond");
    let (metrics, elapsed) = (loaded(1100, 0, 150), Duration::from_secs(30));
    let of = |max_lag| super::generator(asked(&plan, max_lag), &metrics, &usage(0, 0), &STARTS, elapsed);
    assert!(of(200).healthy && of(200).warnings.is_empty(), "{:?}", of(200));
    assert!(of(140).problems[0].contains("spec.runner.maxLag is 140ms"), "{:?}", of(140).problems);
}

#[test]
fn users_who_come_late_are_worth_a_warning_and_iterations_that_wait_for_them_are_not() {
    let plan = plan("Users");
    let mut metrics = loaded(1100, 0, 300);
    let elapsed = Duration::from_secs(30);
    let result = generator(&metrics, &plan, &usage(0, 0), &STARTS, elapsed);
    assert!(result.healthy && result.warnings[0].contains("started iterations late"), "{result:?}");
    assert_eq!(result.queue_wait_p99, None);

    let mut wait = Trend::default();
    wait.record_many(Duration::from_secs(3), 1_000);
    metrics.set(key("iteration_queue_wait", "low", None, None), Sink::Trend(wait));
    metrics.set(key("schedule_lag", "low", None, None), Sink::Trend(Trend::default()));
    let plan = self::plan("IterationsPerSecond");
    let result = generator(&metrics, &plan, &usage(0, 0), &STARTS, elapsed);
    assert!(result.healthy && result.warnings.is_empty(), "{result:?}");
    assert_eq!(result.queue_wait_p99.as_deref(), Some("3000ms"));
}

#[test]
fn a_generator_that_was_busy_for_a_while_is_healthy_and_says_how_busy() {
    let plan = plan("IterationsPerSecond");
    let usage = watched(10.0, 5_000, 20_000);
    let elapsed = Duration::from_secs(30);
    let result = generator(&loaded(1090, 0, 1), &plan, &usage, &STARTS, elapsed);
    assert!(result.healthy && result.warnings.is_empty(), "{result:?}");
    assert_eq!(result.achieved.as_deref(), Some("99.09%"));
    assert_eq!(
        (result.saturated.as_deref(), result.busiest_core.as_deref()),
        (Some("33.33%"), Some("98.7%"))
    );
    assert_eq!((result.files_left, result.ports_left), (Some(5_000), Some(20_000)));
}

#[test]
fn users_without_pauses_keep_the_generator_busy_by_design() {
    let plan = plan("Users");
    let usage = watched(30.0, 99, 999);
    let result = generator(&loaded(7, 0, 1), &plan, &usage, &STARTS, Duration::from_secs(30));
    assert!(result.healthy, "{result:?}");
    assert!(result.warnings[0].contains("no CPU time to spare in 100%"), "{result:?}");
}

#[test]
fn series_are_bounded_and_what_is_beyond_is_told_and_counted() {
    let mut metrics = Metrics::default();
    for index in 0..20_000_u64 {
        metrics.add(key("http_reqs", "low", Some(&format!("request {index}")), None), &Sink::Counter(1.0));
    }
    assert_eq!(metrics.len(), crate::metrics::MOST_SERIES + 1);
    assert_eq!(metrics.count("http_reqs", &Selector::default()), 20_000.0);
    let plan = plan("Users");
    let elapsed = Duration::from_secs(30);
    let result = generator(&metrics, &plan, &usage(0, 0), &STARTS, elapsed);
    assert!(result.healthy && result.warnings[0].contains("http_reqs"), "{result:?}");
}

#[test]
fn the_generator_is_judged_however_many_series_there_are() {
    let mut metrics = Metrics::default();
    for index in 0..2 * crate::metrics::MOST_SERIES {
        metrics.add(key("http_reqs", "low", Some(&format!("request {index}")), None), &Sink::Counter(1.0));
    }
    metrics.merge(&loaded(1100, 0, 1));
    let result =
        generator(&metrics, &plan("IterationsPerSecond"), &usage(0, 0), &STARTS, Duration::from_secs(30));
    assert!(result.healthy, "{:?}", result.problems);
}

#[test]
fn iterations_dropped_for_want_of_users_are_not_the_generators_fault() {
    let plan = plan("IterationsPerSecond");
    let metrics = loaded(700, 400, 1);
    assert!(generator(&metrics, &plan, &usage(0, 0), &STARTS, Duration::from_secs(30)).healthy);
}

#[test]
fn a_run_that_was_stopped_is_held_to_the_time_it_had() {
    let plan = plan("IterationsPerSecond");
    // 100 in the first 10 s and 250 in the next 5.
    let result = generator(&loaded(350, 0, 1), &plan, &usage(0, 0), &STARTS, Duration::from_secs(15));
    assert_eq!((result.planned_iterations, result.healthy), (Some(350), true));
    // The last reports of two of three runners were a second old when it stopped: 33 may be missing.
    let result = generator(&loaded(317, 0, 1), &plan, &usage(0, 0), &STARTS, Duration::from_secs(15));
    assert!(result.healthy, "{:?}", result.problems);
    let result = generator(&loaded(200, 0, 1), &plan, &usage(0, 0), &STARTS, Duration::from_secs(15));
    assert!(!result.healthy, "250 were due two seconds before");
}

#[test]
fn users_have_no_plan_of_iterations() {
    let result = generator(&loaded(7, 0, 1), &plan("Users"), &usage(0, 0), &STARTS, Duration::from_secs(30));
    assert_eq!((result.planned_iterations, result.throttled, result.healthy), (None, None, true));
}

#[test]
fn iterations_of_a_stretch_that_was_left_out_were_not_due() {
    let plan = plan("IterationsPerSecond");
    // From the tenth second on it goes on as planned for the 25th: 100 and 250 iterations instead of 100 and 1,000.
    let [from, to] = [10, 25].map(Duration::from_secs);
    let skip = crate::plan::Skip { from, to };
    let turned = Plan { timeline: plan.timeline.without(skip), ..plan.clone() };
    let asked = Asked { skip: Some(skip), ..asked(&turned, 100) };
    let result = |seconds| {
        let elapsed = Duration::from_secs(seconds);
        super::generator(asked, &loaded(350, 0, 1), &usage(0, 0), &STARTS, elapsed)
    };
    assert_eq!(result(15).planned_iterations, Some(350));
    assert!(result(15).healthy, "{:?}", result(15).problems);
    assert_eq!((result(10).planned_iterations, result(12).planned_iterations), (Some(100), Some(200)));
}
