// SPDX-License-Identifier: Apache-2.0
//! The table of a benchmark's operations.

use std::fmt;

use super::{
    Report,
    canvas::{Canvas, Ink, NO_DATA},
    table::{Cell, Table},
};
use crate::results::milliseconds;

/// Times from here on are told in seconds, so that the table stays within its width.
const LONG: f64 = 100_000.0;

pub(super) fn write(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    if report.operations.is_empty() {
        return Ok(());
    }
    let columns = ["samples", "failed", "min", "mean", "median", "p95", "p99", "max"];
    let mut table = Table::new("operations", columns);
    for measured in report.operations {
        let ink = (measured.failures > 0).then_some(Ink::Bad);
        let counts =
            [Cell::plain(measured.samples().to_string()), Cell::inked(measured.failures.to_string(), ink)];
        let times = measured.all().map(|time| Cell::plain(shown(time)));
        table.row(format!("  {}", measured.name), counts.into_iter().chain(times).collect());
    }
    table.write(canvas)
}

/// A time, or the sign for what is not known.
pub(super) fn shown(time: Option<f64>) -> String {
    match time {
        None => NO_DATA.to_owned(),
        Some(time) if time >= LONG => format!("{:.1}s", time / 1e3),
        Some(time) => milliseconds(time),
    }
}
