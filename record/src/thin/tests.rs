// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;
use upsurge_core::{
    metrics::{SeriesKey, Sink, Tags, names},
    plan::Plan,
};
use upsurge_crds::v1alpha1::Load;

use super::*;

fn timeline(seconds: u64) -> Timeline {
    let load = serde_json::json!({"unit": "IterationsPerSecond", "constant": {"level": 10, "duration": format!("{seconds}s")}});
    Plan::compile(&serde_json::from_value::<Load>(load).unwrap(), &[]).unwrap().timeline
}

/// A second in which requests took these times in microseconds, with so many timeouts.
fn second(times: &[u64], timeouts: u64, users: f64) -> Metrics {
    let mut metrics = Metrics::default();
    let key = |metric: &str, check: Option<&str>| {
        let tags = Tags { check: check.map(str::to_owned), ..Tags::default() };
        SeriesKey { metric: metric.into(), tags }
    };
    let mut trend = Trend::default();
    times.iter().for_each(|time| trend.record(Duration::from_micros(*time)));
    metrics.add(key(names::HTTP_REQ_DURATION, None), &Sink::Trend(trend));
    metrics.add(key(names::HTTP_REQS, None), &Sink::Counter(times.len() as f64));
    let total = times.len() as u64 + timeouts;
    metrics.add(key(names::HTTP_REQ_FAILED, None), &Sink::Rate { passes: timeouts, total });
    if timeouts > 0 {
        metrics.add(key(names::REQUEST_ERRORS, Some("timeout")), &Sink::Counter(timeouts as f64));
    }
    metrics.add(key(names::VUS, None), &Sink::Gauge { value: users, min: 0.0, max: 9.0 });
    metrics
}

fn course(seconds: &[(Vec<u64>, u64)]) -> Course {
    let mut course = Course::new(&timeline(seconds.len() as u64));
    for (number, (times, timeouts)) in seconds.iter().enumerate() {
        let at = |second: usize| Duration::from_secs(second as u64);
        course.add(at(number), at(number + 1), &second(times, *timeouts, 0.0));
    }
    course
}

#[test]
fn the_step_follows_from_how_long_the_load_is() {
    let step = |planned: u64, elapsed: u64| {
        let (series, _) = Course::new(&timeline(planned)).finish(Duration::from_secs(elapsed), &[]);
        series.step_seconds
    };
    let hour = 3_600;
    assert_eq!(step(hour, hour + 30), 1, "the graceful stop does not count");
    assert_eq!([step(hour + 1, hour + 1), step(6 * hour, 6 * hour)], [5, 5]);
    assert_eq!([step(24 * hour, 24 * hour), step(25 * hour, 25 * hour)], [30, 60]);
    assert_eq!(step(24 * hour, 600), 1, "cut short");
}

#[test]
fn a_load_that_turns_back_is_asked_for_less_from_then_on() {
    let mut course = Course::new(&timeline(3));
    let at = Duration::from_secs;
    course.add(at(0), at(1), &second(&[1_000], 0, 0.0));
    course.turn(&timeline(1));
    course.add(at(1), at(2), &second(&[], 0, 0.0));
    let (series, _) = course.finish(at(2), &[]);
    let asked: Vec<Option<f64>> = series.points.iter().map(|point| point.asked_rate).collect();
    assert_eq!(asked, [Some(10.0), Some(0.0)]);
}

#[test]
fn near_a_mark_seconds_are_kept() {
    let seconds = vec![(vec![1_000], 0); 1_000];
    let (series, _) = course(&seconds).thinned(1, &[500_000]);
    let lengths = |from: u64, to: u64| {
        let points = series.points.iter().filter(move |point| from <= point.from_ms && point.to_ms <= to);
        points.map(|point| point.to_ms - point.from_ms).collect::<Vec<_>>()
    };
    assert!(lengths(380_000, 620_000).iter().all(|length| *length == 1_000));
    assert_eq!(lengths(380_000, 620_000).len(), 240);
    assert!(lengths(0, 370_000).iter().chain(&lengths(630_000, 1_000_000)).all(|length| *length == 5_000));
    assert!(series.points.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms), "without gaps");
}

#[test]
fn a_percentile_of_joined_seconds_is_that_of_all_their_requests() {
    // The mean of their medians would be 50.5 ms, and that of their 99th percentiles about 34 ms.
    let seconds =
        [(vec![1_000; 98], 0), (vec![100_000; 2], 0), (vec![1_000; 100], 0), (vec![], 0), (vec![], 0)];
    let (series, _) = course(&seconds).thinned(1, &[]);
    let latency = series.points[0].latency.unwrap();
    assert_eq!((series.points.len(), latency.p50, latency.max, latency.min), (1, 1_000, 100_000, 1_000));
    assert!(latency.p99.abs_diff(1_000) <= 1 && latency.peak_p99 == 100_000, "{latency:?}");
}

#[test]
fn what_is_asked_for_is_the_mean_over_the_time() {
    let load = serde_json::json!({"unit": "IterationsPerSecond", "stages": [
        {"name": "ramp", "duration": "2s", "target": 10}, {"name": "hold", "duration": "2s", "target": 10}
    ]});
    let timeline = Plan::compile(&serde_json::from_value::<Load>(load).unwrap(), &[]).unwrap().timeline;
    let mut course = Course::new(&timeline);
    for number in 0..5 {
        course.add(Duration::from_secs(number), Duration::from_secs(number + 1), &second(&[], 0, 2.0));
    }
    let (series, _) = course.finish(Duration::from_secs(5), &[]);
    let asked: Vec<_> = series.points.iter().map(|point| point.asked_rate.unwrap()).collect();
    assert_eq!(asked, [2.5, 7.5, 10.0, 10.0, 0.0]);
    assert_eq!(series.points[0].asked_users, None);
    let users: Vec<_> = series.points.iter().map(|point| point.users.unwrap().last).collect();
    assert_eq!(users, [2, 4, 6, 8, 10], "intervals tell of changes");
}

#[test]
fn seconds_can_be_taken_as_they_come_and_those_that_are_over_do_not_change() {
    let mut course = course(&vec![(vec![5], 1); 10]);
    let first = course.seconds_from(0);
    assert_eq!((first.points.len(), course.seconds()), (9, 9), "the last one may get more");
    course.add(Duration::from_secs(10), Duration::from_secs(11), &second(&[7], 0, 0.0));
    let next = course.seconds_from(9);
    let (whole, _) = course.finish(Duration::from_secs(11), &[]);
    assert_eq!(first.points, whole.points[..9]);
    assert_eq!(next.points, whole.points[9..10]);
}

#[test]
fn more_kinds_of_failures_than_are_told_apart_are_counted_together() {
    let mut course = Course::new(&timeline(5));
    let failures = (0..100).map(|kind| (format!("status {kind}"), 1.0)).collect();
    let counts = course.counted(&failures);
    assert_eq!((counts.iter().sum::<u64>(), course.kinds.len()), (100, MOST_KINDS + 1));
    assert_eq!(course.kinds.last().map(String::as_str), Some(OTHERS));
}

#[test]
fn a_heat_map_has_no_more_columns_than_can_be_drawn_and_loses_nothing() {
    let mut heat = Heat::default();
    let mut trend = Trend::default();
    trend.record(Duration::from_millis(3));
    for second in 0..100_000_u64 {
        heat.add(second * 1_000, second * 1_000 + 1_000, &trend);
    }
    let map = heat.finish();
    assert!((300..=720).contains(&map.columns.len()) && map.step_seconds == 160, "{}", map.columns.len());
    let all = map.columns.iter().flat_map(|column| &column.buckets).map(|(_, count)| count);
    assert_eq!(all.sum::<u64>(), 100_000);
    assert!(map.columns.windows(2).all(|pair| pair[0].to_ms <= pair[1].from_ms));
}

fn requests() -> impl Strategy<Value = Vec<(Vec<u64>, u64)>> {
    let times = prop::collection::vec(prop_oneof![Just(1_000_u64), 0..5_000_000_u64], 0..4);
    let timeouts = prop_oneof![4 => Just(0_u64), 1 => 1..5_u64];
    prop::collection::vec((times, timeouts), 1..400)
}

proptest! {
    #[test]
    fn every_maximum_every_error_and_the_second_of_every_scaling_event_is_in_each_thinned_form(
        seconds in requests(),
        marks in prop::collection::vec(0..500_000_u64, 0..3),
    ) {
        let recorded = course(&seconds);
        for step in 0..STEPS.len() {
            let (series, heat) = recorded.clone().thinned(step, &marks);
            let points = &series.points;
            prop_assert!(points.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms), "nothing twice, nothing missing");
            for (number, (times, timeouts)) in seconds.iter().enumerate() {
                let at = number as u64 * 1_000;
                let point = points.iter().find(|point| point.from_ms <= at && at + 1_000 <= point.to_ms).unwrap();
                if let Some(longest) = times.iter().max() {
                    prop_assert!(point.latency.unwrap().max >= *longest);
                }
                let told: u64 = series.errors(point).map(|(_, count)| count).sum();
                prop_assert!(told >= *timeouts && point.failed >= *timeouts);
            }
            for mark in marks.iter().filter(|mark| **mark < seconds.len() as u64 * 1_000) {
                let point = points.iter().find(|point| point.from_ms <= *mark && *mark < point.to_ms).unwrap();
                prop_assert_eq!(point.to_ms - point.from_ms, 1_000);
            }
            let longest = points.iter().filter_map(|point| point.latency).map(|latency| latency.max).max();
            prop_assert_eq!(longest, seconds.iter().flat_map(|(times, _)| times).copied().max());
            let worst = points.iter().filter_map(|point| point.latency).map(|latency| latency.peak_p99).max();
            let finest = recorded.clone().thinned(0, &[]).0;
            let finest = finest.points.iter().filter_map(|point| point.latency).map(|latency| latency.p99).max();
            prop_assert_eq!(worst, finest);
            let all: u64 = seconds.iter().map(|(_, timeouts)| timeouts).sum();
            let told: u64 = points.iter().flat_map(|point| series.errors(point)).map(|(_, count)| count).sum();
            prop_assert_eq!(told, all);
            let requests: u64 = points.iter().map(|point| point.requests).sum();
            prop_assert_eq!(requests, seconds.iter().map(|(times, _)| times.len() as u64).sum::<u64>());
            let warm: u64 = heat.columns.iter().map(|column| column.zeros + column.buckets.iter().map(|(_, count)| count).sum::<u64>()).sum();
            prop_assert_eq!(warm, requests);
        }
    }
}
