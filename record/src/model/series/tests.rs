// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ColumnError, Latency, Point, Series, Users};

fn series() -> Series {
    let point =
        |from: u64| Point { from_ms: from, to_ms: from + 1_000, requests: from / 100, ..Point::default() };
    let first = Point {
        asked_rate: Some(10.25),
        users: Some(Users { last: 3, min: 1, max: 4 }),
        latency: Some(Latency { min: 90, p50: 100, p95: 200, p99: 300, max: 4_000_000, peak_p99: 300 }),
        errors: vec![0, 2],
        ..point(0)
    };
    // Nobody knows what was in the second before the last.
    let last = Point { asked_rate: Some(9.999), errors: vec![1], ..point(3_000) };
    let kinds = ["status 503", "timeout"].map(String::from).to_vec();
    Series { step_seconds: 1, kinds, points: vec![first, point(1_000), last] }
}

fn read(value: Value) -> Result<Series, serde_json::Error> {
    serde_json::from_value(value)
}

#[test]
fn points_are_columns_of_differences_in_which_what_is_not_known_is_null() {
    let written = serde_json::to_value(series()).unwrap();
    let column = |name: &str| {
        let mut columns = written["columns"].as_array().unwrap().iter();
        columns.find(|column| column["name"] == name).cloned()
    };
    assert_eq!(
        column("from").unwrap(),
        json!({"name": "from", "unit": "ms", "scale": 1.0, "coding": "delta", "values": [0, 1_000, 2_000]})
    );
    assert_eq!(
        column("askedRate").unwrap(),
        json!({"name": "askedRate", "unit": "iterations/s", "scale": 0.001, "coding": "delta", "values": [10_250, null, -251]})
    );
    assert_eq!(column("p99").unwrap()["values"], json!([300, null, null]));
    assert_eq!(column("error:timeout").unwrap()["values"], json!([2, -2, 0]));
    assert_eq!(column("askedUsers"), None, "nobody asks for users");
    assert_eq!(read(written).unwrap(), series());
}

#[test]
fn errors_are_told_by_their_kinds() {
    let series = series();
    assert_eq!(series.errors(&series.points[0]).collect::<Vec<_>>(), [("timeout", 2)]);
    assert_eq!(series.errors(&series.points[1]).count(), 0);
    assert_eq!(series.errors(&series.points[2]).collect::<Vec<_>>(), [("status 503", 1)]);
}

#[test]
fn a_column_of_a_later_version_is_passed_over() {
    let mut written = serde_json::to_value(series()).unwrap();
    let new =
        json!({"name": "weather", "unit": "°C", "scale": 0.1, "coding": "plain", "values": [1, null, -3]});
    written["columns"].as_array_mut().unwrap().push(new);
    assert_eq!(read(written).unwrap(), series());
}

#[test]
fn columns_that_are_no_series_are_refused_with_the_reason() {
    let with = |change: fn(&mut Value)| {
        let mut written = serde_json::to_value(series()).unwrap();
        change(&mut written);
        read(written).unwrap_err().to_string()
    };
    let told = |error: ColumnError| error.to_string();
    assert_eq!(
        with(|series| series["points"] = 4.into()),
        told(ColumnError::Length { name: "from".into(), found: 3, points: 4 })
    );
    assert_eq!(
        with(|series| series["points"] = u64::MAX.into()),
        told(ColumnError::Large { points: usize::MAX, columns: 21 })
    );
    assert_eq!(
        with(|series| drop(series["columns"].as_array_mut().unwrap().remove(0))),
        told(ColumnError::Missing("from"))
    );
    let range = |name: &str, index| told(ColumnError::Range { name: name.into(), index });
    assert_eq!(with(|series| series["columns"][0]["values"][1] = (-1).into()), range("from", 1));
    assert_eq!(with(|series| series["columns"][0]["values"][2] = Value::Null), range("from", 2));
    assert_eq!(with(|series| series["columns"][1]["values"][1] = i64::MAX.into()), range("to", 1));
    let scale = with(|series| series["columns"][0]["scale"] = 1e3.into());
    assert!(scale.contains("\"from\"") && scale.contains("1000"), "{scale}");
}

prop_compose! {
    fn points()(
        lengths in prop::collection::vec((1_u64..90_000, 0_u64..5_000), 0..40),
        counts in prop::collection::vec(prop::option::of(0_u64..i64::MAX as u64), 40),
        asked in prop::collection::vec(prop::option::of(0_u64..10_000_000), 40),
    ) -> Vec<Point> {
        let mut now = 0;
        let point = |((length, gap), (count, asked)): ((u64, u64), (Option<u64>, Option<u64>))| {
            let from_ms = now + gap;
            now = from_ms + length;
            let latency = count.map(|count| Latency { max: count, ..Latency::default() });
            let users = count.map(|count| Users { max: count, ..Users::default() });
            let (requests, asked_rate) = (count.unwrap_or_default(), asked.map(|asked| asked as f64 / 1e3));
            Point { from_ms, to_ms: now, requests, asked_rate, latency, users, ..Point::default() }
        };
        lengths.into_iter().zip(counts.into_iter().zip(asked)).map(point).collect()
    }
}

proptest! {
    #[test]
    fn every_series_is_read_as_it_was_written(points in points(), step_seconds in 1..60_u32) {
        let series = Series { step_seconds, kinds: Vec::new(), points };
        let text = serde_json::to_string(&series).unwrap();
        prop_assert_eq!(serde_json::from_str::<Series>(&text).unwrap(), series);
    }
}
