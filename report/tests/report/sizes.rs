// SPDX-License-Identifier: Apache-2.0
//! A day at full rate: the report stays small, and what matters is in it.

use upsurge_report::{html, markdown, svg};

use crate::{played, read::Page};

#[test]
fn the_page_of_a_day_is_small_and_loses_no_maximum() {
    let record = played::day();
    let text = html(&record);
    assert!(text.len() < 2 << 20, "{} bytes", text.len());
    let page = Page::of(&text);
    let data = page.data();
    for pane in data["panes"].as_array().unwrap() {
        for line in pane["lines"].as_array().unwrap() {
            let points = line["values"].as_array().unwrap().len();
            assert!(points <= 4_000, "{}: {points}", line["name"]);
        }
    }
    let highest = |pane, line| page.line(pane, line).into_iter().reduce(f64::max).unwrap();
    assert_eq!(highest("latency", 2), 59_999.0, "the worst second");
    assert_eq!(highest("errors", 0), 9_999.0 / 30.0, "the most errors");
    assert_eq!(page.rows("#table-requests").len(), 50);
    assert_eq!(page.rows("#table-pods").len(), 64);
    assert_eq!(page.rows("#table-errors").len(), 50);
    let picture = svg(&record);
    assert!(picture.len() < 300_000, "{} bytes", picture.len());
    assert!(markdown(&record).chars().count() <= 65_536);
}

#[test]
fn the_page_of_a_short_run_is_smaller_than_a_photograph() {
    let length = html(&played::spike()).len();
    assert!(length < 400_000, "{length} bytes");
}

#[test]
fn names_of_any_length_do_not_make_a_comment_too_long() {
    let mut record = played::hostile();
    for request in &mut record.epochs[0].figures.requests {
        request.name = "`|&<".repeat(500);
    }
    record.outcome.message = "<&>".repeat(20_000);
    let text = markdown(&record);
    assert!(text.chars().count() <= 65_536, "{}", text.chars().count());
    assert!(text.contains("the slowest first") && text.trim_end().ends_with(|sign: char| sign != '|'));
}
