#![allow(clippy::unwrap_used, reason = "tests say what they expect")]
// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;
use rstest::rstest;

use super::{Document, Selector};

/// As the web is: ends left out, entities, mixed case, a script that holds what looks like tags.
const PAGE: &str = r#"<!DOCTYPE html><HTML><head><title>Shop &amp; Co</title>
<script>if (1 < 2) document.write('<p class="item">no</p></div>')</script></head>
<body><form id=login METHOD="post"><input type="hidden" name="csrf" value="a&quot;b&#x2F;=="><input name=user></form>
<ul class="list big"><li data-id=1>One<li data-id=2 class='new item'>Two <b> and
  a half</b><li data-id=3><a href="/3?a=1&amp;b=2" lang="en-GB">Three</a></ul>
<p>unclosed<table><tr><td>cell</table><div><p><span>deep</span></div><P>last"#;

/// Texts of what a selector matches, or values of an attribute.
fn select(selector: &str, attribute: Option<&str>) -> Vec<String> {
    let (document, selector) = (Document::parse(PAGE.as_bytes()), Selector::parse(selector).unwrap());
    let found = document.select(&selector);
    match attribute {
        Some(name) => found.filter_map(|element| element.attribute(name).map(String::from)).collect(),
        None => found.map(|element| element.text()).collect(),
    }
}

#[rstest]
#[case::name("title", &["Shop & Co"])]
#[case::any_case("TITLE", &["Shop & Co"])]
#[case::ends_left_out("ul > li", &["One", "Two and a half", "Three"])]
#[case::class(".item", &["Two and a half"])]
#[case::classes("li.item.new", &["Two and a half"])]
#[case::descendant("body .list a", &["Three"])]
#[case::not_child("ul > a", &[])]
#[case::previous(".item + li", &["Three"])]
#[case::earlier("li ~ li", &["Two and a half", "Three"])]
#[case::list("title, td", &["Shop & Co", "cell"])]
#[case::first("li:first-child", &["One"])]
#[case::last("li:last-child", &["Three"])]
#[case::third("li:nth-child(3)", &["Three"])]
#[case::odd("li:nth-child(odd)", &["One", "Three"])]
#[case::even("li:nth-child( 2n )", &["Two and a half"])]
#[case::first_two("li:nth-child(-n+2)", &["One", "Two and a half"])]
#[case::from_end("li:nth-last-child(2)", &["Two and a half"])]
#[case::only("a:only-child", &["Three"])]
#[case::not("li:not(.item)", &["One", "Three"])]
#[case::not_any("li:not(.item, :first-child)", &["Three"])]
#[case::has_attribute("[href]", &["Three"])]
#[case::prefix("[href^='/3']", &["Three"])]
#[case::suffix("a[href$=\"b=2\"]", &["Three"])]
#[case::part("a[href*='&b']", &["Three"])]
#[case::dash("a[lang|=en]", &["Three"])]
#[case::word("li[class~=item]", &["Two and a half"])]
#[case::value_in_any_case("form[method=POST i] ~ p, li[class='NEW ITEM' i]", &["Two and a half", "unclosed", "last"])]
#[case::value_in_its_case("li[class='NEW ITEM']", &[])]
#[case::table("table td", &["cell"])]
#[case::backtracking("body div > p > span", &["deep"])]
#[case::everything("ul *", &["One", "Two and a half", "and a half", "Three", "Three"])]
#[case::escaped("#lo\\67 in input", &["", ""])]
#[case::has("li:has(> a)", &["Three"])]
#[case::has_later("li:has(+ li b)", &["One"])]
#[case::is(":is(title, td)", &["Shop & Co", "cell"])]
#[case::inner(":where(ul) b", &["and a half"])]
#[case::not_a_chain("li:not(ul .item)", &["One", "Three"])]
#[case::first_of_type("p:nth-of-type(1)", &["unclosed", "deep"])]
#[case::last_of_type("body > p:last-of-type", &["last"])]
#[case::empty("a:empty", &[])]
#[case::root(":root > head > title", &["Shop & Co"])]
#[case::type_of_an_input_in_any_case("input[type=HIDDEN]", &[""])]
fn selectors_find_elements_in_their_order(#[case] selector: &str, #[case] expected: &[&str]) {
    assert_eq!(select(selector, None), expected);
}

#[test]
fn attributes_have_their_entities_resolved() {
    assert_eq!(select("#login input[name=csrf]", Some("value")), ["a\"b/=="]);
    assert_eq!(select("a", Some("href")), ["/3?a=1&b=2"]);
    assert_eq!(select("li", Some("class")), ["new item"]);
}

#[rstest]
#[case("", "not a CSS selector: it is empty")]
#[case("a >", "it can't go on with \">\"")]
#[case("a, ", "it can't go on with \",\"")]
#[case("a > > b", "it can't go on with \"> > b\"")]
#[case("a[href", "is not closed")]
#[case("a[href='x]", "is not closed")]
#[case("a:not(b", "is not closed")]
#[case("a /* b", "is not closed")]
#[case("a[href==x]", "it can't go on with \"==x]\"")]
#[case("li a:hover, b", ":hover is not known here; there are :root, :empty")]
#[case("a:not(b:visited)", ":visited is not known here")]
#[case("a:nth-child(x)", "it can't go on with \":nth-child(x)\"")]
#[case("li:nth-child(2 of .new)", "it can't go on with \"of .new)\"")]
#[case("a::before", "::before is not known here")]
#[case("a}", "it can't go on with \"}\"")]
fn what_is_no_selector_is_explained(#[case] selector: &str, #[case] expected: &str) {
    let error = Selector::parse(selector).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn elements_come_in_the_order_of_the_document_also_where_the_parser_moved_them() {
    // What can't stand in a table is put before it, and an unclosed <b> goes on in the next paragraph.
    let page = "<table><tr><td>one</td><div>zero</div></table><p><b>two<p>three";
    let (document, all) = (Document::parse(page.as_bytes()), Selector::parse("div, td, b").unwrap());
    let texts: Vec<String> = document.select(&all).map(|element| element.text()).collect();
    assert_eq!(texts, ["zero", "one", "two", "three"]);
}

#[test]
fn the_root_is_an_element_too() {
    let document = Document::parse(b"<html lang=en>");
    let root = Selector::parse("html[lang]").unwrap();
    assert_eq!(document.select(&root).filter_map(|root| root.attribute("lang")).collect::<Vec<_>>(), ["en"]);
}

#[test]
fn a_document_of_any_depth_is_read() {
    let page = format!("{}<b>core</b>", "<div>".repeat(3_000));
    let (document, selector) = (Document::parse(page.as_bytes()), Selector::parse("div b").unwrap());
    assert_eq!(document.select(&selector).map(|element| element.text()).collect::<Vec<_>>(), ["core"]);
    // Looking into elements recurses: what no browser would build is left alone.
    for (depth, found) in [(400, 400), (5_000, 0)] {
        let page = format!("{}<b>core</b>", "<div>".repeat(depth));
        let (document, selector) = (Document::parse(page.as_bytes()), Selector::parse("div:HAS(b)").unwrap());
        assert_eq!(document.select(&selector).count(), found);
    }
}

#[test]
fn a_selector_of_any_depth_is_refused_or_compiled() {
    let nested = format!("{}a{}", ":not(".repeat(20_000), ")".repeat(20_000));
    assert!(Selector::parse(&nested).is_err());
}

proptest! {
    #[test]
    fn nothing_makes_the_parsers_panic(
        page in "(<(/?(p|b|i|a|table|td|form|select|template|svg|script|li)|!--|!)( x=')?/?>?|[a-z &;]){0,40}",
        selector in "[a-z#.:\\[\\]=~|^$*>+ ()0-9'\"\\\\-]{0,20}",
    ) {
        let document = Document::parse(page.as_bytes());
        let all = Selector::parse("*").unwrap();
        prop_assert!(document.select(&all).count() >= 3, "html, head and body are always there");
        document.select(&all).for_each(|element| drop(element.text()));
        if let Ok(selector) = Selector::parse(&selector) {
            document.select(&selector).for_each(|element| assert!(element.attribute("\0").is_none()));
        }
    }
}
