// SPDX-License-Identifier: Apache-2.0
//! What people have noted about the run since: a fault that it showed, what was done about that.

use super::Page;
use crate::markup::Markup;

pub(super) fn shows(page: &Page<'_>) -> bool {
    !page.record.notes.is_empty()
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    html.tag("ul").set("id", "noted").with(|html| {
        for note in &page.record.notes {
            html.tag("li").with(|html| {
                let time = note.time.strftime("%Y-%m-%d %H:%M:%S UTC");
                html.tag("time").set("datetime", note.time).text(time);
                html.text(" ");
                html.tag("bdi").text(&note.text);
            });
        }
    });
}
