// SPDX-License-Identifier: Apache-2.0
//! The summary of a test of one request: totals, latencies in detail, what came back.

use std::fmt::{self, Write as _};

use super::{
    Report,
    canvas::{Canvas, Colours, Ink, NO_DATA},
    counts, text,
};
use crate::{
    http::without_login,
    metrics::{Selector, Trend, names},
    results::{self, decimal, milliseconds, percent},
};

/// Percentiles that are listed.
const PERCENTILES: [f64; 9] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];
/// Bars of the histogram below the 99th percentile; one more holds the rest.
const BARS: usize = 10;
/// Characters of the longest bar.
const BAR_WIDTH: f64 = 40.0;

pub(super) fn render(report: &Report<'_>, colours: Colours) -> String {
    Canvas::filled(colours, |canvas| write(report, canvas))
}

fn write(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    totals(report, canvas)?;
    latencies(report, canvas)?;
    counts::list("status codes", &results::statuses(report.metrics), counts::of_status, canvas)?;
    counts::list("errors", &results::errors(report.metrics), |_| Some(Ink::Bad), canvas)?;
    text::thresholds(report, canvas)?;
    text::generator(report, canvas)?;
    text::verdict(report, canvas)
}

fn totals(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let summary = &report.figures.summary;
    let request = report.figures.requests.first().map_or("", |request| &request.name);
    let (method, path) = request.split_once(' ').unwrap_or_default();
    let url = format!("{method} {}{path}", without_login(&report.test.target.base_url));
    canvas.heading(url.trim_start())?;
    writeln!(canvas)?;
    writeln!(canvas, "time      {}s", decimal(report.elapsed.as_secs_f64(), 2))?;
    writeln!(canvas, "requests  {}, {}/s", summary.requests, summary.requests_per_second)?;
    let (failed, all) = report.metrics.rate(names::HTTP_REQ_FAILED, &Selector::default());
    let succeeded = all.saturating_sub(failed);
    writeln!(canvas, "succeeded {succeeded}, {}", share(succeeded, all))?;
    let failures = format!("failed    {failed}, {}", share(failed, all));
    if failed > 0 {
        canvas.ink(Ink::Bad, failures)?
    } else {
        canvas.write_str(&failures)?
    }
    writeln!(canvas)?;
    if let Some(dropped) = summary.dropped_iterations.filter(|dropped| *dropped > 0) {
        canvas.ink(Ink::Bad, format_args!("dropped   {dropped} for lack of free users"))?;
        writeln!(canvas)?;
    }
    if let Some(unanswered) = summary.unanswered_requests {
        canvas.ink(Ink::Bad, format_args!("cut off   {unanswered} without an answer"))?;
        writeln!(canvas)?;
    }
    let [received, sent] = text::traffic(report);
    writeln!(canvas, "received  {received}\nsent      {sent}\n")
}

fn latencies(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let everything = Selector::default();
    let trend = report.metrics.trend(names::HTTP_REQ_DURATION, &everything);
    if trend.is_empty() {
        return Ok(());
    }
    let times = [("fastest", trend.min()), ("mean", trend.mean()), ("slowest", trend.max())];
    let times: Vec<String> =
        times.into_iter().map(|(name, time)| format!("{name} {}", milliseconds(time))).collect();
    writeln!(canvas, "latency   {}", times.join(", "))?;
    histogram(&trend, canvas)?;
    let response = report.metrics.trend(names::HTTP_REQ_RESPONSE_TIME, &everything);
    // In a closed model both are the same.
    let open = report.generator.planned_iterations.is_some() && !response.is_empty();
    writeln!(canvas, "{:>8} {:>12}{}", "", "latency", if open { "  from intended start" } else { "" })?;
    for percentile in PERCENTILES {
        write!(canvas, "{:>8} {:>12}", format!("p{percentile}"), milliseconds(trend.percentile(percentile)))?;
        if open {
            write!(canvas, "  {:>19}", milliseconds(response.percentile(percentile)))?;
        }
        writeln!(canvas)?;
    }
    writeln!(canvas)?;
    connections(report, canvas)
}

/// Bars of equal width up to the 99th percentile, and one for what took longer.
fn histogram(trend: &Trend, canvas: &mut Canvas) -> fmt::Result {
    let (low, high) = (trend.min(), trend.percentile(99.0));
    let width = (high - low) / BARS as f64;
    if width <= 0.0 {
        return writeln!(canvas);
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
        writeln!(canvas, "  {sign} {:>9} {count:>9} {}", milliseconds(edge), "■".repeat(length))?;
    }
    writeln!(canvas)
}

/// How long connections took, when some were made.
fn connections(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
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
                canvas,
                "{name:<9} {} times, mean {}, p99 {}",
                made.count(),
                milliseconds(made.mean()),
                milliseconds(made.percentile(99.0))
            )?;
        }
    }
    if shown { writeln!(canvas) } else { Ok(()) }
}

fn share(part: u64, all: u64) -> String {
    if all == 0 { NO_DATA.into() } else { percent(part as f64 / all as f64) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bars_hold_every_time_once() {
        let mut trend = Trend::default();
        (1..=200).for_each(|time| trend.record(Duration::from_millis(time)));
        let text = Canvas::filled(Colours::Off, |canvas| histogram(&trend, canvas));
        let counts: Vec<u64> =
            text.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse().ok()).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (BARS + 1, 200), "{text}");
        assert_eq!(counts[BARS], 2, "{text}");
    }

    #[test]
    fn one_time_alone_has_no_bars() {
        let mut trend = Trend::default();
        trend.record_many(Duration::from_millis(5), 3);
        let text = Canvas::filled(Colours::Off, |canvas| histogram(&trend, canvas));
        assert_eq!(text, "\n");
    }
}
