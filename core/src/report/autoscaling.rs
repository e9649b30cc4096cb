// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler did, to read.

use std::fmt::{self, Write as _};

use super::{
    Report,
    canvas::{Canvas, Ink},
};
use crate::{autoscaling::explained, judged::told};

pub(super) fn write(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let Some(result) = report.autoscaling else { return Ok(()) };
    canvas.heading("autoscaling")?;
    let owner = result.autoscaler.as_deref().unwrap_or("no autoscaler");
    write!(canvas, "  {owner}: replicas {}", result.replicas)?;
    match &result.limited_by {
        Some(limit) => writeln!(canvas, ", limited by {limit}")?,
        None => writeln!(canvas)?,
    }
    for expectation in &result.expectations {
        let (sign, ink) = match expectation {
            _ if expectation.passed => ('✓', Ink::Good),
            _ if expectation.undecided => ('?', Ink::Doubtful),
            _ => ('✗', Ink::Bad),
        };
        write!(canvas, "  ")?;
        canvas.ink(ink, sign)?;
        writeln!(canvas, " {} {}: {}", expectation.name, expectation.expected, told(expectation))?;
    }
    for up in result.workloads.iter().flat_map(|workload| &workload.scale_ups) {
        write!(canvas, "  {:.0} s: {}→{}", up.seconds, up.from, up.to)?;
        match &up.largest {
            Some(part) => writeln!(canvas, ", most of its time until {part}")?,
            None => writeln!(canvas)?,
        }
    }
    for sentence in explained(result) {
        writeln!(canvas, "  {sentence}")?;
    }
    writeln!(canvas)
}
