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
    let is_several = result.workloads.len() > 1;
    if is_several {
        for workload in &result.workloads {
            let owner = workload.autoscaler.as_deref().unwrap_or("no autoscaler");
            write!(canvas, "  {}/{} ({owner}): ", workload.kind, workload.name)?;
            let replicas = workload.replicas.as_deref().unwrap_or("?");
            in_short(replicas, workload.limited_by.as_ref().filter(|limit| *limit != "None"), canvas)?;
        }
    } else {
        write!(canvas, "  {}: ", result.autoscaler.as_deref().unwrap_or("no autoscaler"))?;
        in_short(&result.replicas, result.limited_by.as_ref(), canvas)?;
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
    let ups =
        result.workloads.iter().flat_map(|workload| workload.scale_ups.iter().map(move |up| (workload, up)));
    for (workload, up) in ups {
        let whose = if is_several { format!("{}, ", workload.name) } else { String::new() };
        write!(canvas, "  {whose}{:.0} s: {}→{}", up.seconds, up.from, up.to)?;
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

fn in_short(replicas: &str, limit: Option<&String>, canvas: &mut Canvas) -> fmt::Result {
    match limit {
        Some(limit) => writeln!(canvas, "replicas {replicas}, limited by {limit}"),
        None => writeln!(canvas, "replicas {replicas}"),
    }
}
