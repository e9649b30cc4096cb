// SPDX-License-Identifier: Apache-2.0
//! How long requests took over time: for each stretch of time and each range of latency how many there were, told by how
//! strong the colour is. Cells of equal strength are one path, so that some thousands of them stay small.

use std::fmt::Write as _;

use super::{RIGHT, WIDTH, across, frame};
use crate::{
    axis::{Axis, Scale},
    markup::{Markup, Tenth},
    words,
};

/// How many strengths there are.
const HEAT_LEVELS: usize = 6;
/// Height of the map.
const HEIGHT: f64 = 200.0;

/// The map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heat {
    /// Its cells.
    pub(crate) cells: Vec<Cell>,
    /// The end of the time that is shown.
    pub(crate) to: f64,
}

/// A cell of the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cell {
    /// From when to when, in seconds.
    pub(crate) time: (f64, f64),
    /// From which latency to which, in milliseconds.
    pub(crate) latency: (f64, f64),
    /// How many requests.
    pub(crate) count: u64,
}

/// Draws it.
pub(crate) fn heat(markup: &mut Markup, heat: &Heat, label: &str) {
    let ends = heat.cells.iter().flat_map(|cell| [cell.latency.0, cell.latency.1]);
    let axis = Axis::of(Scale::Log, ends, 5);
    let time = Axis::time(0.0, heat.to, 8);
    let y = |value: f64| 10.0 + HEIGHT * (1.0 - axis.place(value));
    let most = heat.cells.iter().map(|cell| cell.count).max().unwrap_or_default();
    let mut paths: [String; HEAT_LEVELS] = Default::default();
    for cell in &heat.cells {
        let (left, right) = (across(&time, cell.time.0), across(&time, cell.time.1));
        let (bottom, top) = (y(cell.latency.0), y(cell.latency.1));
        let Some(path) = paths.get_mut(level(cell.count, most)) else { continue };
        let (width, height) = (Tenth(right - left), Tenth(bottom - top));
        // Writing to a text can't fail.
        let _ = write!(path, "M{} {}h{width}v{height}h-{width}z", Tenth(left), Tenth(top));
    }
    let height = HEIGHT + 10.0 + 34.0;
    let svg = markup.tag("svg").class("chart").set("viewBox", format_args!("0 0 {WIDTH} {height}"));
    svg.set("role", "img").set("aria-label", label).with(|svg| {
        frame::latencies(svg, &axis, y);
        for (level, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            svg.tag("path").class(format_args!("heat heat{level}")).set("d", path).empty();
        }
        key(svg, most);
        frame::times(svg, &time, HEIGHT + 10.0);
    });
}

/// What the strengths mean, at the right.
fn key(svg: &mut Markup, most: u64) {
    let x = WIDTH - RIGHT + 14.0;
    svg.tag("text").class("small").at("x", x).at("y", 20.0).text("requests");
    for level in 0..HEAT_LEVELS {
        let y = 28.0 + 18.0 * (HEAT_LEVELS - 1 - level) as f64;
        let rect = svg.tag("rect").class(format_args!("heat heat{level}")).at("x", x).at("y", y);
        rect.set("width", 14).set("height", 14).empty();
        let text = svg.tag("text").class("small").at("x", x + 20.0).at("y", y + 11.0);
        text.text(format_args!("≥ {}", words::grouped(least(level, most))));
    }
}

/// How strong a count is beside the highest: by its logarithm, so that a few slow ones among many thousands show.
fn level(count: u64, most: u64) -> usize {
    (0..HEAT_LEVELS).rev().find(|level| count >= least(*level, most)).unwrap_or_default()
}

/// The lowest count of a strength.
fn least(level: usize, most: u64) -> u64 {
    let share = level as f64 / HEAT_LEVELS as f64;
    ((most as f64).powf(share).ceil() as u64).max(1 + level as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_among_a_million_has_a_colour_of_its_own() {
        assert_eq!((level(1, 1_000_000), level(1_000_000, 1_000_000)), (0, HEAT_LEVELS - 1));
        assert_eq!((level(100, 1_000_000), level(99, 1_000_000)), (2, 1));
    }

    #[test]
    fn each_strength_says_from_which_count_on_it_is() {
        for most in [1, 2, 7, 1_000, 86_400_000] {
            let bounds: Vec<u64> = (0..HEAT_LEVELS).map(|level| least(level, most)).collect();
            assert!(bounds.is_sorted_by(|one, next| one < next), "{most}: {bounds:?}");
            assert!((1..=most.min(500)).all(|count| least(level(count, most), most) <= count), "{most}");
        }
    }
}
