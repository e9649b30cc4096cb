// SPDX-License-Identifier: Apache-2.0
//! What all panes of a chart share: the stages of the load, and the times below.

use super::{LEFT, RIGHT, WIDTH, across};
use crate::{
    axis::Axis,
    chart::Chart,
    markup::{Markup, Tenth},
    words,
};

/// Width of a character of the small print, at most.
const CHARACTER: f64 = 6.6;

/// Borders of stages through all panes, and the names that find room above.
pub(super) fn stages(svg: &mut Markup, chart: &Chart, time: &Axis, top: f64, bottom: f64) {
    for stage in &chart.stages {
        let (from, to) = (across(time, stage.from), across(time, stage.to));
        svg.tag("path").class("stage").set("d", border(from, top, bottom)).empty();
        let room = ((to - from - 8.0) / CHARACTER).max(0.0) as usize;
        if room >= 4 {
            let cut = words::beginning(&stage.name, room.saturating_sub(1));
            let is_longer = stage.name.chars().count() > room;
            let name = cut.filter(|_| is_longer).unwrap_or_else(|| stage.name.clone());
            svg.tag("text").class("small name").at("x", from + 4.0).at("y", top + 13.0).text(name);
        }
    }
    if let Some(last) = chart.stages.last() {
        svg.tag("path").class("stage").set("d", border(across(time, last.to), top, bottom)).empty();
    }
}

fn border(x: f64, top: f64, bottom: f64) -> String {
    format!("M{} {}V{}", Tenth(x), Tenth(top), Tenth(bottom))
}

/// The grid of latencies: a line across for each that has a number, and the number at its left. `y` says at which height one lies.
pub(super) fn latencies(svg: &mut Markup, axis: &Axis, y: impl Fn(f64) -> f64) {
    for tick in &axis.ticks {
        let line = format!("M{} {}H{}", Tenth(LEFT), Tenth(y(*tick)), Tenth(WIDTH - RIGHT));
        svg.tag("path").class("grid").set("d", line).empty();
        let text = svg.tag("text").class("small end").at("x", LEFT - 7.0).at("y", y(*tick) + 4.0);
        text.text(words::milliseconds(*tick));
    }
}

/// The times below the last pane.
pub(super) fn times(svg: &mut Markup, time: &Axis, top: f64) {
    for tick in &time.ticks {
        let x = across(time, *tick);
        let text = svg.tag("text").class("small middle").at("x", x).at("y", top + 15.0);
        text.text(words::clock(*tick));
    }
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    let text = svg.tag("text").class("small middle").at("x", middle).at("y", top + 30.0);
    text.text("time since the load began");
}
