// SPDX-License-Identifier: Apache-2.0
//! What can be done with the page: sort and search, move the cursor, look closer; with the mouse and by keyboard.

use serde_json::Value;
use upsurge_report::html;

use super::{chromium::Chromium, played};

fn column(browser: &mut Chromium, table: &str, index: usize) -> Vec<String> {
    let found = browser.value(&format!(
        "[...document.querySelector('#{table}').tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[{index}].textContent)"
    ));
    found.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn tables_are_sorted_by_their_heads_and_searched_by_name() {
    let mut record = played::spike();
    let request = record.epochs[0].figures.requests[0].clone();
    let times = ["9.5ms", "100.2ms", "12ms", "0.4ms"];
    record.epochs[0].figures.requests = (0..12)
        .map(|index| {
            let mut one = request.clone();
            one.name = format!("request {index}");
            one.summary.latency.p95 = times[index % times.len()].into();
            one
        })
        .collect();
    let mut browser = Chromium::start();
    browser.show(&html(&record), true);
    let p95 = "#table-requests th:nth-child(8) button";
    browser.value(&format!("document.querySelector('{p95}').click()"));
    let sorted = column(&mut browser, "table-requests", 7);
    assert_eq!(sorted[..4], ["100.2ms", "100.2ms", "100.2ms", "12ms"], "the slowest first, as numbers");
    let state = "document.querySelector('#table-requests th:nth-child(8)').getAttribute('aria-sort')";
    assert_eq!(browser.value(state), "descending");
    // By keyboard, the other way.
    browser.value(&format!("document.querySelector('{p95}').focus()"));
    browser.value(&format!("document.querySelector('{p95}').click()"));
    assert_eq!(column(&mut browser, "table-requests", 7)[0], "0.4ms");
    assert_eq!(browser.value(state), "ascending");
    browser.value(
        "(() => { const input = document.querySelector('#table-requests-filter'); input.value = 'QUEST 1'; \
         input.dispatchEvent(new Event('input')); })()",
    );
    let mut names = column(&mut browser, "table-requests", 0);
    names.sort();
    assert_eq!(names, ["request 1", "request 10", "request 11"]);
    assert_eq!(browser.complaints(), [""; 0]);
}

fn shown(browser: &mut Chromium) -> (f64, f64) {
    let found = browser.value("upsurgeReport.shown()");
    (found[0].as_f64().unwrap(), found[1].as_f64().unwrap())
}

/// A place in a pane: at a share of its width, in the middle of its height.
fn place(browser: &mut Chromium, pane: &str, share: f64) -> (f64, f64) {
    let found = browser.value(&format!(
        "(() => {{ const over = document.querySelector('#pane-{pane} .u-over'); over.scrollIntoView({{block: 'center'}}); \
         const box = over.getBoundingClientRect(); return [box.left + box.width * {share}, box.top + box.height / 2]; }})()"
    ));
    (found[0].as_f64().unwrap(), found[1].as_f64().unwrap())
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn the_cursor_is_linked_and_all_charts_look_closer_together() {
    let mut browser = Chromium::start();
    browser.show(&html(&played::spike()), true);
    let whole = shown(&mut browser);
    let (x, y) = place(&mut browser, "latency", 0.25);
    browser.mouse("mouseMoved", x, y);
    browser.until("document.getElementById('readout').textContent.startsWith('At 2:')");
    let told = browser.value("document.getElementById('value-replicas-0-2').textContent");
    assert_eq!(told, "4", "a cursor over latency tells the replicas of that instant");
    assert_eq!(browser.value("document.getElementById('readout').getAttribute('aria-live')"), "off");
    browser.mouse("mousePressed", x, y);
    let (far, y) = place(&mut browser, "latency", 0.5);
    browser.mouse("mouseMoved", (x + far) / 2.0, y);
    browser.mouse("mouseMoved", far, y);
    browser.mouse("mouseReleased", far, y);
    let (from, to) = shown(&mut browser);
    let length = whole.1 - whole.0;
    assert!(
        (from - length * 0.25).abs() < 3.0 && (to - length * 0.5).abs() < 3.0,
        "{from} to {to} of {whole:?}"
    );
    let scales = "upsurgeReport.plots().map(plot => [plot.scales.x.min, plot.scales.x.max])";
    for scale in browser.value(scales).as_array().unwrap() {
        assert_eq!((scale[0].as_f64(), scale[1].as_f64()), (Some(from), Some(to)));
    }
    browser.picture("spike-zoomed");
    browser.value("document.getElementById('zoom-all').click()");
    assert_eq!(shown(&mut browser), whole);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn everything_can_be_done_by_keyboard() {
    let mut browser = Chromium::start();
    browser.show(&html(&played::spike()), true);
    let whole = shown(&mut browser);
    browser.value("document.getElementById('panes').focus()");
    browser.key("Home");
    browser.key("ArrowRight");
    let told = browser.value("document.getElementById('readout').textContent");
    assert!(
        told.as_str().unwrap().starts_with("At 0:06, warm-up: Load: iterations per second, asked for 40/s"),
        "{told}"
    );
    assert_eq!(browser.value("document.getElementById('readout').getAttribute('aria-live')"), "polite");
    browser.key("+");
    let closer = shown(&mut browser);
    assert!((closer.1 - closer.0 - (whole.1 - whole.0) / 2.0).abs() < 1.0, "{closer:?} of {whole:?}");
    browser.key("Escape");
    assert_eq!(shown(&mut browser), whole);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium: make report-browser"]
fn a_day_is_drawn_and_moved_without_a_long_task() {
    let mut browser = Chromium::start();
    browser.show(&html(&played::day()), true);
    // Of the page's own thread: what else the machine does is of no interest.
    browser.ask("Performance.disable", serde_json::json!({}));
    browser.ask("Performance.enable", serde_json::json!({"timeDomain": "threadTicks"}));
    let mut longest: f64 = 0.0;
    for step in 0..20 {
        let before = metric(&mut browser, "TaskDuration");
        browser.value(&format!(
            "(async () => {{ const {{ from, to }} = upsurgeReport.data; \
             upsurgeReport.place(from + (to - from) * {step} / 20); \
             if ({step} % 4 === 0) upsurgeReport.zoom(from + {step} * 100, to - {step} * 100); \
             await new Promise(done => requestAnimationFrame(() => setTimeout(done))); }})()"
        ));
        longest = longest.max(metric(&mut browser, "TaskDuration") - before);
    }
    assert!(longest < 0.2, "{longest} s");
    let heap = metric(&mut browser, "JSHeapTotalSize");
    assert!(heap < 300.0 * 1_048_576.0, "{heap}");
    eprintln!("longest move of cursor and zoom: {longest} s of CPU; heap: {heap} bytes");
}

/// A figure of the browser's own.
fn metric(browser: &mut Chromium, name: &str) -> f64 {
    let metrics = browser.ask("Performance.getMetrics", serde_json::json!({}));
    let found = metrics["metrics"].as_array().unwrap().iter().find(|one| one["name"] == name);
    found.unwrap()["value"].as_f64().unwrap()
}
