// SPDX-License-Identifier: Apache-2.0
//! A bar of the parts of a time, one after the other. What it shows stands in words beside it.

use crate::{markup::Markup, words};

/// Width of the longest bar.
const WIDTH: f64 = 320.0;
/// Height of each.
const HEIGHT: f64 = 18.0;

/// The parts of a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bar {
    /// Those that are known, in their order.
    pub(crate) parts: Vec<Part>,
}

/// A part of a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Name of its colour.
    pub(crate) class: &'static str,
    /// What it is, in words.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl Bar {
    /// All parts together.
    pub(crate) fn seconds(&self) -> f64 {
        self.parts.iter().map(|part| part.seconds).sum()
    }
}

/// Draws a bar beside which the longest of all is `longest` seconds long.
pub(crate) fn bar(markup: &mut Markup, bar: &Bar, longest: f64) {
    let scale = if longest > 0.0 { WIDTH / longest } else { 0.0 };
    let told: Vec<String> =
        bar.parts.iter().map(|part| format!("{} {}", part.name, words::duration(part.seconds))).collect();
    let svg = markup.tag("svg").class("bar").set("viewBox", format_args!("0 0 {WIDTH} {HEIGHT}"));
    svg.set("role", "img").set("aria-label", told.join(", ")).with(|svg| {
        let mut x = 0.0;
        for part in &bar.parts {
            let width = part.seconds * scale;
            let rect = svg.tag("rect").class(format_args!("part {}", part.class));
            let rect = rect.at("x", x).set("y", 1).at("width", width.max(0.5)).at("height", HEIGHT - 2.0);
            rect.with(|rect| {
                rect.tag("title").text(format_args!("{}: {}", part.name, words::duration(part.seconds)));
            });
            let label = words::duration(part.seconds);
            if width > 7.0 * label.chars().count() as f64 {
                let text = svg.tag("text").class("inside middle").at("x", x + width / 2.0);
                text.at("y", HEIGHT - 5.0).text(label);
            }
            x += width;
        }
    });
}
