// SPDX-License-Identifier: Apache-2.0
//! Names that would like to be something else than names.

use upsurge_report::{html, markdown, svg};

use crate::{
    played::{self, NAMES},
    read::Page,
};

#[test]
fn no_name_becomes_markup() {
    let page = Page::of(&html(&played::hostile()));
    assert_eq!(page.all("script").len(), 2, "the data and the page's own");
    assert!(page.all("img, b, [onerror], [onmouseover], [onload]").is_empty());
    let titles = page.all("head > title");
    assert!(titles[0].text().collect::<String>().contains("</script><script>alert('name')</script>"));
}

#[test]
fn every_name_is_shown_whole() {
    let record = played::hostile();
    let page = Page::of(&html(&record));
    let rows = page.rows("#table-requests");
    assert_eq!(rows.len(), 200);
    assert!(rows[0][0].contains(&"x".repeat(2_000)), "a very long one can be unfolded");
    let requests = &record.epochs[0].figures.requests;
    for (request, row) in requests.iter().zip(&rows).skip(1).take(NAMES.len()) {
        let name = &request.name;
        // What neither HTML nor XML can carry is shown as a sign of its own; a line's end as a browser reads it.
        let shown: String = name
            .chars()
            .map(|sign| match sign {
                '\n' | '\t' => sign,
                _ if sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
                _ => sign,
            })
            .collect();
        assert!(row[0].contains(shown.trim()), "{name:?} as {:?}", row[0]);
    }
    for name in page.all("#table-requests tbody th") {
        assert!(
            name.value().attr("scope") == Some("row") && name.html().contains("<bdi>"),
            "its direction is its own"
        );
    }
}

#[test]
fn the_picture_is_xml_whatever_the_names() {
    let text = svg(&played::hostile());
    let document = roxmltree::Document::parse(&text).unwrap();
    assert!(document.descendants().all(|node| !node.has_tag_name("script") && !node.has_tag_name("img")));
}

#[test]
fn markdown_holds_no_markup_of_others_and_calls_nobody() {
    let text = markdown(&played::hostile());
    // Outside of tables, headings and blocks, in which names are code.
    let mut is_block = false;
    let outside: Vec<&str> = text
        .lines()
        .filter(|line| {
            is_block ^= line.starts_with("```");
            !is_block && !line.starts_with(['|', '#'])
        })
        .collect();
    let outside = outside.join("\n");
    for sign in ["<script", "<img", "@team", "[g](h)"] {
        assert!(!outside.contains(sign), "{sign}: {outside}");
    }
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
    let table: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("| request |")).collect();
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(
        table.iter().take_while(|line| line.starts_with('|')).all(|line| columns(line) == columns(table[0]))
    );
}
