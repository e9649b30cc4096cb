// SPDX-License-Identifier: Apache-2.0
//! How quick the page of a day is, by the browser's trace, beside a page that has nothing but uPlot and the same points.
//! `bench/run page` calls this and compares with goals; no figure fails it.

use std::{env, fs};

use serde_json::{Value, json};
use upsurge_report::html;

use super::{chromium::Chromium, played};

const SCRIPT: &str = include_str!("../../src/assets/uPlot.iife.min.js");
const STYLE: &str = include_str!("../../src/assets/uPlot.min.css");

/// Puts a mark into the trace when a page that says `live` has had its first frame with charts: in the task behind that frame.
const MARK: &str = "new MutationObserver((_, observer) => {
  if (!document.documentElement || !document.documentElement.classList.contains('live')) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => performance.mark('charts-drawn')));
}).observe(document, { attributes: true, subtree: true, attributeFilter: ['class'] });";

/// Moves the cursor over the whole run and looks ever closer, a step in each frame.
const MOVES: &str = "(async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const [from, to] = upsurgeReport.shown();
  for (let step = 0; step <= 100; step += 1) {
    upsurgeReport.place(from + ((to - from) * step) / 100, false);
    await frame();
  }
  for (let step = 0; step < 40; step += 1) {
    const half = (to - from) / 2 ** (1 + (step % 10));
    const middle = from + half + ((to - from - 2 * half) * step) / 40;
    upsurgeReport.zoom(middle - half, middle + half);
    await frame();
    upsurgeReport.place(middle, false);
    await frame();
  }
  upsurgeReport.zoom(from, to);
  await frame();
  return true;
})()";

/// What a page draws, as JavaScript that makes it again.
const DRAWN: &str = "JSON.stringify(upsurgeReport.plots().map((plot) => \
                     ({ width: plot.width, height: plot.height, data: plot.data })))";

#[test]
#[ignore = "measures, and needs Chromium: bench/run page"]
fn how_quick_the_page_of_a_day_is() {
    let rounds = env::var("UPSURGE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_usize);
    let page = html(&played::day());
    let (mut samples, mut points, mut browser_is) = (Vec::new(), 0, String::new());
    for _ in 0..rounds {
        let mut browser = opened();
        let ours = first_chart(&mut browser, &page);
        let drawn = browser.value(DRAWN).as_str().unwrap().to_owned();
        points = count(&drawn);
        let before = heap(&mut browser);
        let longest = longest_task(&mut browser);
        let heap = before.max(heap(&mut browser));
        browser_is = browser.value("navigator.userAgent").as_str().unwrap_or_default().to_owned();
        drop(browser);
        let bare = first_chart(&mut opened(), &bare(&drawn));
        assert!(ours > 0.0 && bare > 0.0, "{ours} {bare}");
        samples.push(json!({
            "pageMilliseconds": ours, "bareMilliseconds": bare, "longestTaskMilliseconds": longest, "heapMebibytes": heap,
        }));
    }
    let figures =
        json!({"points": points, "browser": browser_is, "pageBytes": page.len(), "rounds": samples});
    match env::var_os("UPSURGE_FIGURES") {
        Some(file) => fs::write(file, figures.to_string()).unwrap(),
        None => assert!(points > 10_000, "{figures}"),
    }
}

/// A browser of its own, so that nothing of another page is kept.
fn opened() -> Chromium {
    let mut browser = Chromium::start();
    browser.ask("Page.addScriptToEvaluateOnNewDocument", json!({"source": MARK}));
    browser
}

/// Milliseconds from the start of the navigation until all charts are drawn.
fn first_chart(browser: &mut Chromium, html: &str) -> f64 {
    browser.trace();
    browser.show(html, true);
    browser.until("performance.getEntriesByName('charts-drawn').length > 0");
    let events = browser.traced();
    let last = |name: &str| {
        let times =
            events.iter().filter(|event| event["name"] == name).filter_map(|event| event["ts"].as_f64());
        times.reduce(f64::max).unwrap_or_else(|| panic!("{name} is not in the trace"))
    };
    (last("charts-drawn") - last("navigationStart")) / 1e3
}

/// The longest task of a page's main thread while the cursor moves and the run is looked at closer, in milliseconds.
fn longest_task(browser: &mut Chromium) -> f64 {
    browser.trace();
    assert_eq!(browser.value(MOVES), true);
    let events = browser.traced();
    let is_main =
        |event: &&Value| event["name"] == "thread_name" && event["args"]["name"] == "CrRendererMain";
    let threads: Vec<(&Value, &Value)> =
        events.iter().filter(is_main).map(|event| (&event["pid"], &event["tid"])).collect();
    let is_task = |event: &&Value| {
        let name = event["name"].as_str().unwrap_or_default();
        name.ends_with("RunTask") && threads.contains(&(&event["pid"], &event["tid"]))
    };
    let times = events.iter().filter(is_task).filter_map(|event| event["dur"].as_f64());
    times.reduce(f64::max).expect("no task of the main thread is in the trace") / 1e3
}

/// Mebibytes of JavaScript's heap in use, without asking for what is not needed any more to be freed.
fn heap(browser: &mut Chromium) -> f64 {
    let answer = browser.ask("Performance.getMetrics", json!({}));
    let metrics = answer["metrics"].as_array().unwrap();
    let used = metrics.iter().find(|metric| metric["name"] == "JSHeapUsedSize").unwrap();
    used["value"].as_f64().unwrap() / f64::from(1 << 20)
}

/// How many points are drawn.
fn count(drawn: &str) -> usize {
    let charts: Value = serde_json::from_str(drawn).unwrap();
    let columns =
        charts.as_array().unwrap().iter().flat_map(|chart| chart["data"].as_array().unwrap().iter().skip(1));
    columns.map(|column| column.as_array().unwrap().len()).sum()
}

/// A page of uPlot alone that draws as many charts with the same points.
fn bare(drawn: &str) -> String {
    let draw = "for (const { width, height, data } of charts) {
  const series = data.map((_, index) => (index ? { stroke: '#0b57b0' } : {}));
  new uPlot({ width, height, series, scales: { x: { time: false } } }, data, document.body.appendChild(document.createElement('div')));
}
document.documentElement.classList.add('live');";
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>uPlot</title><style>{STYLE}</style></head><body>\
         <script>{SCRIPT}</script><script>const charts = {drawn};\n{draw}</script></body></html>"
    )
}
