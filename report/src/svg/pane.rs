// SPDX-License-Identifier: Apache-2.0
//! One pane of a chart: its axis, its limits, what lies between lines, the lines, and their names at the right.

use super::{COLUMNS, LEFT, RIGHT, WIDTH, across, path};
use crate::{
    axis::Axis,
    chart::{Chart, Line, MarkKind, Pane},
    markup::{Markup, Tenth},
};

/// Height of a line of small print.
const LINE: f64 = 13.0;

/// How high a pane is.
pub(super) fn height(pane: &Pane) -> f64 {
    match pane.id.as_str() {
        "latency" => 150.0,
        "errors" => 70.0,
        _ => 110.0,
    }
}

/// Room above a pane, for its title, and for the signs of what happened.
pub(super) fn above(pane: &Pane) -> f64 {
    if pane.is_scaling { 46.0 } else { 34.0 }
}

/// Draws it with its upper edge at `top`.
pub(super) fn draw(svg: &mut Markup, pane: &Pane, chart: &Chart, time: &Axis, top: f64) {
    let height = height(pane);
    let pane = &pane.drawn(COLUMNS);
    let lines = if height < 100.0 { 2 } else { 4 };
    let axis = Axis::of(pane.scale, pane.values(), lines);
    let y = |value: f64| top + height * (1.0 - axis.place(value));
    svg.tag("text").class("title").at("x", LEFT).at("y", top + 25.0 - above(pane)).text(&pane.title);
    for tick in &axis.ticks {
        let place = y(*tick);
        let line = format!("M{} {}H{}", Tenth(LEFT), Tenth(place), Tenth(WIDTH - RIGHT));
        svg.tag("path").class("grid").set("d", line).empty();
        let text = svg.tag("text").class("small end").at("x", LEFT - 7.0).at("y", place + 4.0);
        text.text(pane.unit.tick(*tick));
    }
    if pane.is_empty() {
        let text = svg.tag("text").class("small").at("x", LEFT + 8.0).at("y", top + height / 2.0);
        text.text("no data");
        return;
    }
    let points = |line: &Line| -> Vec<path::Point> {
        let values = line.values.iter().map(|value| value.map(y));
        pane.seconds.iter().map(|second| across(time, *second)).zip(values).collect()
    };
    for (upper, lower) in &pane.bands {
        let (Some(upper), Some(lower)) = (pane.lines.get(*upper), pane.lines.get(*lower)) else { continue };
        let between: Vec<_> = points(upper)
            .into_iter()
            .zip(points(lower))
            .map(|((x, upper), (_, lower))| (x, upper, lower))
            .collect();
        svg.tag("path").class("band").set("d", path::band(&between)).empty();
    }
    limits(svg, pane, &axis, top, height);
    if pane.is_scaling {
        scaling(svg, chart, time, top, height);
    }
    for line in &pane.lines {
        let points = points(line);
        let end = across(time, chart.to);
        let path = if line.is_stepped {
            path::steps(&points, end)
        } else {
            path::line(points.iter().copied(), false)
        };
        let dashes = dashes(line.role.dashes());
        let class = format!("line {}", line.role.class());
        svg.tag("path").class(class).set_if("stroke-dasharray", dashes).set("d", path).empty();
    }
    names(svg, pane, y, top, height);
}

fn dashes(lengths: &[u8]) -> Option<String> {
    let texts: Vec<String> = lengths.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// Limits as lines across, named at their left end. One that is far above everything is only told of.
fn limits(svg: &mut Markup, pane: &Pane, axis: &Axis, top: f64, height: f64) {
    let (_, high) = axis.ends();
    let mut told = 0.0;
    for limit in &pane.limits {
        let label = format!("{} {}", limit.name, pane.unit.value(limit.value));
        if limit.value > high {
            let y = top + LINE * (1.0 + told);
            svg.tag("text")
                .class("small limit")
                .at("x", LEFT + 6.0)
                .at("y", y)
                .text(format_args!("↑ {label}"));
            told += 1.0;
            continue;
        }
        let y = top + height * (1.0 - axis.place(limit.value));
        let line = format!("M{} {}H{}", Tenth(LEFT), Tenth(y), Tenth(WIDTH - RIGHT));
        svg.tag("path").class("line limit").set("stroke-dasharray", "10 4 2 4").set("d", line).empty();
        let below = y - top < LINE;
        let y = if below { y + LINE - 1.0 } else { y - 4.0 };
        svg.tag("text").class("small limit").at("x", LEFT + 6.0).at("y", y).text(label);
    }
}

/// Where more or fewer replicas were asked for, and what went wrong.
fn scaling(svg: &mut Markup, chart: &Chart, time: &Axis, top: f64, height: f64) {
    let mut free = f64::MIN;
    for mark in chart.marks.iter().filter(|mark| !matches!(mark.kind, MarkKind::Other | MarkKind::Good)) {
        let x = across(time, mark.at);
        // The list of events has those that there is no room for.
        if x < free {
            continue;
        }
        free = x + 10.0;
        let line = format!("M{} {}v{}", Tenth(x), Tenth(top), Tenth(height));
        svg.tag("path").class(format_args!("mark {}", mark.kind.class())).set("d", line).empty();
        let sign = svg.tag("text").class(format_args!("small middle {}", mark.kind.class()));
        sign.at("x", x).at("y", top - 2.0).text(mark.kind.sign());
    }
}

/// The name of each line at the height where it ends, moved apart so that all can be read.
fn names(svg: &mut Markup, pane: &Pane, y: impl Fn(f64) -> f64, top: f64, height: f64) {
    let last = |line: &Line| line.values.iter().rev().flatten().next().copied();
    let mut places: Vec<(f64, &Line)> =
        pane.lines.iter().filter_map(|line| Some((y(last(line)?), line))).collect();
    places.sort_by(|one, other| one.0.total_cmp(&other.0));
    let count = places.len();
    let mut free = top;
    for (place, _) in &mut places {
        *place = place.max(free);
        free = *place + LINE;
    }
    let mut floor = (top + height).max(top + LINE * (count as f64 - 1.0));
    for (place, _) in places.iter_mut().rev() {
        *place = place.min(floor);
        floor = *place - LINE;
    }
    for (place, line) in places {
        let x = WIDTH - RIGHT;
        let sample = format!("M{} {}h20", Tenth(x + 6.0), Tenth(place));
        let class = format!("line {}", line.role.class());
        let dashes = dashes(line.role.dashes());
        svg.tag("path").class(class).set_if("stroke-dasharray", dashes).set("d", sample).empty();
        let name = crate::words::beginning(&line.name, 14);
        let text = svg.tag("text").class("small").at("x", x + 31.0).at("y", place + 4.0);
        text.text(name.as_deref().unwrap_or(&line.name));
    }
}
