// SPDX-License-Identifier: Apache-2.0
//! The course of a run as a table, for spreadsheets and programs: CSV (RFC 4180), a row for each point.
//!
//! The columns are documented in `docs/src/reference/record.md`. New ones come after these, and behind all of them one for each series of
//! Prometheus.

use std::io;

use crate::model::{Epoch, ObservedSeries, Point, Record, Series};

/// The columns.
pub const COLUMNS: [&str; 27] = [
    "epoch",
    "time",
    "from_seconds",
    "to_seconds",
    "asked_rate",
    "asked_users",
    "started",
    "started_per_second",
    "iterations",
    "dropped",
    "requests",
    "requests_per_second",
    "failed",
    "sent_bytes",
    "received_bytes",
    "users",
    "users_min",
    "users_max",
    "min_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "peak_p99_ms",
    "stage",
    "level",
    "errors",
];

/// The table of a record.
///
/// # Errors
/// When memory takes no more.
pub fn table(record: &Record) -> io::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let series = &record.prometheus_series;
    let names = series.iter().map(|one| format!("series {}", one.figures.name));
    table.write_record(COLUMNS.into_iter().map(str::to_owned).chain(names))?;
    for epoch in &record.epochs {
        for point in &epoch.series.points {
            let values = series.iter().map(|one| value(one, epoch, point));
            table.write_record(row(epoch, point).into_iter().chain(values))?;
        }
    }
    table.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn row(epoch: &Epoch, point: &Point) -> [String; COLUMNS.len()] {
    let seconds = |milliseconds: u64| number(milliseconds as f64 / 1e3);
    let milliseconds =
        |microseconds: Option<u64>| microseconds.map_or_else(String::new, |time| number(time as f64 / 1e3));
    let (users, latency) = (point.users, point.latency);
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let asked = |level: Option<f64>| level.map_or_else(String::new, number);
    let level = epoch.result.as_ref().map(|result| result.level.clone()).unwrap_or_default();
    [
        epoch.number.to_string(),
        epoch.at(point.from_ms).to_string(),
        seconds(point.from_ms),
        seconds(point.to_ms),
        asked(point.asked_rate),
        asked(point.asked_users),
        point.started.to_string(),
        number(point.per_second(point.started)),
        point.iterations.to_string(),
        point.dropped.to_string(),
        point.requests.to_string(),
        number(point.per_second(point.requests)),
        point.failed.to_string(),
        point.sent_bytes.to_string(),
        point.received_bytes.to_string(),
        count(users.map(|users| users.last)),
        count(users.map(|users| users.min)),
        count(users.map(|users| users.max)),
        milliseconds(latency.map(|latency| latency.min)),
        milliseconds(latency.map(|latency| latency.p50)),
        milliseconds(latency.map(|latency| latency.p95)),
        milliseconds(latency.map(|latency| latency.p99)),
        milliseconds(latency.map(|latency| latency.max)),
        milliseconds(latency.map(|latency| latency.peak_p99)),
        stages(epoch, point),
        level,
        errors(&epoch.series, point),
    ]
}

/// The last value that a series had within the time of a point; nothing, if it had none.
fn value(series: &ObservedSeries, epoch: &Epoch, point: &Point) -> String {
    let (from, to) = (epoch.at(point.from_ms), epoch.at(point.to_ms));
    let within = |index: usize| series.at(index).is_some_and(|at| from <= at && at < to);
    let mut values = series.values.iter().enumerate().filter(|(index, _)| within(*index));
    // To six digits, which is all that there is.
    values.next_back().and_then(|(_, value)| *value).map_or_else(String::new, |value| value.to_string())
}

/// Names of the stages that were under way in the middle of a point.
fn stages(epoch: &Epoch, point: &Point) -> String {
    let middle = (point.from_ms as f64 + point.to_ms as f64) / 2e3;
    let stages = epoch
        .plan
        .stages
        .iter()
        .filter(|stage| stage.start_seconds <= middle && middle < stage.end_seconds());
    stages.map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(";")
}

fn errors(series: &Series, point: &Point) -> String {
    series.errors(point).map(|(kind, count)| format!("{kind}={count}")).collect::<Vec<_>>().join(";")
}

/// A number to a thousandth.
fn number(value: f64) -> String {
    upsurge_core::results::decimal(value, 3)
}

#[cfg(test)]
mod tests {
    use upsurge_crds::v1alpha1::PrometheusSeriesResult;

    use super::*;
    use crate::sample;

    #[test]
    fn each_point_is_a_row_that_a_program_reads() {
        let record = sample::record();
        let text = table(&record).unwrap();
        let mut reader = csv::Reader::from_reader(&text[..]);
        assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
        let rows: Vec<std::collections::BTreeMap<String, String>> =
            reader.deserialize().map(Result::unwrap).collect();
        let points = &record.epochs[0].series.points;
        assert_eq!(rows.len(), points.len());
        let row = &rows[11];
        for (column, value) in [
            ("epoch", "1"),
            ("time", "2030-01-01T10:00:11.25Z"),
            ("from_seconds", "11"),
            ("to_seconds", "12"),
            ("asked_rate", "20"),
            ("asked_users", ""),
            ("started", "16"),
            ("stage", "hold"),
            ("level", ""),
            ("errors", "status 503=4;timeout=1"),
        ] {
            assert_eq!(row[column], value, "{column}");
        }
        let longest = points[11].latency.unwrap().max as f64 / 1e3;
        assert_eq!(row["max_ms"].parse::<f64>().unwrap(), longest);
    }

    #[test]
    fn each_series_of_prometheus_has_a_column_behind_the_others() {
        let mut record = sample::record();
        record.prometheus_series.push(ObservedSeries {
            figures: PrometheusSeriesResult { name: "connections".into(), ..Default::default() },
            saturated_at: None,
            start: Some(record.epochs[0].at(1_000)),
            step_seconds: 2,
            values: vec![Some(4.5), None, Some(6.0)],
        });
        let text = table(&record).unwrap();
        let mut reader = csv::Reader::from_reader(&text[..]);
        assert_eq!(reader.headers().unwrap().get(COLUMNS.len()), Some("series connections"));
        let cells = reader.records().map(|row| row.unwrap().get(COLUMNS.len()).unwrap().to_owned());
        // The values are of whole seconds, which are not those of the load.
        let cells: Vec<String> = cells.filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["4.5", "6"]);
    }

    #[test]
    fn the_reference_names_every_column() {
        let page = include_str!("../../docs/src/reference/record.md");
        let table = page.split_once("## As a table").unwrap().1.split("\n## ").next().unwrap();
        let named: Vec<&str> = table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2))
            .collect();
        assert_eq!(named, COLUMNS);
    }
}
