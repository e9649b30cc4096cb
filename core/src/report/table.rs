// SPDX-License-Identifier: Apache-2.0
//! Tables of figures that fit a terminal of 80 columns, whatever the names and figures are.
//!
//! Columns are as wide as what is in them. A name that finds no room beside its figures has a line of its own above
//! them, so that nothing of it is lost.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr as _;

use super::canvas::{Canvas, Ink};

/// Columns of a terminal that everybody has.
pub(super) const WIDTH: usize = 80;

/// A figure in a table.
#[derive(Debug)]
pub(super) struct Cell {
    text: String,
    ink: Option<Ink>,
}

impl Cell {
    /// A figure as it is.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ink: None }
    }

    /// A figure in a colour.
    pub(super) fn inked(text: impl Into<String>, ink: Option<Ink>) -> Self {
        Self { text: text.into(), ink }
    }
}

/// A table: a name and figures in each row.
#[derive(Debug)]
pub(super) struct Table {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    /// Without any it is the head of the rows that follow.
    cells: Vec<Cell>,
}

impl Table {
    /// An empty table.
    pub(super) fn new<const N: usize>(title: &'static str, columns: [&'static str; N]) -> Self {
        Self { title, columns: columns.into(), rows: Vec::new() }
    }

    /// Adds the head of the rows that follow.
    pub(super) fn head(&mut self, name: &str) {
        self.rows.push(Row { name: name.into(), cells: Vec::new() });
    }

    /// Adds a row.
    pub(super) fn row(&mut self, name: impl Into<String>, cells: Vec<Cell>) {
        self.rows.push(Row { name: name.into(), cells });
    }

    /// Writes the table.
    pub(super) fn write(&self, canvas: &mut Canvas) -> fmt::Result {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, title)| {
                let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
                cells.map(|cell| cell.text.width()).chain([title.width()]).max().unwrap_or_default()
            })
            .collect();
        let (figures, count) = (widths.iter().sum::<usize>(), widths.len());
        let room = |gap: usize| WIDTH.saturating_sub(figures + gap * count);
        let names = self.rows.iter().filter(|row| !row.cells.is_empty()).map(|row| row.name.width());
        let names: Vec<usize> = names.chain([self.title.width()]).collect();
        // Names come before air.
        let gap = if names.iter().all(|width| *width <= room(2)) { 2 } else { 1 };
        let names = names.into_iter().filter(|width| *width <= room(gap)).max().unwrap_or_default();

        let line = |canvas: &mut Canvas, name: &str, ink: Option<Ink>, cells: &[Cell]| {
            let pad = |width: usize, text: &str| " ".repeat(width.saturating_sub(text.width()));
            inked(canvas, ink, name)?;
            let mut ahead = pad(names, name);
            if name.width() > names {
                writeln!(canvas)?;
                ahead = " ".repeat(names);
            }
            canvas.write_str(&ahead)?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(canvas, "{}{}", " ".repeat(gap), pad(*width, &cell.text))?;
                inked(canvas, cell.ink, &cell.text)?;
            }
            writeln!(canvas)
        };
        let heads: Vec<Cell> =
            self.columns.iter().map(|title| Cell::inked(*title, Some(Ink::Faint))).collect();
        line(canvas, self.title, Some(Ink::Heading), &heads)?;
        for row in &self.rows {
            match row.cells.as_slice() {
                [] => canvas.heading(&row.name)?,
                cells => line(canvas, &row.name, None, cells)?,
            }
        }
        writeln!(canvas)
    }
}

fn inked(canvas: &mut Canvas, ink: Option<Ink>, text: &str) -> fmt::Result {
    match ink {
        Some(ink) if !text.is_empty() => canvas.ink(ink, text),
        _ => canvas.write_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::canvas::Colours, *};

    fn table(names: &[&str], figure: &str) -> String {
        let columns = ["requests", "per s", "errors", "p50", "p95", "p99", "max"];
        let mut table = Table::new("", columns);
        table.head("stages");
        for name in names {
            table.row(*name, columns.iter().map(|_| Cell::plain(figure)).collect());
        }
        Canvas::filled(Colours::Off, |canvas| table.write(canvas))
    }

    #[test]
    fn figures_stand_in_columns_as_wide_as_they_need() {
        let text = table(&["  low", "  in the middle"], "12.5ms");
        assert_eq!(
            text,
            "                 requests   per s  errors     p50     p95     p99     max\n\
             stages\n\
             \u{20} low              12.5ms  12.5ms  12.5ms  12.5ms  12.5ms  12.5ms  12.5ms\n\
             \u{20} in the middle    12.5ms  12.5ms  12.5ms  12.5ms  12.5ms  12.5ms  12.5ms\n\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_no_name_is_cut() {
        let long = "  GET /api/v1/orders/{{ iteration }}/items?of=everything";
        for figure in ["1", "182.4ms", "3600000ms"] {
            let text = table(&["  ab", "  支払いを済ませてから待つ", long], figure);
            let wide: Vec<&str> = text.lines().filter(|line| line.width() > WIDTH).collect();
            assert!(wide.is_empty(), "{wide:?}");
            assert!(text.contains(long) && text.contains("  支払いを済ませてから待つ"), "{text}");
        }
        let text = table(&["  ab", long], "182.4ms");
        let line = text.lines().find(|line| line.contains("GET")).unwrap();
        assert_eq!(line, long, "its figures are on the next line");
    }
}
