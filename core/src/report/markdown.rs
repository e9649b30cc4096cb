// SPDX-License-Identifier: Apache-2.0
//! The operations of a benchmark as Markdown, for a comment on a change or a page.

use super::{Report, operations::shown, printable};

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = format!("## {}\n\n{}\n", escaped(report.name), escaped(&report.outcome.headline()));
    if !report.operations.is_empty() {
        text += "\n| operation | samples | failed | min | mean | median | p95 | p99 | max |\n";
        text += "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n";
        for measured in report.operations {
            let times = measured.all().map(shown).join(" | ");
            let (name, samples) = (escaped(&measured.name), measured.samples());
            text += &format!("| {name} | {samples} | {} | {times} |\n", measured.failures);
        }
    }
    if !report.thresholds.is_empty() {
        text += "\n| limit | observed | held |\n|---|--:|---|\n";
        for threshold in report.thresholds {
            let held = match threshold {
                _ if threshold.passed => "yes",
                _ if threshold.undecided => "not known",
                _ => "**no**",
            };
            let limit = escaped(&format!("{} {}", threshold.metric, threshold.condition));
            text += &format!("| {limit} | {} | {held} |\n", escaped(&threshold.observed));
        }
    }
    printable(text)
}

/// A text in which nothing is taken for Markdown, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' | '&' => escaped.extend(['\\', sign]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_out_of_its_cell() {
        assert_eq!(escaped("a|b\n`c` <d>"), "a\\|b \\`c\\` \\<d\\>");
    }
}
