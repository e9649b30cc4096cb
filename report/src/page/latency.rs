// SPDX-License-Identifier: Apache-2.0
//! How latency is distributed: the whole of it as a curve, and over time as a map.

use std::collections::BTreeMap;

use upsurge_core::metrics::{Trend, exponential::bound};
use upsurge_record::model::{Epoch, HeatMap, Part};

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{
    chart::Role,
    markup::Markup,
    svg::{self, Cell, Curve, Heat},
    words,
};

/// Most columns of the map.
const MOST_COLUMNS: usize = 120;
/// Most rows of the map.
const MOST_ROWS: i32 = 44;
/// The percentages of the table.
const PERCENTS: [f64; 8] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0];

fn whole(epoch: &Epoch) -> Part {
    epoch.measured.counted.clone().unwrap_or_else(|| epoch.measured.whole())
}

pub(super) fn shows(page: &Page<'_>) -> bool {
    page.shown.is_some_and(|epoch| whole(epoch).latency.is_some() || !epoch.heat_map.columns.is_empty())
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let Some(epoch) = page.shown else { return };
    let part = whole(epoch);
    let mut curves = Vec::new();
    if let Some(trend) = &part.latency {
        curves.push(curve("service time", Role::High, trend));
    }
    if let Some(trend) = part.response_time.as_ref().filter(|_| epoch.figures.summary.response_time.is_some())
    {
        curves.push(curve("with waiting", Role::Highest, trend));
    }
    if !curves.is_empty() {
        distribution(epoch, &part, &curves, html);
    }
    if !epoch.heat_map.columns.is_empty() {
        map(epoch, html);
    }
}

fn curve(name: &str, role: Role, trend: &Trend) -> Curve {
    let points = svg::percents(trend.count()).into_iter().map(|percent| (percent, trend.percentile(percent)));
    Curve { name: name.to_owned(), role, points: points.collect() }
}

fn distribution(epoch: &Epoch, part: &Part, curves: &[Curve], html: &mut Markup) {
    html.tag("h3").text("Percentiles");
    let latency = &epoch.figures.summary.latency;
    let mut finding =
        format!("95 % of requests took at most {}, 99.9 % at most {}.", latency.p95, latency.p999);
    if let Some(response) = &epoch.figures.summary.response_time {
        finding +=
            &format!(" With the time that they waited to be sent, 95 % took at most {}.", response.p95);
    }
    html.tag("figure").with(|html| {
        html.tag("figcaption").text(&finding);
        let scroll = html.tag("div").class("scroll").set("role", "region").set("tabindex", 0);
        scroll.set("aria-label", "Curve of percentiles").with(|html| {
            svg::curves(html, curves, &format!("Percentiles of latency. {finding}"));
        });
    });
    parts::folded(html, "Table: percentiles", |html| {
        let columns = [text("share of requests"), number("service time"), number("with waiting")];
        parts::table(html, "Percentiles", Order::Fixed, &columns, |html| {
            for percent in PERCENTS {
                parts::row(html, |html| {
                    parts::head(html, &format!("{percent}%"));
                    for trend in [&part.latency, &part.response_time] {
                        let text = trend
                            .as_ref()
                            .map(|trend| upsurge_core::format::milliseconds(trend.percentile(percent)));
                        parts::figure_if(html, text.as_ref());
                    }
                });
            }
        });
    });
}

fn map(epoch: &Epoch, html: &mut Markup) {
    let heat = heat(&epoch.heat_map);
    html.tag("h3").text("Over time");
    let count = heat.cells.iter().fold(0_u64, |sum, cell| sum.saturating_add(cell.count));
    let busiest = heat.cells.iter().max_by_key(|cell| cell.count);
    let finding = busiest.map_or_else(String::new, |cell| {
        format!(
            "{} requests; the fullest cell is at {}, {} into the run.",
            words::grouped(count),
            words::milliseconds(cell.latency.1),
            words::clock(cell.time.0)
        )
    });
    html.tag("figure").with(|html| {
        html.tag("figcaption").text(format_args!(
            "Each cell is a stretch of time and a range of latency; the stronger its colour, the more requests are in it. {finding}"
        ));
        let scroll = html.tag("div").class("scroll").set("role", "region").set("tabindex", 0);
        scroll.set("aria-label", "Map of latency over time").with(|html| {
            svg::heat(html, &heat, &format!("Map of latency over time. {finding}"));
        });
    });
    let columns = [text("time"), number("requests"), number("fastest"), number("median"), number("slowest")];
    parts::folded(html, "Table: latency over time", |html| {
        parts::table(html, "Latency over time, by ranges", Order::Fixed, &columns, |html| {
            for column in joined(&epoch.heat_map, 30) {
                parts::row(html, |html| strip(&column, html));
            }
        });
    });
}

/// A stretch of time with its counts by number of bucket.
struct Strip {
    from: f64,
    to: f64,
    buckets: BTreeMap<i32, u64>,
}

fn strip(strip: &Strip, html: &mut Markup) {
    let count = strip.buckets.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let up_to = |wanted: u64| {
        let mut sum = 0_u64;
        let found = strip.buckets.iter().find(|(_, count)| {
            sum = sum.saturating_add(**count);
            sum >= wanted
        });
        found.map_or_else(|| "–".to_owned(), |(number, _)| words::milliseconds(bound(*number)))
    };
    html.tag("td").text(words::clock(strip.from));
    html.tag("td").class("number").text(words::grouped(count));
    for wanted in [1, count.div_ceil(2), count] {
        html.tag("td").class("number").text(up_to(wanted));
    }
}

/// The columns of a map, joined so that there are no more than that many. A record may come from anybody, so neither their order nor
/// their counts are relied on.
fn joined(map: &HeatMap, most: usize) -> Vec<Strip> {
    let Some(begin) = map.columns.iter().map(|column| column.from_ms).min() else { return Vec::new() };
    let ends = map.columns.iter().map(|column| column.to_ms.max(column.from_ms));
    let end = ends.max().unwrap_or(begin);
    let step = (u64::from(map.step_seconds.max(1)) * 1000).max((end - begin).div_ceil(most as u64));
    let mut strips: BTreeMap<u64, Strip> = BTreeMap::new();
    for column in &map.columns {
        let number = (column.from_ms - begin) / step;
        let seconds = |milliseconds: u64| milliseconds as f64 / 1e3;
        let strip = strips.entry(number).or_insert_with(|| Strip {
            from: seconds(column.from_ms),
            to: seconds(column.to_ms),
            buckets: BTreeMap::new(),
        });
        strip.to = strip.to.max(seconds(column.to_ms));
        // Shorter than what is measured: with the shortest that is.
        let zeros = (column.zeros > 0).then_some((LOWEST, column.zeros));
        for (bucket, count) in column.buckets.iter().copied().chain(zeros) {
            let sum: &mut u64 = strip.buckets.entry(bucket).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    strips.into_values().collect()
}

/// The bucket of a microsecond: 2^(−320/32) ms.
const LOWEST: i32 = -319;

/// The map with so few cells that it can be drawn, and looked at.
fn heat(map: &HeatMap) -> Heat {
    let strips = joined(map, MOST_COLUMNS);
    let numbers = || strips.iter().flat_map(|strip| strip.buckets.keys().copied());
    let (low, high) = (numbers().min().unwrap_or_default(), numbers().max().unwrap_or_default());
    // Of 32 buckets for each doubling, as many in a row as it takes.
    let few = |per_row: &i32| high.saturating_sub(low) / per_row < MOST_ROWS;
    let per_row = [2, 4, 8, 16, 32].into_iter().find(few).unwrap_or(32);
    let row = |number: i32| number.saturating_sub(1).div_euclid(per_row);
    let mut cells = Vec::new();
    for strip in &strips {
        let mut rows: BTreeMap<i32, u64> = BTreeMap::new();
        for (number, count) in &strip.buckets {
            let sum = rows.entry(row(*number)).or_default();
            *sum = sum.saturating_add(*count);
        }
        cells.extend(rows.into_iter().map(|(row, count)| Cell {
            time: (strip.from, strip.to),
            latency: (bound(row.saturating_mul(per_row)), bound((row + 1).saturating_mul(per_row))),
            count,
        }));
    }
    let to = strips.last().map_or(1.0, |strip| strip.to);
    Heat { cells, to }
}

#[cfg(test)]
mod tests {
    use upsurge_record::model::HeatColumn;

    use super::*;

    fn map(columns: u64) -> HeatMap {
        let column = |index: u64| HeatColumn {
            from_ms: index * 10_000,
            to_ms: (index + 1) * 10_000,
            zeros: u64::from(index == 3),
            buckets: vec![(200, 90), (201, 9), (400, 1)],
        };
        HeatMap { step_seconds: 10, columns: (0..columns).map(column).collect() }
    }

    #[test]
    fn no_request_is_lost_when_columns_and_rows_are_joined() {
        for columns in [1, 5, 120, 121, 720] {
            let heat = heat(&map(columns));
            let count: u64 = heat.cells.iter().map(|cell| cell.count).sum();
            assert_eq!(count, columns * 100 + u64::from(columns > 3));
            let mut begins: Vec<u64> = heat.cells.iter().map(|cell| cell.time.0 as u64).collect();
            begins.dedup();
            assert!(begins.len() <= MOST_COLUMNS, "{}", begins.len());
        }
    }

    #[test]
    fn a_cell_holds_the_latencies_of_its_buckets() {
        let heat = heat(&map(1));
        for number in [200, 201, 400] {
            let value = bound(number);
            let slack = 1.0 + 1e-9;
            let holds = |cell: &&Cell| cell.latency.0 < value * slack && value <= cell.latency.1 * slack;
            assert!(heat.cells.iter().any(|cell| holds(&cell)), "{number}");
        }
    }
}
