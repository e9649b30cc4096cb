// SPDX-License-Identifier: Apache-2.0
//! What load was asked for and what came of it: rates or users, latency, errors.

use upsurge_record::model::{Point, Record};

use super::{course::Course, limits};
use crate::{
    axis::Scale,
    chart::{Line, Pane, Role, Unit},
    words,
};

/// The panes of the load, from above.
pub(super) fn panes(record: &Record, course: &Course<'_>) -> Vec<Pane> {
    let asks = |of: fn(&Point) -> Option<f64>| course.known().any(|(_, point)| of(point).is_some());
    let (asks_rate, asks_users) = (asks(|point| point.asked_rate), asks(|point| point.asked_users));
    let mut panes = Vec::new();
    if asks_rate {
        panes.push(rate(record, course));
    }
    if asks_users {
        panes.push(users(course));
    }
    if !asks_rate {
        panes.push(throughput(record, course));
    }
    panes.push(latency(record, course));
    panes.push(errors(record, course));
    panes
}

fn pane(id: &str, title: &str, unit: Unit, course: &Course<'_>, lines: Vec<Line>) -> Pane {
    Pane {
        id: id.to_owned(),
        title: title.to_owned(),
        unit,
        scale: Scale::Linear,
        finding: String::new(),
        seconds: course.seconds.clone(),
        lines,
        bands: Vec::new(),
        limits: Vec::new(),
        is_scaling: false,
    }
}

fn per_second(of: fn(&Point) -> u64) -> impl Fn(&Point) -> Option<f64> {
    move |point| Some(point.per_second(of(point)))
}

fn rate(record: &Record, course: &Course<'_>) -> Pane {
    let mut lines = vec![
        course.line("asked for", Role::Asked, |point| point.asked_rate),
        course.line("started", Role::Achieved, per_second(|point| point.started)),
    ];
    let sum = |of: fn(&Point) -> u64| course.known().map(|(_, point)| of(point)).sum::<u64>();
    let (iterations, requests) = (sum(|point| point.iterations), sum(|point| point.requests));
    if requests.abs_diff(iterations) > iterations / 20 {
        lines.push(course.line("requests", Role::Users, per_second(|point| point.requests)));
    }
    let asked = course.known().filter_map(|(_, point)| point.asked_rate).fold(0.0, f64::max);
    let started = sum(|point| point.started);
    let generator = record.shown().and_then(|epoch| epoch.generator.as_ref());
    let finding = match generator.and_then(|generator| generator.achieved.as_ref()) {
        Some(achieved) => format!(
            "Up to {} iterations per second were asked for; {achieved} of what was due was started.",
            words::significant(asked)
        ),
        None => format!(
            "Up to {} iterations per second were asked for; {} were started.",
            words::significant(asked),
            words::grouped(started)
        ),
    };
    Pane { finding, ..pane("load", "Load: iterations per second", Unit::PerSecond, course, lines) }
}

fn users(course: &Course<'_>) -> Pane {
    let lines = vec![
        course.line("asked for", Role::Asked, |point| point.asked_users),
        course.line("at work", Role::Users, |point| Some(point.users?.max as f64)),
    ];
    let asked = course.known().filter_map(|(_, point)| point.asked_users).fold(0.0, f64::max);
    let finding = format!("Up to {} users were asked for.", words::significant(asked));
    Pane { finding, ..pane("users", "Load: users", Unit::Count, course, lines) }
}

fn throughput(record: &Record, course: &Course<'_>) -> Pane {
    let lines = vec![course.line("requests", Role::Achieved, per_second(|point| point.requests))];
    let finding = record.shown().map(|epoch| {
        let summary = &epoch.figures.summary;
        format!(
            "{} finished, {} per second on average.",
            words::counted(summary.requests.unsigned_abs(), "request", "requests"),
            summary.requests_per_second
        )
    });
    Pane {
        finding: finding.unwrap_or_default(),
        ..pane("throughput", "Requests per second", Unit::PerSecond, course, lines)
    }
}

fn latency(record: &Record, course: &Course<'_>) -> Pane {
    let milliseconds = |microseconds: u64| Some(microseconds as f64 / 1e3);
    let is_joined =
        course.known().any(|(_, point)| point.latency.is_some_and(|latency| latency.peak_p99 != latency.p99));
    // Where seconds were joined, the worst of them is what matters.
    let highest = if is_joined { "p99 (worst)" } else { "p99" };
    let lines = vec![
        course.line("median", Role::Median, |point| milliseconds(point.latency?.p50)),
        course.line("p95", Role::High, |point| milliseconds(point.latency?.p95)),
        course.line(highest, Role::Highest, |point| milliseconds(point.latency?.peak_p99)),
    ];
    let extremes = |line: &Line| {
        let known = || line.values.iter().flatten().copied().filter(|value| *value > 0.0);
        Some((known().reduce(f64::min)?, known().reduce(f64::max)?))
    };
    let low = lines.first().and_then(extremes).map(|(low, _)| low);
    let high = lines.last().and_then(extremes).map(|(_, high)| high);
    let is_wide = low.zip(high).is_some_and(|(low, high)| high > low * 50.0);
    let finding = record.shown().filter(|epoch| epoch.figures.summary.requests > 0).map(|epoch| {
        let latency = &epoch.figures.summary.latency;
        format!(
            "Half of all requests took at most {}, 95 % at most {}, 99 % at most {}; the slowest took {}.",
            latency.p50, latency.p95, latency.p99, latency.max
        )
    });
    Pane {
        scale: if is_wide { Scale::Log } else { Scale::Linear },
        finding: finding.unwrap_or_default(),
        bands: vec![(2, 0)],
        limits: limits::of_latency(record),
        ..pane("latency", "Latency: time of requests", Unit::Milliseconds, course, lines)
    }
}

fn errors(record: &Record, course: &Course<'_>) -> Pane {
    let lines = vec![course.line("failed", Role::Errors, per_second(|point| point.failed))];
    let worst = course
        .known()
        .filter(|(_, point)| point.failed > 0)
        .max_by(|(_, one), (_, other)| one.per_second(one.failed).total_cmp(&other.per_second(other.failed)));
    let rate = record.shown().map(|epoch| epoch.figures.summary.error_rate.clone()).unwrap_or_default();
    let finding = match worst {
        None => "No request failed.".to_owned(),
        Some((_, point)) => format!(
            "{rate} of all requests failed, up to {} in a second.",
            words::significant(point.per_second(point.failed))
        ),
    };
    Pane { finding, ..pane("errors", "Failed requests per second", Unit::PerSecond, course, lines) }
}
