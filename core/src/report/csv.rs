// SPDX-License-Identifier: Apache-2.0
//! The course of a run as a table: a row for each interval and series, in CSV (RFC 4180).
//!
//! The first three columns are named as k6's. `series` is `all` in the one row that sums a metric up,
//! and `part` in the rows of its series.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use crate::{
    metrics::{Metrics, Selector, SeriesKey, Sink, Tags, labels},
    results::{decimal, rate_of},
};

/// Tags that have a column of their own; the others stand in `tags` as `NAME=VALUE;…`.
const TAGS: [&str; 8] = ["stage", "scenario", "group", "name", "check", "error", "method", "status"];
/// Columns before the tags.
const BEFORE: [&str; 6] = ["metric_name", "timestamp", "metric_value", "type", "series", "seconds"];
/// Columns after the tags.
const AFTER: [&str; 10] = ["tags", "count", "rate", "min", "avg", "p50", "p90", "p95", "p99", "max"];

/// Makes rows of intervals.
#[derive(Debug, Default)]
pub struct Table {
    /// Gauges as they stand: intervals hold changes.
    levels: Metrics,
}

impl Table {
    /// The names of the columns, as the first line.
    pub fn header() -> String {
        let mut line = Lines::default();
        line.add(BEFORE.into_iter().chain(TAGS).chain(AFTER));
        line.text()
    }

    /// The rows of an interval of that length that ended at that instant.
    pub fn rows(&mut self, end: Timestamp, length: Duration, metrics: &Metrics) -> String {
        for (key, sink) in metrics.iter().filter(|(_, sink)| matches!(sink, Sink::Gauge { .. })) {
            self.levels.add(key.clone(), sink);
        }
        let mut lines = Lines::default();
        let mut last = "";
        for (key, sink) in metrics.iter() {
            if key.metric != last {
                last = &key.metric;
                let whole = SeriesKey { metric: key.metric.clone(), tags: Tags::default() };
                if let Some(sum) = metrics.sum(&key.metric, &Selector::default()) {
                    self.row(&mut lines, end, length, &whole, &sum, "all");
                }
            }
            if key.tags != Tags::default() {
                self.row(&mut lines, end, length, key, sink, "part");
            }
        }
        lines.text()
    }

    fn row(
        &self,
        lines: &mut Lines,
        end: Timestamp,
        length: Duration,
        key: &SeriesKey,
        sink: &Sink,
        series: &str,
    ) {
        let (kind, [value, count, rate, min, avg, p50, p90, p95, p99, max]) = match sink {
            Sink::Counter(count) => {
                let rate = rate_of(*count, length);
                ("counter", [*count, *count, rate, NONE, NONE, NONE, NONE, NONE, NONE, NONE])
            }
            Sink::Rate { passes, total } => {
                let share = if *total == 0 { 0.0 } else { *passes as f64 / *total as f64 };
                ("rate", [share, *total as f64, share, NONE, NONE, NONE, NONE, NONE, NONE, NONE])
            }
            Sink::Gauge { min, max, .. } => {
                let level = if series == "all" {
                    self.levels.sum(&key.metric, &Selector::default())
                } else {
                    self.levels.get(key).cloned()
                };
                let Some(Sink::Gauge { value, .. }) = level else { return };
                ("gauge", [value, NONE, NONE, *min, NONE, NONE, NONE, NONE, NONE, *max])
            }
            Sink::Latest { value, min, max, .. } => {
                ("gauge", [*value, NONE, NONE, *min, NONE, NONE, NONE, NONE, NONE, *max])
            }
            Sink::Trend(trend) => {
                let [p50, p90, p95, p99] = [50.0, 90.0, 95.0, 99.0].map(|percent| trend.percentile(percent));
                let (count, mean) = (trend.count() as f64, trend.mean());
                let rate = rate_of(count, length);
                ("trend", [mean, count, rate, trend.min(), mean, p50, p90, p95, p99, trend.max()])
            }
        };
        let mut tags: BTreeMap<&str, String> = labels(key).into_iter().collect();
        let mut cells = vec![
            key.metric.clone(),
            // Milliseconds since 1970 as seconds, as k6 has it with `csv_time_format=unix_milli`.
            format!("{:.3}", end.as_millisecond() as f64 / 1e3),
            number(value),
            kind.into(),
            series.into(),
            decimal(length.as_secs_f64(), 3),
        ];
        cells.extend(TAGS.map(|tag| tags.remove(tag).unwrap_or_default()));
        let others: Vec<String> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cells.push(others.join(";"));
        cells.extend([count, rate, min, avg, p50, p90, p95, p99, max].map(number));
        lines.add(cells);
    }
}

/// What a kind of metric has no figure for.
const NONE: f64 = f64::NAN;

/// A figure to a millionth; nothing where there is none.
fn number(value: f64) -> String {
    if value.is_nan() { String::new() } else { decimal(value, 6) }
}

/// Lines of cells, quoted where they have to be.
struct Lines(csv::Writer<Vec<u8>>);

impl Default for Lines {
    fn default() -> Self {
        Self(csv::Writer::from_writer(Vec::new()))
    }
}

impl Lines {
    fn add<C: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let written = self.0.write_record(cells);
        written.unwrap_or_else(|error| {
            unreachable!("memory takes everything, and all lines have as many cells: {error}")
        });
    }

    fn text(self) -> String {
        let bytes =
            self.0.into_inner().unwrap_or_else(|error| unreachable!("memory takes everything: {error}"));
        String::from_utf8(bytes).unwrap_or_else(|error| unreachable!("made of texts: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Trend;

    fn key(metric: &str, request: Option<&str>) -> SeriesKey {
        let tags = Tags { request: request.map(String::from), ..Tags::default() };
        SeriesKey { metric: metric.into(), tags }
    }

    /// The cells of each row by the names of their columns, without the empty ones.
    fn cells(rows: &str) -> Vec<BTreeMap<String, String>> {
        let text = Table::header() + rows;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
        let full = |row: BTreeMap<_, String>| row.into_iter().filter(|(_, cell)| !cell.is_empty()).collect();
        rows.into_iter().map(full).collect()
    }

    #[test]
    fn each_series_has_a_row_and_so_has_their_sum() {
        let mut metrics = Metrics::default();
        let mut trend = Trend::default();
        trend.record(Duration::from_millis(10));
        trend.record(Duration::from_millis(30));
        metrics.add(key("http_req_duration", Some("a")), &Sink::Trend(trend.clone()));
        metrics.add(key("http_req_duration", Some("b")), &Sink::Trend(trend));
        metrics.add(key("http_req_failed", Some("a")), &Sink::Rate { passes: 1, total: 4 });
        let rows = Table::default().rows(
            Timestamp::from_millisecond(5_500).unwrap(),
            Duration::from_secs(2),
            &metrics,
        );
        let rows = cells(&rows);
        assert_eq!(rows.len(), 5);
        let figures = [
            ("metric_name", "http_req_duration"),
            ("timestamp", "5.500"),
            ("metric_value", "20"),
            ("type", "trend"),
            ("series", "all"),
            ("seconds", "2"),
            ("count", "4"),
            ("rate", "2"),
            ("min", "10"),
            ("avg", "20"),
            ("max", "30"),
        ];
        for (name, value) in figures {
            assert_eq!(rows[0][name], value, "{name}");
        }
        assert!(rows[0]["p50"].starts_with("10") && rows[0]["p99"] == "30", "{:?}", rows[0]);
        assert_eq!((&*rows[1]["series"], &*rows[1]["name"], &*rows[1]["count"]), ("part", "a", "2"));
        assert_eq!((&*rows[3]["metric_value"], &*rows[3]["count"], &*rows[3]["type"]), ("0.25", "4", "rate"));
    }

    #[test]
    fn gauges_are_told_as_they_stand() {
        let mut table = Table::default();
        let mut row = |change| {
            let mut metrics = Metrics::default();
            metrics.add(key("vus", None), &Sink::Gauge { value: change, min: 1.0, max: 5.0 });
            let rows = table.rows(Timestamp::UNIX_EPOCH, Duration::from_secs(1), &metrics);
            let rows = cells(&rows);
            assert_eq!(rows.len(), 1, "without tags there are no parts");
            rows[0]["metric_value"].clone()
        };
        assert_eq!([row(5.0), row(-2.0), row(0.0)], ["5", "3", "3"]);
    }

    #[test]
    fn what_would_break_a_row_is_quoted() {
        let name = "GET /a?b=1,2 \"c\"\nd";
        let mut metrics = Metrics::default();
        metrics.add(key("http_reqs", Some(name)), &Sink::Counter(1.0));
        let rows = Table::default().rows(Timestamp::UNIX_EPOCH, Duration::from_secs(1), &metrics);
        assert_eq!(cells(&rows)[1]["name"], name);
    }
}
