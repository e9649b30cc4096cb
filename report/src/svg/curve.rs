// SPDX-License-Identifier: Apache-2.0
//! The whole of a distribution: which time how many percent of the requests did not exceed, with the slowest ones drawn
//! apart ("nines").

use super::{LEFT, RIGHT, WIDTH, frame, path};
use crate::{
    axis::{Axis, Scale},
    chart::Role,
    markup::{Markup, Tenth},
};

/// Height of the picture's inner part.
const HEIGHT: f64 = 200.0;
/// The percentages that have a line.
const PERCENTS: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// A distribution.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// What of.
    pub(crate) name: String,
    /// By which it has its colour.
    pub(crate) role: Role,
    /// Percentages below 100, ascending, with milliseconds.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Draws distributions above one axis.
pub(crate) fn curves(markup: &mut Markup, curves: &[Curve], label: &str) {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let nines = all().map(|(percent, _)| nines(percent)).fold(1.0, f64::max);
    let (low, high) =
        all().fold((f64::MAX, 0.0), |(low, high): (f64, f64), (_, value)| (low.min(value), high.max(value)));
    let scale = if low > 0.0 && high / low > 50.0 { Scale::Log } else { Scale::Linear };
    let axis = Axis::of(scale, all().map(|(_, value)| value), 5);
    let x = |percent: f64| LEFT + (WIDTH - LEFT - RIGHT) * self::nines(percent) / nines;
    let y = |value: f64| 10.0 + HEIGHT * (1.0 - axis.place(value));
    let height = HEIGHT + 10.0 + 34.0;
    let svg = markup.tag("svg").class("chart").set("viewBox", format_args!("0 0 {WIDTH} {height}"));
    svg.set("role", "img").set("aria-label", label).with(|svg| {
        frame::latencies(svg, &axis, y);
        for percent in PERCENTS.into_iter().filter(|percent| self::nines(*percent) <= nines + 1e-9) {
            let line = format!("M{} 10v{HEIGHT}", Tenth(x(percent)));
            svg.tag("path").class("grid").set("d", line).empty();
            let text = svg.tag("text").class("small middle").at("x", x(percent)).at("y", HEIGHT + 25.0);
            text.text(format_args!("{percent}%"));
        }
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        let text = svg.tag("text").class("small middle").at("x", middle).at("y", HEIGHT + 40.0);
        text.text("share of requests that took no longer");
        for (index, curve) in curves.iter().enumerate() {
            let points = curve.points.iter().map(|(percent, value)| (x(*percent), Some(y(*value))));
            let class = format!("line {}", curve.role.class());
            let dashes = (index > 0).then_some("7 4");
            let d = path::line(points, false);
            svg.tag("path").class(&class).set_if("stroke-dasharray", dashes).set("d", d).empty();
            let place = 20.0 + 16.0 * index as f64;
            let left = WIDTH - RIGHT;
            let sample = format!("M{} {}h20", Tenth(left + 6.0), Tenth(place));
            svg.tag("path").class(&class).set_if("stroke-dasharray", dashes).set("d", sample).empty();
            let text = svg.tag("text").class("small").at("x", left + 31.0).at("y", place + 4.0);
            text.text(&curve.name);
        }
    });
}

/// How far out a percentage lies: 90 is 1, 99 is 2, 99.9 is 3.
fn nines(percent: f64) -> f64 {
    -(1.0 - percent.min(99.999_99) / 100.0).log10()
}

/// The percentages that a curve of so many requests shows: no further out than one of them.
pub(crate) fn percents(count: u64) -> Vec<f64> {
    let far = (count.max(2) as f64).log10().min(5.0);
    let steps = (far * 12.0).ceil().max(4.0) as u32;
    (0..=steps).map(|step| 100.0 * (1.0 - 10f64.powf(-far * f64::from(step) / f64::from(steps)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_requests_have_room() {
        assert!((nines(90.0) - 1.0).abs() < 1e-9 && (nines(99.9) - 3.0).abs() < 1e-6 && nines(100.0) <= 7.1);
        let percents = percents(10_000);
        assert!(percents.is_sorted() && percents.first() == Some(&0.0));
        assert!((percents.last().unwrap() - 99.99).abs() < 1e-6, "{percents:?}");
    }
}
