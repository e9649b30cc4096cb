// SPDX-License-Identifier: Apache-2.0
//! What many blocks need: tables, names of any length, findings, keys of lines.

use std::fmt::Display;

use crate::{
    chart::{Line, Pane},
    markup::Markup,
    thin,
    verdict::Kept,
    words,
};

/// Longest name that is shown whole at once.
const LONGEST: usize = 120;
/// Most rows of the table behind a chart.
const MOST_ROWS: usize = 60;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    title: &'static str,
    is_number: bool,
}

/// A column of text.
pub(super) const fn text(title: &'static str) -> Column {
    Column { title, is_number: false }
}

/// A column of numbers.
pub(super) const fn number(title: &'static str) -> Column {
    Column { title, is_number: true }
}

/// Whether the page's script may sort a table, and by which name it knows it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// As it is.
    Fixed,
    /// It may be sorted.
    Sortable(&'static str),
}

/// A table; wider ones than the window scroll by themselves, also by keyboard.
pub(super) fn table(
    html: &mut Markup,
    caption: impl Display + Copy,
    order: Order,
    columns: &[Column],
    rows: impl FnOnce(&mut Markup),
) {
    let scroll = html.tag("div").class("scroll").set("role", "region").set("tabindex", 0);
    scroll.set("aria-label", caption).with(|html| {
        let table = html.tag("table");
        let table = match order {
            Order::Fixed => table,
            Order::Sortable(id) => table.class("sortable").set("id", id),
        };
        table.with(|html| {
            html.tag("caption").text(caption);
            html.tag("thead").with(|html| {
                html.tag("tr").with(|html| {
                    for column in columns {
                        let class = column.is_number.then_some("number");
                        html.tag("th").set("scope", "col").set_if("class", class).text(column.title);
                    }
                });
            });
            html.tag("tbody").with(rows);
        });
    });
}

/// A row.
pub(super) fn row(html: &mut Markup, cells: impl FnOnce(&mut Markup)) {
    html.tag("tr").with(cells);
}

/// The head of a row: a name of somebody else, of any length and in any script.
pub(super) fn head(html: &mut Markup, text: &str) {
    html.tag("th").set("scope", "row").class("name").with(|html| name(html, text));
}

/// A name in running text or in a cell. What is very long can be unfolded.
pub(super) fn name(html: &mut Markup, text: &str) {
    match words::beginning(text, LONGEST) {
        None => {
            html.tag("bdi").text(text);
        }
        Some(beginning) => {
            html.tag("details").class("long").with(|html| {
                html.tag("summary").with(|html| {
                    html.tag("bdi").text(beginning);
                });
                html.tag("bdi").text(text);
            });
        }
    }
}

/// A name within a sentence or a heading: its beginning, if it is very long.
pub(super) fn mention(html: &mut Markup, text: &str) {
    html.tag("bdi").text(words::beginning(text, LONGEST).as_deref().unwrap_or(text));
}

/// A cell of text.
pub(super) fn cell(html: &mut Markup, text: &str) {
    html.tag("td").class("text").with(|html| name(html, text));
}

/// A cell of a figure, as the run's status tells it.
pub(super) fn figure(html: &mut Markup, text: &str) {
    let value = value(text).map_or_else(String::new, |value| value.to_string());
    html.tag("td").class("number").set("data-value", value).text(if text.is_empty() { "–" } else { text });
}

/// A cell of a figure that may be absent.
pub(super) fn figure_if(html: &mut Markup, text: Option<&String>) {
    figure(html, text.map(String::as_str).unwrap_or_default());
}

/// A cell of a count.
pub(super) fn count(html: &mut Markup, count: i64) {
    let sign = if count < 0 { "−" } else { "" };
    let text = format!("{sign}{}", words::grouped(count.unsigned_abs()));
    html.tag("td").class("number").set("data-value", count).text(text);
}

/// A cell that says whether something held.
pub(super) fn kept(html: &mut Markup, kept: Kept) {
    html.tag("td").class(kept.class()).with(|html| {
        html.tag("span").set("aria-hidden", "true").text(kept.sign());
        html.text(" ").text(kept.word());
    });
}

/// The number at the begin of a figure, with bytes and times in one unit, so that a column can be sorted.
pub(super) fn value(text: &str) -> Option<f64> {
    let end =
        text.find(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '.' | '-'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim() {
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "s" => 1000.0,
        _ => 1.0,
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

/// A part that is folded until somebody wants to see it.
pub(super) fn folded(html: &mut Markup, title: impl Display, content: impl FnOnce(&mut Markup)) {
    html.tag("details").with(|html| {
        html.tag("summary").text(title);
        content(html);
    });
}

/// A sample of a line, as it looks in charts.
pub(super) fn sample(html: &mut Markup, line: &Line) {
    let dashes = line.role.dashes();
    let dashes: Vec<String> = dashes.iter().map(ToString::to_string).collect();
    let svg = html.tag("svg").class("key").set("viewBox", "0 0 30 12").set("aria-hidden", "true");
    svg.with(|svg| {
        let path = svg.tag("path").class(format_args!("line {}", line.role.class())).set("d", "M0 6H30");
        path.set_if("stroke-dasharray", (!dashes.is_empty()).then(|| dashes.join(" "))).empty();
    });
}

/// The table behind a chart, for whoever doesn't see it: as many rows as can be read, with the highest and lowest values.
pub(super) fn behind(html: &mut Markup, pane: &Pane) {
    let lines: Vec<&[Option<f64>]> = pane.lines.iter().map(|line| line.values.as_slice()).collect();
    let kept = thin::kept(&pane.seconds, &lines, MOST_ROWS);
    let caption = format!("{}, {} of {} points", pane.title, kept.len(), pane.seconds.len());
    folded(html, format_args!("Table: {}", pane.title), |html| {
        let scroll = html.tag("div").class("scroll").set("role", "region").set("tabindex", 0);
        scroll.set("aria-label", &caption).with(|html| {
            html.tag("table").with(|html| {
                html.tag("caption").text(&caption);
                html.tag("thead").with(|html| {
                    html.tag("tr").with(|html| {
                        html.tag("th").set("scope", "col").text("time");
                        for line in &pane.lines {
                            html.tag("th").set("scope", "col").class("number").text(&line.name);
                        }
                    });
                });
                html.tag("tbody").with(|html| {
                    for index in kept {
                        points(html, pane, index);
                    }
                });
            });
        });
    });
}

fn points(html: &mut Markup, pane: &Pane, index: usize) {
    let Some(second) = pane.seconds.get(index) else { return };
    row(html, |html| {
        html.tag("th").set("scope", "row").class("name").text(words::clock(*second));
        for line in &pane.lines {
            let value = line.values.get(index).copied().flatten();
            let text = value.map_or_else(|| "–".to_owned(), |value| pane.unit.value(value));
            html.tag("td").class("number").text(text);
        }
    });
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("182.4ms", Some(182.4))]
    #[case("15.2s", Some(15_200.0))]
    #[case("0.13%", Some(0.13))]
    #[case("118 MiB", Some(118.0 * 1024.0 * 1024.0))]
    #[case("-3%", Some(-3.0))]
    #[case("no data", None)]
    #[case("", None)]
    fn figures_are_sorted_by_what_they_say(#[case] text: &str, #[case] number: Option<f64>) {
        assert_eq!(value(text), number);
    }

    #[test]
    fn a_very_long_name_can_be_unfolded_and_nothing_of_it_is_lost() {
        let long = "ñ".repeat(2_000);
        let written = Markup::written(|html| name(html, &long));
        assert!(written.contains(&long) && written.contains("<summary>"));
        assert_eq!(Markup::written(|html| name(html, "a")), "<bdi>a</bdi>");
    }
}
