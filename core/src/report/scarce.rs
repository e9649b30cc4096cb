// SPDX-License-Identifier: Apache-2.0
//! What the target's pods used, how latency went over a soak, and what was scarce, to read.

use std::fmt::{self, Write as _};

use upsurge_crds::v1alpha1::{
    Bottleneck, BottleneckResult, ExpectationResult, GrowthResult, PrometheusSeriesResult, SoakResult,
    UsageFigures, UsageResult,
};

use super::{
    Report,
    canvas::{Canvas, Ink},
};
use crate::judged::told;

/// What is told of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// All pods together, and each of them; nothing if nobody watched.
    pub usage: &'a [UsageResult],
    /// What came of the limits of `spec.usage`.
    pub expectations: &'a [ExpectationResult],
    /// How latency went over a soak.
    pub soak: Option<&'a SoakResult>,
    /// What was scarce; absent if nobody watched.
    pub bottleneck: Option<&'a BottleneckResult>,
    /// What Prometheus showed over the load.
    pub series: &'a [PrometheusSeriesResult],
}

pub(super) fn write(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let Told { usage, expectations, soak, bottleneck, series } = report.scarce;
    let has_usage = !(usage.is_empty() && expectations.is_empty());
    if !has_usage && soak.is_none() && bottleneck.is_none() && series.is_empty() {
        return Ok(());
    }
    canvas.heading("usage")?;
    usage.iter().try_for_each(|one| pod(one, canvas))?;
    expectations.iter().try_for_each(|one| line(one, canvas))?;
    if let Some(SoakResult { latency_growth_per_hour: growth, first_latency, expectations }) = soak {
        if let (Some(growth), Some(first)) = (growth, first_latency) {
            writeln!(canvas, "  p95 latency over the soak: {} of {first} per hour", grown(growth))?;
        }
        expectations.iter().try_for_each(|one| line(one, canvas))?;
    }
    series.iter().try_for_each(|one| course(one, canvas))?;
    if let Some(BottleneckResult { name, evidence }) = bottleneck {
        match name {
            Bottleneck::None => writeln!(canvas, "  no bottleneck seen: {evidence}")?,
            Bottleneck::Series => writeln!(canvas, "  bottleneck: {evidence}")?,
            name => writeln!(canvas, "  bottleneck: {name:?} ({evidence})")?,
        }
    }
    writeln!(canvas)
}

/// A series of Prometheus. Why there is none is among the warnings.
fn course(one: &PrometheusSeriesResult, canvas: &mut Canvas) -> fmt::Result {
    let PrometheusSeriesResult { name, unit, min, mean, max, last, .. } = one;
    let unit = unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    match (min, mean, max, last) {
        (Some(min), Some(mean), Some(max), Some(last)) => writeln!(
            canvas,
            "  {name}: {min} to {max}{unit}, {mean}{unit} on average, {last}{unit} at the end"
        ),
        _ => writeln!(canvas, "  {name}: not known"),
    }
}

fn pod(one: &UsageResult, canvas: &mut Canvas) -> fmt::Result {
    match (&one.pod, one.pods) {
        (Some(pod), _) => write!(canvas, "  pod {pod}: ")?,
        (None, Some(1)) => write!(canvas, "  {}, 1 pod: ", one.workload)?,
        (None, pods) => write!(canvas, "  {}, {} pods: ", one.workload, pods.unwrap_or_default())?,
    }
    let mut parts: Vec<String> = Vec::new();
    parts.extend(one.cpu.as_ref().map(|cpu| figures("CPU", cpu)));
    parts.extend(one.memory.as_ref().map(|memory| figures("memory", memory)));
    parts.extend(one.memory_growth_per_hour.as_ref().map(|growth| format!("{} per hour", grown(growth))));
    if parts.is_empty() {
        parts.push("not measured".into());
    }
    if one.restarts > 0 {
        parts.push(format!("{} restarts ({} for lack of memory)", one.restarts, one.oom_kills));
    }
    writeln!(canvas, "{}", parts.join(", "))?;
    one.gaps.iter().try_for_each(|gap| writeln!(canvas, "    {gap}"))
}

fn figures(what: &str, used: &UsageFigures) -> String {
    let shares = [(&used.max_of_request, "request"), (&used.max_of_limit, "limit")];
    let shares = shares.iter().filter_map(|(share, of)| Some(format!("{} of the {of}", share.as_ref()?)));
    let shares: Vec<String> = shares.collect();
    let shares = if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) };
    format!("{what} {} on average, {} at most{shares}", used.mean, used.max)
}

fn grown(growth: &GrowthResult) -> String {
    format!("growth of {} ({} to {})", growth.estimate, growth.low, growth.high)
}

fn line(one: &ExpectationResult, canvas: &mut Canvas) -> fmt::Result {
    let (sign, ink) = match one {
        _ if one.passed => ('✓', Ink::Good),
        _ if one.undecided => ('?', Ink::Doubtful),
        _ => ('✗', Ink::Bad),
    };
    write!(canvas, "  ")?;
    canvas.ink(ink, sign)?;
    writeln!(canvas, " {} {}: {}", one.name, one.expected, told(one))
}
