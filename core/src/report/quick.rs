//! The summary of a test of one request: totals, latencies in detail, what came back.

use std::fmt::Write as _;

use super::{
    Report,
    counts::{errors, statuses},
    text,
};
use crate::{
    http::without_login,
    metrics::{Selector, Trend, names},
    results::{decimal, milliseconds, per_second, percent, rate_of, whole},
};

/// Percentiles that are listed.
const PERCENTILES: [f64; 9] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];
/// Bars of the histogram below the 99th percentile; one more holds the rest.
const BARS: usize = 10;
/// Characters of the longest bar.
const BAR_WIDTH: f64 = 40.0;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = String::new();
    // Writing to a text can't fail.
    let _ = write(report, &mut text);
    text
}

fn write(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    totals(report, text)?;
    latencies(report, text)?;
    statuses(report, text)?;
    errors(report, text)?;
    text::thresholds(report, text)?;
    text::generator(report, text)?;
    text::verdict(report, text)
}

fn totals(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let everything = Selector::default();
    let time = whole(report.timeline, report.elapsed);
    let summary = &report.figures.summary;
    let request = report.figures.requests.first().map_or("", |request| &request.name);
    let (method, path) = request.split_once(' ').unwrap_or_default();
    writeln!(text, "{method} {}{path}\n", without_login(&report.test.target.base_url))?;
    writeln!(text, "time      {}s", decimal(report.elapsed.as_secs_f64(), 2))?;
    writeln!(text, "requests  {}, {}/s", summary.requests, summary.requests_per_second)?;
    let (failed, all) = report.metrics.rate(names::HTTP_REQ_FAILED, &everything);
    writeln!(text, "succeeded {}, {}", all.saturating_sub(failed), share(all.saturating_sub(failed), all))?;
    writeln!(text, "failed    {failed}, {}", share(failed, all))?;
    if summary.dropped_iterations > 0 {
        writeln!(text, "dropped   {} for want of free users", summary.dropped_iterations)?;
    }
    if let Some(unanswered) = summary.unanswered_requests {
        writeln!(text, "cut off   {unanswered} without an answer")?;
    }
    for (name, metric) in [("received", names::DATA_RECEIVED), ("sent", names::DATA_SENT)] {
        let count = report.metrics.count(metric, &everything);
        writeln!(text, "{name:<9} {}, {}/s", bytes(count), bytes(rate_of(count, time)))?;
    }
    writeln!(text)
}

fn latencies(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let everything = Selector::default();
    let trend = report.metrics.trend(names::HTTP_REQ_DURATION, &everything);
    if trend.is_empty() {
        return Ok(());
    }
    let times = [("fastest", trend.min()), ("mean", trend.mean()), ("slowest", trend.max())];
    let times: Vec<String> =
        times.into_iter().map(|(name, time)| format!("{name} {}", milliseconds(time))).collect();
    writeln!(text, "latency   {}", times.join(", "))?;
    histogram(&trend, text)?;
    let response = report.metrics.trend(names::HTTP_REQ_RESPONSE_TIME, &everything);
    // In a closed model both are the same.
    let open = report.generator.planned_iterations.is_some() && !response.is_empty();
    writeln!(text, "{:>8} {:>12}{}", "", "latency", if open { "  from intended start" } else { "" })?;
    for percentile in PERCENTILES {
        write!(text, "{:>8} {:>12}", format!("p{percentile}"), milliseconds(trend.percentile(percentile)))?;
        if open {
            write!(text, "  {:>19}", milliseconds(response.percentile(percentile)))?;
        }
        writeln!(text)?;
    }
    writeln!(text)?;
    connections(report, text)
}

/// Bars of equal width up to the 99th percentile, and one for what took longer.
fn histogram(trend: &Trend, text: &mut String) -> std::fmt::Result {
    let (low, high) = (trend.min(), trend.percentile(99.0));
    let width = (high - low) / BARS as f64;
    if width <= 0.0 {
        return writeln!(text);
    }
    let mut counts = [0_u64; BARS + 1];
    for (microseconds, count) in trend.buckets() {
        let time = microseconds as f64 / 1e3;
        let bar = if time > high { BARS } else { (((time - low) / width) as usize).min(BARS - 1) };
        if let Some(sum) = counts.get_mut(bar) {
            *sum += count;
        }
    }
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    for (bar, count) in counts.into_iter().enumerate() {
        let (sign, edge) = if bar == BARS { ('>', high) } else { ('≤', low + width * (bar + 1) as f64) };
        let length = (count as f64 / most as f64 * BAR_WIDTH).ceil() as usize;
        writeln!(text, "  {sign} {:>9} {count:>9} {}", milliseconds(edge), "■".repeat(length))?;
    }
    writeln!(text)
}

/// How long connections took, when some were made.
fn connections(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let everything = Selector::default();
    let mut shown = false;
    for (name, metric) in [("connect", names::HTTP_REQ_CONNECTING), ("TLS", names::HTTP_REQ_TLS_HANDSHAKING)]
    {
        // Requests on a connection that was there already count as zero.
        let mut made = Trend::default();
        for (microseconds, count) in report.metrics.trend(metric, &everything).buckets() {
            if microseconds > 0 {
                made.record_many(std::time::Duration::from_micros(microseconds), count);
            }
        }
        if !made.is_empty() {
            shown = true;
            writeln!(
                text,
                "{name:<9} {} times, mean {}, p99 {}",
                made.count(),
                milliseconds(made.mean()),
                milliseconds(made.percentile(99.0))
            )?;
        }
    }
    if shown { writeln!(text) } else { Ok(()) }
}

fn share(part: u64, all: u64) -> String {
    percent(if all == 0 { 0.0 } else { part as f64 / all as f64 })
}

/// A count of bytes in the largest unit that it fills.
fn bytes(count: f64) -> String {
    let mut value = count;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{} {unit}", per_second(value));
        }
        value /= 1024.0;
    }
    format!("{} TiB", per_second(value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bars_hold_every_time_once() {
        let mut trend = Trend::default();
        (1..=200).for_each(|time| trend.record(Duration::from_millis(time)));
        let mut text = String::new();
        histogram(&trend, &mut text).unwrap();
        let counts: Vec<u64> =
            text.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse().ok()).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (BARS + 1, 200), "{text}");
        assert_eq!(counts[BARS], 2, "{text}");
    }

    #[test]
    fn one_time_alone_has_no_bars() {
        let mut trend = Trend::default();
        trend.record_many(Duration::from_millis(5), 3);
        let mut text = String::new();
        histogram(&trend, &mut text).unwrap();
        assert_eq!(text, "\n");
    }

    #[test]
    fn bytes_are_told_in_the_unit_they_fill() {
        assert_eq!(
            [bytes(0.0), bytes(1023.0), bytes(1536.0), bytes(5e9)],
            ["0 B", "1023 B", "1.5 KiB", "4.66 GiB"]
        );
    }
}
