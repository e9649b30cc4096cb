// SPDX-License-Identifier: Apache-2.0
//! The autoscaling story on one time axis: as a picture for everybody, and as charts with a linked cursor where the page's script
//! runs. Behind it the same as tables, and everything that happened as a list.

use super::{Page, parts};
use crate::{
    chart::{Chart, Mark, MarkKind},
    markup::Markup,
    story::MOST_WORKLOADS,
    svg, words,
};

/// Most rows of the list of events.
const MOST_EVENTS: usize = 300;

pub(super) fn shows(_: &Page<'_>) -> bool {
    true
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let chart = &page.chart;
    if chart.panes.is_empty() {
        html.tag("p").text("Nothing was measured over time.");
        return;
    }
    for pane in &chart.panes {
        if !pane.finding.is_empty() {
            html.tag("p").with(|html| {
                html.tag("strong").text(format_args!("{}: ", pane.title));
                html.text(&pane.finding);
            });
        }
    }
    let workloads = page.record.workloads.len();
    if workloads > MOST_WORKLOADS {
        html.tag("p").class("note").text(format_args!(
            "The charts show the first {MOST_WORKLOADS} of {workloads} workloads; the tables have all of them."
        ));
    }
    html.tag("figure").set("aria-label", "The run on one time axis").with(|html| {
        html.tag("div").class("still").with(|html| {
            let scroll = html.tag("div").class("scroll").set("role", "region").set("tabindex", 0);
            scroll.set("aria-label", "Picture of the run").with(|html| {
                svg::chart(html, chart, &in_words(chart), None);
            });
        });
        live(chart, html);
        html.tag("figcaption").class("faint").text(
            "Dotted vertical lines are borders of stages. ▲ more replicas were asked for, ▼ fewer, ✗ something went wrong: the list \
             of events says what.",
        );
    });
    for pane in &chart.panes {
        parts::behind(html, pane);
    }
    events(chart, html);
}

/// What the picture shows, for whoever doesn't see it.
fn in_words(chart: &Chart) -> String {
    let findings: Vec<&str> =
        chart.panes.iter().map(|pane| pane.finding.as_str()).filter(|finding| !finding.is_empty()).collect();
    format!("Chart of {} over time. {}", words::duration(chart.to - chart.from), findings.join(" "))
}

/// Where the page's script draws. It is not shown without it.
fn live(chart: &Chart, html: &mut Markup) {
    html.tag("div").class("panes").with(|html| {
        html.tag("div").class("tools").with(|html| {
            for (id, title) in [("zoom-in", "Zoom in"), ("zoom-out", "Zoom out"), ("zoom-all", "Whole run")] {
                html.tag("button").set("type", "button").set("id", id).text(title);
            }
            html.tag("span").class("faint").text(
                "Drag over a chart to zoom in, double-click for the whole run. By keyboard: ← → move the cursor, + and − zoom, Escape \
                 shows all.",
            );
        });
        html.tag("p").class("readout").set("id", "readout").set("aria-live", "off").text("");
        let holder = html.tag("div").set("id", "panes").set("tabindex", 0).set("role", "application");
        holder.set("aria-label", "Charts of the run: left and right arrow move the cursor").with(|html| {
            for pane in &chart.panes {
                html.tag("div").class("pane").with(|html| {
                    html.tag("h3").text(&pane.title);
                    html.tag("ul").class("keys").with(|html| {
                        for (index, line) in pane.lines.iter().enumerate() {
                            html.tag("li").with(|html| {
                                parts::sample(html, line);
                                html.text(&line.name);
                                let id = format!("value-{}-{index}", pane.id);
                                let label = format!("{}, {}", pane.title, line.name);
                                // It would speak of each move of a pointer: the line above all charts does, when it is by key.
                                let output = html.tag("output").set("id", id).set("aria-live", "off");
                                output.set("aria-label", label).text("");
                            });
                        }
                    });
                    html.tag("div").set("id", format_args!("pane-{}", pane.id)).text("");
                });
            }
        });
    });
}

/// Everything that happened. Of very many the lives of pods give way first.
fn events(chart: &Chart, html: &mut Markup) {
    if chart.marks.is_empty() {
        return;
    }
    let of_pods = |mark: &Mark| mark.text.starts_with("pod ") && mark.kind != MarkKind::Bad;
    let others = chart.marks.iter().filter(|mark| !of_pods(mark)).count();
    let mut room_for_pods = MOST_EVENTS.saturating_sub(others);
    let mut shown: Vec<&Mark> = Vec::new();
    for mark in &chart.marks {
        let has_room = if of_pods(mark) {
            let has = room_for_pods > 0;
            room_for_pods = room_for_pods.saturating_sub(1);
            has
        } else {
            true
        };
        if has_room && shown.len() < MOST_EVENTS {
            shown.push(mark);
        }
    }
    let all = chart.marks.len();
    let caption = if shown.len() < all {
        format!("{} of {all} events; the record has all of them", shown.len())
    } else {
        words::counted(all as u64, "event", "events")
    };
    parts::folded(html, format_args!("List: {caption}"), |html| {
        let columns = [parts::text("time"), parts::text("kind"), parts::text("what happened")];
        parts::table(html, &caption, parts::Order::Fixed, &columns, |html| {
            for mark in shown {
                parts::row(html, |html| {
                    html.tag("td").text(words::clock(mark.at));
                    html.tag("td").with(|html| {
                        html.tag("span").set("aria-hidden", "true").text(mark.kind.sign());
                        html.text(" ").text(kind(mark.kind));
                    });
                    parts::cell(html, &mark.text);
                });
            }
        });
    });
}

const fn kind(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Up => "more replicas",
        MarkKind::Down => "fewer replicas",
        MarkKind::Good => "well",
        MarkKind::Bad => "wrong",
        MarkKind::Other => "note",
    }
}
