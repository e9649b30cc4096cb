// SPDX-License-Identifier: Apache-2.0
//! The main chart of a run as a picture of its own, for places that show no page.

use upsurge_record::model::Record;

use crate::{
    markup::Markup,
    story,
    svg::{self, Head},
    verdict,
};

/// The main chart of a run as an SVG document, with its verdict on top.
pub fn svg(record: &Record) -> String {
    let chart = story::story(record);
    let outcome = &record.outcome;
    let title =
        format!("{} {}: {}", verdict::sign(outcome.verdict), verdict::word(outcome.verdict), record.run.name);
    let head = Head { title: &title, tone: verdict::tone(outcome.verdict), sentence: &outcome.message };
    Markup::written(|markup| {
        svg::chart(markup, &chart, &format!("{title}. {}", outcome.message), Some(head));
        markup.source("\n");
    })
}
