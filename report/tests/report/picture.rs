// SPDX-License-Identifier: Apache-2.0
//! The main chart as a picture of its own.

use upsurge_report::svg;

use crate::played;

#[test]
fn the_picture_is_whole_with_title_verdict_panes_and_both_themes() {
    let record = played::spike();
    let text = svg(&record);
    let document = roxmltree::Document::parse(&text).unwrap();
    let texts: Vec<&str> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text())
        .collect();
    for told in [
        "✗ Failed: checkout-spike",
        "Load: iterations per second",
        "Latency: time of requests",
        "Failed requests per second",
        "Replicas of Deployment/checkout",
        "cpu, as the autoscaler of checkout read it",
        "hold",
        "ready",
        "maxReplicas 6",
        "limit of p95 in hold: 250 ms",
    ] {
        assert!(texts.contains(&told), "{told} is not in {texts:?}");
    }
    let style = document.descendants().find(|node| node.has_tag_name("style")).unwrap();
    assert!(style.text().unwrap().contains("prefers-color-scheme: dark"));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    assert!(root.attribute("aria-label").unwrap().starts_with("✗ Failed: checkout-spike."));
}

#[test]
fn everything_lies_within_the_picture() {
    for record in [
        played::spike(),
        played::search(),
        played::one_request(),
        played::aborted(),
        played::broken_before_start(),
    ] {
        let text = svg(&record);
        let document = roxmltree::Document::parse(&text).unwrap();
        let size: Vec<f64> = document
            .root_element()
            .attribute("viewBox")
            .unwrap()
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        for node in document.descendants().filter(|node| node.has_tag_name("text")) {
            let place = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
            let (x, y) = (place("x"), place("y"));
            assert!(
                (0.0..=size[2]).contains(&x) && (0.0..=size[3]).contains(&y),
                "{:?} at {x} {y}",
                node.text()
            );
        }
    }
}

#[test]
fn the_same_record_gives_the_same_picture() {
    assert_eq!(svg(&played::spike()), svg(&played::spike()));
}

#[test]
fn the_picture_of_the_documentation_is_what_is_drawn() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/how-to/report.svg");
    let shown = std::fs::read_to_string(file).unwrap();
    assert!(shown == svg(&played::spike()), "run: make report-picture");
}
