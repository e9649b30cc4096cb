// SPDX-License-Identifier: Apache-2.0
//! The report as one HTML file: it loads nothing, and text, tables and pictures are in it as they are. Its script adds what moves. One
//! file of this folder for each block, in the order in which people ask: what came out and what to do, what happened, why, and whether it can
//! be trusted.

mod environment;
mod errors;
mod findings;
mod generator;
mod judged;
mod latency;
mod methods;
mod notes;
mod parts;
mod pods;
mod requests;
mod scale_ups;
mod story;
mod verdict;

use upsurge_record::model::{Epoch, Record};

use crate::{
    assets::{SCRIPT, STYLE, passport},
    chart::Chart,
    data,
    markup::Markup,
    verdict as word,
};

/// What blocks are made of.
#[derive(Debug)]
struct Page<'a> {
    record: &'a Record,
    /// The load whose figures are those of the run.
    shown: Option<&'a Epoch>,
    chart: Chart,
}

/// A block with a heading.
struct Section {
    id: &'static str,
    title: &'static str,
    shows: fn(&Page<'_>) -> bool,
    write: fn(&Page<'_>, &mut Markup),
}

/// All blocks below the verdict, in their order.
const SECTIONS: [Section; 12] = [
    Section { id: "notes", title: "Notes", shows: notes::shows, write: notes::write },
    Section { id: "story", title: "What happened", shows: story::shows, write: story::write },
    Section { id: "scale-ups", title: "Scale-ups", shows: scale_ups::shows, write: scale_ups::write },
    Section {
        id: "judged",
        title: "Thresholds and expectations",
        shows: judged::shows,
        write: judged::write,
    },
    Section { id: "findings", title: "Findings", shows: findings::shows, write: findings::write },
    Section { id: "latency", title: "Latency", shows: latency::shows, write: latency::write },
    Section { id: "errors", title: "Errors", shows: errors::shows, write: errors::write },
    Section { id: "requests", title: "Requests and stages", shows: requests::shows, write: requests::write },
    Section { id: "pods", title: "Pods", shows: pods::shows, write: pods::write },
    Section { id: "data", title: "Is the data sound?", shows: |_| true, write: generator::write },
    Section { id: "environment", title: "Environment and spec", shows: |_| true, write: environment::write },
    Section { id: "methods", title: "How figures are computed", shows: |_| true, write: methods::write },
];

/// The report of a run as an HTML page.
pub fn html(record: &Record) -> String {
    let page = Page { record, shown: record.shown(), chart: crate::story::story(record) };
    Markup::written(|html| {
        html.source("<!DOCTYPE html>\n");
        html.tag("html").set("lang", "en").with(|html| {
            html.tag("head").with(|html| head(&page, html));
            html.source("\n");
            html.tag("body").with(|html| body(&page, html));
        });
        html.source("\n");
    })
}

fn head(page: &Page<'_>, html: &mut Markup) {
    html.tag("meta").set("charset", "utf-8").empty();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        passport(SCRIPT),
        passport(STYLE)
    );
    html.tag("meta").set("http-equiv", "Content-Security-Policy").set("content", policy).empty();
    html.tag("meta").set("name", "viewport").set("content", "width=device-width, initial-scale=1").empty();
    html.tag("meta").set("name", "color-scheme").set("content", "light dark").empty();
    // A browser would ask for one otherwise.
    html.tag("link").set("rel", "icon").set("href", "data:,").empty();
    let verdict = word::word(page.record.outcome.verdict);
    html.tag("title").text(format_args!("{verdict}: {} – Upsurge", page.record.run.name));
    html.tag("style").with(|html| {
        html.source(STYLE);
    });
}

fn body(page: &Page<'_>, html: &mut Markup) {
    html.tag("a").class("skip").set("href", "#main").text("To the report");
    verdict::write(page, html);
    let shown = || SECTIONS.iter().filter(|section| (section.shows)(page));
    html.tag("nav").set("aria-label", "Blocks of the report").with(|html| {
        html.tag("ul").with(|html| {
            for section in shown() {
                html.tag("li").with(|html| {
                    html.tag("a").set("href", format_args!("#{}", section.id)).text(section.title);
                });
            }
        });
    });
    html.tag("main").set("id", "main").with(|html| {
        for section in shown() {
            html.source("\n");
            let heading = format!("{}-heading", section.id);
            let tag = html.tag("section").set("id", section.id).set("aria-labelledby", &heading);
            tag.with(|html| {
                html.tag("h2").set("id", &heading).text(section.title);
                (section.write)(page, html);
            });
        }
    });
    if !page.chart.panes.is_empty() {
        html.tag("script").set("type", "application/json").set("id", "chart-data").with(|html| {
            // Letters, digits and signs of base64 in quotation marks, which escaping would spoil.
            html.packed(&data::packed(&page.chart));
        });
    }
    html.tag("script").with(|html| {
        html.source(SCRIPT);
    });
}
