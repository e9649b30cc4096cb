// SPDX-License-Identifier: Apache-2.0
//! How the page looks: content, no complaint, no request, in both themes, on a phone, in print and without its script.

use std::{env, fs};

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_record::model::Record;
use upsurge_report::{html, svg};

use super::{chromium::Chromium, played};

#[rstest]
#[case::spike("spike", played::spike())]
#[case::day("day", played::day())]
#[case::search("search", played::search())]
#[case::scalability("scalability", played::scalability())]
#[case::sizes("sizes", played::sizes())]
#[case::hostile("hostile", played::hostile())]
#[case::one_request("one-request", played::one_request())]
#[case::aborted("aborted", played::aborted())]
#[case::empty("empty", played::empty_load())]
#[ignore = "needs Chromium: make report-browser"]
fn the_page_shows_its_charts_and_complains_of_nothing(#[case] name: &str, #[case] record: Record) {
    let mut browser = Chromium::start();
    browser.media("light", "screen");
    browser.show(&html(&record), true);
    let panes = browser.value("upsurgeReport.data.panes.length");
    let drawn = "document.querySelectorAll('.pane canvas').length";
    assert_eq!(browser.value(drawn), panes);
    let empty = "upsurgeReport.plots().filter(plot => plot.ctx.getImageData(0, 0, plot.ctx.canvas.width, \
                 plot.ctx.canvas.height).data.every(value => value === 0)).length";
    assert_eq!(browser.value(empty), 0, "every chart has something on it");
    assert_eq!(browser.value("getComputedStyle(document.querySelector('.still')).display"), "none");
    assert_eq!(
        browser.value("document.querySelector('#sentence').textContent"),
        record.outcome.message.as_str()
    );
    browser.picture(&format!("{name}-light"));
    browser.media("dark", "screen");
    browser.until("getComputedStyle(document.body).backgroundColor === 'rgb(18, 22, 28)'");
    browser.picture(&format!("{name}-dark"));
    browser.window(390, 800);
    browser.media("light", "screen");
    browser.until("upsurgeReport.plots().every(plot => plot.width < 390)");
    let width = browser.value("document.documentElement.scrollWidth");
    assert!(width.as_u64().is_some_and(|width| width <= 390), "nothing but tables scrolls sideways: {width}");
    browser.picture(&format!("{name}-narrow"));
    assert_eq!(browser.complaints(), [""; 0]);
    assert_eq!(browser.requests(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn a_run_without_load_has_a_page_too() {
    let mut browser = Chromium::start();
    browser.show(&html(&played::broken_before_start()), false);
    assert_eq!(browser.value("document.querySelectorAll('canvas').length"), 0);
    browser.picture("broken-light");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn without_its_script_pictures_and_tables_are_there() {
    let mut browser = Chromium::start();
    browser.ask("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.show(&html(&played::spike()), false);
    let shown = |browser: &mut Chromium, selector: &str| {
        browser.value(&format!("document.querySelector('{selector}').getBoundingClientRect().height > 0"))
    };
    for selector in [".still svg", "#table-requests", "#latency svg", "#verdict"] {
        assert_eq!(shown(&mut browser, selector), true, "{selector}");
    }
    assert_eq!(shown(&mut browser, ".panes"), false);
    browser.picture("spike-without-script");
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn in_print_pictures_stand_for_charts_in_light_colours() {
    let mut browser = Chromium::start();
    browser.media("dark", "print");
    browser.window(1000, 900);
    browser.show(&html(&played::spike()), true);
    assert_eq!(browser.value("getComputedStyle(document.querySelector('.panes')).display"), "none");
    assert_eq!(
        browser.value("document.querySelector('.still svg').getBoundingClientRect().height > 300"),
        true
    );
    assert_eq!(browser.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    browser.picture("spike-print");
}

#[rstest]
#[case::spike(played::spike())]
#[case::search(played::search())]
#[case::scalability(played::scalability())]
#[case::hostile(played::hostile())]
#[case::one_request(played::one_request())]
#[case::aborted(played::aborted())]
#[case::empty(played::empty_load())]
#[case::broken(played::broken_before_start())]
#[ignore = "needs Chromium and axe-core: make report-browser"]
fn axe_finds_nothing_serious_in_either_theme(#[case] record: Record) {
    let axe = env::var("UPSURGE_AXE").expect("UPSURGE_AXE names axe.min.js: make report-browser");
    let axe = fs::read_to_string(axe).unwrap();
    let mut browser = Chromium::start();
    for theme in ["light", "dark"] {
        browser.media(theme, "screen");
        browser.show(&html(&record), !record.epochs.is_empty());
        browser.value("document.querySelectorAll('details').forEach(each => { each.open = true; })");
        browser.value(&format!("{axe}; true"));
        let found = browser.value(
            "axe.run().then(found => found.violations.map(one => [one.impact, one.id, one.nodes.slice(0, 5).map(node => node.html.slice(0, 200) + ' ' + node.failureSummary)]))",
        );
        let found: Vec<&Value> = found.as_array().unwrap().iter().collect();
        let serious: Vec<&&Value> =
            found.iter().filter(|one| one[0] == "serious" || one[0] == "critical").collect();
        assert!(serious.is_empty(), "{theme}: {serious:#?}");
        assert!(found.is_empty(), "{theme}, of less weight: {found:#?}");
    }
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn the_picture_alone_can_be_shown() {
    let mut browser = Chromium::start();
    for theme in ["light", "dark"] {
        browser.media(theme, "screen");
        browser.window(1000, 900);
        // As GitHub shows it: as a picture, whose own style knows the theme.
        let packed = {
            use base64::{Engine as _, prelude::BASE64_STANDARD};
            BASE64_STANDARD.encode(svg(&played::spike()))
        };
        let page = format!("<!DOCTYPE html><body><img src=\"data:image/svg+xml;base64,{packed}\">");
        browser.show(&page, false);
        browser.until("document.images[0].complete && document.images[0].naturalWidth > 0");
        assert_eq!(browser.value("document.images[0].naturalWidth"), 960);
        browser.picture(&format!("picture-{theme}"));
    }
}
