// SPDX-License-Identifier: Apache-2.0
//! Pictures as SVG: without a library, so that themes, escaping and size are ours. Colours come from the style sheet that page
//! and pictures share. A picture of its own carries that sheet.

mod bar;
mod curve;
mod frame;
mod heat;
mod pane;
mod path;
mod scaling;
mod spark;

pub(crate) use self::{
    bar::{Bar, Part, bar},
    curve::{Curve, curves, percents},
    heat::{Cell, Heat, heat},
    scaling::{Law, Mean, Scaling, scaling},
    spark::{evenly, spark},
};
use crate::{
    axis::Axis,
    chart::Chart,
    markup::{Markup, Tenth},
    theme::Theme,
    words,
};

/// Width of a chart, in its own coordinates.
pub(crate) const WIDTH: f64 = 960.0;
/// Room at the left, for the numbers of axes.
pub(crate) const LEFT: f64 = 70.0;
/// Room at the right, for the names of lines.
pub(crate) const RIGHT: f64 = 130.0;
/// Height of the strip for the names of stages.
const STAGES: f64 = 22.0;
/// Height of the numbers below.
const TIMES: f64 = 34.0;

/// Height of a line of the sentence below the title, its characters, and how many lines it may have.
const LINE: f64 = 18.0;
const MOST_CHARACTERS: usize = 118;
const MOST_LINES: usize = 4;

/// The heads of a picture that stands alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// The first line.
    pub(crate) title: &'a str,
    /// What came out, as the name of its colour.
    pub(crate) tone: &'static str,
    /// The next line.
    pub(crate) sentence: &'a str,
    /// The theme whose colours it has; that of its reader if there is none.
    pub(crate) theme: Option<Theme>,
}

/// Draws panes above one another. With a head it is a picture of its own.
pub(crate) fn chart(markup: &mut Markup, chart: &Chart, label: &str, head: Option<Head<'_>>) {
    let sentence = head.map(|head| wrapped(head.sentence)).unwrap_or_default();
    let above = head.map_or(0.0, |_| 44.0 + LINE * sentence.len() as f64);
    let heights: f64 = chart.panes.iter().map(|pane| pane::above(pane) + pane::height(pane)).sum();
    let height = above + STAGES + heights + TIMES;
    let svg = markup.tag("svg").set("viewBox", format_args!("0 0 {WIDTH} {}", Tenth(height)));
    let svg = match head {
        Some(_) => svg.set("xmlns", "http://www.w3.org/2000/svg").set("width", WIDTH).at("height", height),
        None => svg.class("chart"),
    };
    svg.set("role", "img").set("aria-label", label).with(|svg| {
        if let Some(head) = head {
            svg.tag("title").text(label);
            svg.tag("style").with(|style| {
                match head.theme {
                    None => style.source(crate::assets::COLOURS).source(crate::assets::PICTURE),
                    Some(theme) => style.source(theme.sheet()),
                };
            });
            svg.tag("rect").class("ground").set("width", WIDTH).at("height", height).empty();
            write_head(svg, head, &sentence);
        }
        let time = Axis::time(chart.from, chart.to, 8);
        let top = above + STAGES;
        frame::stages(svg, chart, &time, above, height - TIMES);
        let mut y = top;
        for pane in &chart.panes {
            y += pane::above(pane);
            pane::draw(svg, pane, chart, &time, y);
            y += pane::height(pane);
        }
        frame::times(svg, &time, y);
    });
}

fn write_head(svg: &mut Markup, head: Head<'_>, sentence: &[String]) {
    let title = words::beginning(head.title, 90);
    let tone = format!("head {}", head.tone);
    svg.tag("text").class(tone).at("x", 16.0).at("y", 28.0).text(title.as_deref().unwrap_or(head.title));
    for (index, line) in sentence.iter().enumerate() {
        let text = svg.tag("text").class("sentence").at("x", 16.0);
        text.at("y", 50.0 + LINE * index as f64).text(line);
    }
}

/// A sentence as lines that fit, of which the last one says if there is more.
fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in sentence.split_whitespace() {
        let full =
            lines.last().is_some_and(|line| line.chars().count() + word.chars().count() >= MOST_CHARACTERS);
        if full && lines.len() == MOST_LINES {
            if let Some(last) = lines.last_mut() {
                last.push_str(" …");
            }
            break;
        }
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            *line += &words::beginning(word, MOST_CHARACTERS).unwrap_or_else(|| word.to_owned());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Where an instant lies in a chart.
pub(crate) fn across(time: &Axis, second: f64) -> f64 {
    LEFT + time.place(second) * (WIDTH - LEFT - RIGHT)
}

/// How many columns a line has in a chart.
pub(crate) const COLUMNS: usize = (WIDTH - LEFT - RIGHT) as usize / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_has_several_lines_and_says_if_there_is_more() {
        assert_eq!(wrapped("12 requests, all well"), ["12 requests, all well"]);
        let lines = wrapped(&"word ".repeat(200));
        assert_eq!(lines.len(), MOST_LINES);
        assert!(lines.iter().all(|line| line.chars().count() <= MOST_CHARACTERS + 2));
        assert!(lines[MOST_LINES - 1].ends_with(" …") && !lines[0].contains('…'));
        assert_eq!(wrapped(""), [""; 0]);
        assert!(wrapped(&"x".repeat(2_000)).iter().all(|line| line.chars().count() <= MOST_CHARACTERS + 1));
    }
}
