// SPDX-License-Identifier: Apache-2.0
//! Thresholds and expectations with what was observed, worst first; then the checks of responses.

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{
    judged::{Judged, judged},
    markup::Markup,
    verdict::Kept,
    words,
};

pub(super) fn shows(_: &Page<'_>) -> bool {
    true
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let all = judged(page.record);
    if all.is_empty() {
        html.tag("p").text("The test asks for nothing: it has no threshold and no expectation.");
    } else {
        let count = |kept: Kept| all.iter().filter(|one| one.kept == kept).count();
        let (held, unknown) = (count(Kept::Yes), count(Kept::Unknown));
        let unknown = if unknown > 0 { format!("; {unknown} can't be told") } else { String::new() };
        html.tag("p").text(format_args!("{held} of {} held{unknown}.", all.len()));
        table(&all, html);
    }
    checks(page, html);
}

fn table(all: &[Judged], html: &mut Markup) {
    let columns = [
        text("what"),
        text("of"),
        text("asked for"),
        number("observed"),
        number("margin"),
        text("result"),
        text("more"),
    ];
    parts::table(
        html,
        "What was asked for, worst first",
        Order::Sortable("table-judged"),
        &columns,
        |html| {
            for one in all {
                parts::row(html, |html| {
                    parts::head(html, &one.what);
                    html.tag("td").text(one.kind);
                    parts::cell(html, &one.asked);
                    parts::figure(html, &one.observed);
                    let margin = one.margin.map_or_else(String::new, |margin| margin.to_string());
                    html.tag("td").class("number").set("data-value", margin).text(one.margin_in_words());
                    parts::kept(html, one.kept);
                    parts::cell(html, &one.detail);
                });
            }
        },
    );
}

/// Checks of responses; those that failed come first.
fn checks(page: &Page<'_>, html: &mut Markup) {
    let mut checks: Vec<_> = page.shown.into_iter().flat_map(|epoch| &epoch.figures.checks).collect();
    if checks.is_empty() {
        return;
    }
    checks.sort_by_key(|check| std::cmp::Reverse(check.fails));
    let failing = checks.iter().filter(|check| check.fails > 0).count();
    html.tag("h3").text("Checks of responses");
    html.tag("p").text(match failing {
        0 => "All of them held every time.".to_owned(),
        _ => format!(
            "{failing} of {} did not hold every time.",
            words::counted(checks.len() as u64, "check", "checks")
        ),
    });
    let columns = [text("check"), text("request"), number("held"), number("did not hold")];
    parts::table(html, "Checks", Order::Sortable("table-checks"), &columns, |html| {
        for check in checks {
            parts::row(html, |html| {
                parts::head(html, &check.name);
                parts::cell(html, &check.request);
                parts::count(html, check.passes);
                parts::count(html, check.fails);
            });
        }
    });
}
