// SPDX-License-Identifier: Apache-2.0
//! The main chart of a run as a picture of its own, for places that show no page.

use upsurge_record::model::Record;

use crate::{
    markup::Markup,
    story,
    svg::{self, Head},
    theme::Theme,
    verdict,
};

/// The main chart of a run as an SVG document, with its verdict on top, in the colours of the reader's theme.
pub fn svg(record: &Record) -> String {
    drawn(record, None)
}

/// The same in the colours of one theme, whoever reads it.
pub fn svg_in(record: &Record, theme: Theme) -> String {
    drawn(record, Some(theme))
}

fn drawn(record: &Record, theme: Option<Theme>) -> String {
    let chart = story::story(record);
    let outcome = &record.outcome;
    let title =
        format!("{} {}: {}", verdict::sign(outcome.verdict), verdict::word(outcome.verdict), record.run.name);
    let tone = verdict::tone(outcome.verdict);
    let head = Head { title: &title, tone, sentence: &outcome.message, theme };
    Markup::written(|markup| {
        svg::chart(markup, &chart, &format!("{title}. {}", outcome.message), Some(head));
        markup.source("\n");
    })
}
