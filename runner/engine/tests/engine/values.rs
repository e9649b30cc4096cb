// SPDX-License-Identifier: Apache-2.0
//! What is taken from responses and expected of them, with what each check counts.

use std::{collections::BTreeSet, thread};

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::plan::schedule::Share;

use crate::{
    load::{Outcome, config, run, spec, times},
    server::{self, Server},
};

const JSON: &str = r#"{"id": 7, "price": 12.5, "text": "12", "name": "grün", "none": null, "tags": ["a", "b", "b"],
    "items": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}, {"sku": "z", "n": 3}]}"#;

const PAGE: &str = r#"<html><form><input name=csrf value="t&amp;1"></form>
    <ul><li><a href="/a">First  one</a><li><a href="/b">Second</a><li><a>nowhere</a></ul></html>"#;

/// Answers with JSON, HTML, or what the path asks for; `/echo` with JSON that nobody looks at.
fn server() -> Server {
    Server::start(|arrived| async move {
        match arrived.target.as_str() {
            "/json" => server::with_headers(
                201,
                &[
                    ("content-type", "application/json"),
                    ("x-left", "41"),
                    ("link", "</a>; rel=next"),
                    ("link", "</z>; rel=last"),
                    ("set-cookie", "session=s-1; Path=/; HttpOnly"),
                    ("set-cookie", "session=s-2; Path=/; HttpOnly"),
                    ("set-cookie", "gone=; Max-Age=0"),
                ],
                JSON,
            ),
            "/page" => server::with_headers(200, &[("content-type", "text/html")], PAGE),
            "/moved" => server::with_headers(302, &[("location", "/page"), ("set-cookie", "hop=h-1")], ""),
            "/empty" => server::status(204),
            _ => server::json("{}"),
        }
    })
}

/// Requests a path, then what was captured: gives the second request's body.
fn captured(path: &str, captures: Value) -> Value {
    let server = server();
    let names =
        captures.as_array().unwrap().iter().map(|capture| capture["name"].as_str().unwrap().to_owned());
    let body: Value = names
        .map(|name| (name.clone(), json!(format!("{{{{ {name} }}}}"))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let steps = json!([
        {"request": {"url": path, "capture": captures}},
        {"request": {"method": "POST", "url": "/echo", "json": body}},
    ]);
    run(config(spec(&server.url(), times(1), steps)));
    serde_json::from_slice(&server.arrived().last().unwrap().body).unwrap()
}

#[test]
fn values_of_all_kinds_are_captured_with_their_types() {
    let found = captured(
        "/json",
        json!([
            {"name": "first", "jsonPath": "$.items[*].n"},
            {"name": "last", "jsonPath": "$.items[*].n", "match": "Last"},
            {"name": "all", "jsonPath": "$.items[*].n", "match": "All"},
            {"name": "rows", "jsonPath": "$.items[?@.n > 1]", "match": "All"},
            {"name": "links", "header": "Link", "match": "All"},
            {"name": "link", "header": "Link", "match": "Last"},
            {"name": "skus", "regex": "\"sku\": \"(.)\"", "match": "All"},
            {"name": "sku", "regex": "\"sku\": \".\"", "match": "Last"},
            {"name": "session", "cookie": "session"},
            {"name": "gone", "cookie": "gone", "default": "was taken"},
            {"name": "code", "status": true},
            {"name": "none", "jsonPath": "$.nothing[*]", "match": "All", "default": []},
            {"name": "nothing", "jsonPath": "$.nothing", "match": "Random", "default": {"a": 1}},
        ]),
    );
    let expected = json!({
        "first": 1, "last": 3, "all": [1, 2, 3], "rows": [{"sku": "y", "n": 2}, {"sku": "z", "n": 3}],
        "links": ["</a>; rel=next", "</z>; rel=last"], "link": "</z>; rel=last",
        "skus": ["x", "y", "z"], "sku": "\"sku\": \"z\"", "session": "s-2", "gone": "was taken", "code": 201,
        "none": [], "nothing": {"a": 1},
    });
    assert_eq!(found, expected);
}

#[test]
fn one_place_of_the_json_is_a_list_of_one_match() {
    let captures = json!([
        {"name": "all", "jsonPath": "$.id", "match": "All"}, {"name": "last", "jsonPath": "$.id", "match": "Last"},
    ]);
    assert_eq!(captured("/json", captures), json!({"all": [7], "last": 7}));
}

#[test]
fn html_gives_texts_and_attributes() {
    let found = captured(
        "/page",
        json!([
            {"name": "csrf", "selector": {"css": "form input[name=csrf]", "attribute": "VALUE"}},
            {"name": "links", "selector": {"css": "li > a", "attribute": "href"}, "match": "All"},
            {"name": "texts", "selector": {"css": "li > a"}, "match": "All"},
            {"name": "first", "selector": {"css": "li"}},
            {"name": "none", "selector": {"css": "h1"}, "default": ""},
            {"name": "page", "body": true},
            {"name": "took", "responseTime": true},
        ]),
    );
    let took = found["took"].as_f64().unwrap();
    assert!(took > 0.0 && took < 60_000.0, "{took}");
    assert_eq!(found["page"], PAGE);
    assert_eq!(
        (&found["csrf"], &found["links"], &found["texts"], &found["first"], &found["none"]),
        (
            &json!("t&1"),
            &json!(["/a", "/b"]),
            &json!(["First one", "Second", "nowhere"]),
            &json!("First one"),
            &json!("")
        )
    );
}

#[test]
fn cookies_of_redirects_and_of_earlier_responses_are_those_of_the_user() {
    assert_eq!(captured("/moved", json!([{"name": "hop", "cookie": "hop"}])), json!({"hop": "h-1"}));
    let server = server();
    let steps = json!([
        {"request": {"url": "/json"}},
        {"request": {"url": "/page", "capture": [{"name": "kept", "cookie": "session"}]}},
        {"request": {"url": "/{{ kept }}", "expect": [{"cookie": "session", "equals": "s-2"}, {"cookie": "gone", "exists": false}]}},
    ]);
    let outcome = run(config(spec(&server.url(), times(2), steps)));
    assert_eq!(server.targets(), ["/json", "/page", "/s-2", "/json", "/page", "/s-2"]);
    assert_eq!(outcome.checks("cookie session equals \"s-2\""), (2, 2));
    assert_eq!(outcome.checks("cookie gone does not exist"), (2, 2));
}

#[test]
fn lists_of_matches_go_through_loops_and_are_picked_from() {
    let server = server();
    let steps = json!([
        {"request": {"url": "/page", "capture": [
            {"name": "links", "selector": {"css": "a", "attribute": "href"}, "match": "All"},
            {"name": "any", "selector": {"css": "a", "attribute": "href"}, "match": "Random"},
        ]}},
        {"loop": {"over": "links", "steps": [{"request": {"url": "{{ loopElement }}"}}]}},
        {"request": {"url": "/picked{{ pick(links) }}"}},
        {"request": {"url": "/random{{ any }}"}},
    ]);
    run(config(spec(&server.url(), times(40), steps)));
    let targets = server.targets();
    assert_eq!(targets.len(), 40 * 5);
    for part in targets.chunks(5) {
        assert_eq!(part[..3], ["/page", "/a", "/b"]);
    }
    let seen: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
    assert_eq!(seen, ["/page", "/a", "/b", "/picked/a", "/picked/b", "/random/a", "/random/b"].into());
}

/// Requests a path twice with one expectation: gives what its only check counted.
fn check(path: &str, expectation: &Value, name: &str) -> (u64, u64) {
    let server = server();
    let steps = json!([{"request": {"url": path, "expect": [expectation]}}]);
    let outcome: Outcome = run(config(spec(&server.url(), times(2), steps)));
    assert_eq!(outcome.rate("checks").1, 2, "exactly one check is counted, twice");
    outcome.checks(name)
}

#[rstest]
#[case(json!({"jsonPath": "$.id", "atLeast": 7, "atMost": "7.5"}), "$.id is at least 7 and is at most 7.5", true)]
#[case(json!({"jsonPath": "$.id", "greaterThan": 7}), "$.id is greater than 7", false)]
#[case(json!({"jsonPath": "$.price", "lessThan": "12.6"}), "$.price is less than 12.6", true)]
#[case(json!({"jsonPath": "$.text", "atLeast": 12}), "$.text is at least 12", true)]
#[case(json!({"jsonPath": "$.name", "atLeast": 0}), "$.name is at least 0", false)]
#[case(json!({"jsonPath": "$.absent", "atMost": 9}), "$.absent is at most 9", false)]
#[case(json!({"header": "X-Left", "greaterThan": 40}), "header X-Left is greater than 40", true)]
#[case(json!({"jsonPath": "$.name", "minLength": 4, "maxLength": 4}), "$.name has length 4", true)]
#[case(json!({"jsonPath": "$.tags", "minLength": 4}), "$.tags has length 4 or more", false)]
#[case(json!({"jsonPath": "$.items[0]", "maxLength": 2}), "$.items[0] has length 2 or less", true)]
#[case(json!({"jsonPath": "$.tags", "contains": "b"}), "$.tags contains \"b\"", true)]
#[case(json!({"jsonPath": "$.tags", "contains": "ab"}), "$.tags contains \"ab\"", false)]
#[case(json!({"jsonPath": "$.name", "contains": "{{ 'rü' }}"}), "$.name contains \"{{ 'rü' }}\"", true)]
#[case(json!({"jsonPath": "$.name", "matches": "^g.*n$"}), "$.name matches \"^g.*n$\"", true)]
#[case(json!({"jsonPath": "$.id", "matches": "^[0-9]$"}), "$.id matches \"^[0-9]$\"", true)]
#[case(json!({"header": "Link", "matches": "next", "contains": "</a>"}), "header Link contains \"</a>\" and matches \"next\"", true)]
#[case(json!({"jsonPath": "$.id", "equals": 8, "not": true}), "not: $.id equals 8", true)]
#[case(json!({"jsonPath": "$.absent", "equals": 8, "not": true}), "not: $.absent equals 8", true)]
#[case(json!({"jsonPath": "$.id", "not": true}), "not: $.id exists", false)]
#[case(json!({"status": [500, 503], "not": true}), "not: status is 500 or 503", true)]
#[case(json!({"bodyContains": "grün", "not": true}), "not: body contains \"grün\"", false)]
#[case(json!({"bodyMatches": "\"id\": \\d+,"}), "body matches \"\\\"id\\\": \\\\d+,\"", true)]
#[case(json!({"body": true, "minLength": 10_000}), "body has length 10000 or more", false)]
#[case(json!({"body": true, "contains": "grün"}), "body contains \"grün\"", true)]
#[case(json!({"body": true}), "body exists", true)]
#[case(json!({"jsonPath": "$.none", "equals": null, "exists": true}), "$.none exists", true)]
#[case(json!({"name": "mine", "jsonPath": "$.id", "equals": "{{ user }}"}), "mine", false)]
fn json_is_checked(#[case] expectation: Value, #[case] name: &str, #[case] holds: bool) {
    assert_eq!(check("/json", &expectation, name), (if holds { 2 } else { 0 }, 2));
}

#[rstest]
#[case("/page", json!({"selector": {"css": "a"}, "equals": "First one"}), "a equals \"First one\"", true)]
#[case("/page", json!({"selector": {"css": "a", "attribute": "href"}, "matches": "^/b"}), "attribute href of a matches \"^/b\"", false)]
#[case("/page", json!({"selector": {"css": "h1"}, "exists": false}), "h1 does not exist", true)]
#[case("/empty", json!({"body": true, "exists": false}), "body does not exist", true)]
#[case("/empty", json!({"body": true, "equals": ""}), "body equals \"\"", true)]
fn pages_are_checked(
    #[case] path: &str,
    #[case] expectation: Value,
    #[case] name: &str,
    #[case] holds: bool,
) {
    assert_eq!(check(path, &expectation, name), (if holds { 2 } else { 0 }, 2));
}

#[test]
fn conditions_see_what_the_request_itself_captures() {
    let server = server();
    let expect = json!([
        {"condition": "code == 201 && size(items) == 3"},
        {"condition": "items.all(item, item.n < 3)"},
        {"condition": "items.all(item, item.n < 3)", "not": true, "name": "some are 3"},
        {"condition": "id.nonsense > 1"},
        {"condition": "id.nonsense > 1", "not": true, "name": "nonsense"},
        {"status": [201]},
    ]);
    let capture = json!([
        {"name": "id", "jsonPath": "$.id"}, {"name": "code", "status": true},
        {"name": "items", "jsonPath": "$.items[*]", "match": "All"},
    ]);
    let steps = json!([{"request": {"url": "/json", "expect": expect, "capture": capture}}]);
    let outcome = run(config(spec(&server.url(), times(3), steps)));
    assert_eq!(outcome.checks("code == 201 && size(items) == 3"), (3, 3));
    assert_eq!(outcome.checks("items.all(item, item.n < 3)"), (0, 3));
    assert_eq!(outcome.checks("some are 3"), (3, 3));
    assert_eq!(outcome.checks("id.nonsense > 1"), (0, 3));
    assert_eq!(outcome.checks("nonsense"), (0, 3));
    assert_eq!(outcome.checks("status is 201"), (3, 3));
    assert_eq!(outcome.rate("checks"), (9 + 9, 18 + 9), "with three captures each time");
}

#[test]
fn no_expectation_holds_of_a_response_that_never_came_nor_of_one_without_its_values() {
    let server = server();
    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let expect = json!([
        {"condition": "true"}, {"status": [500], "not": true}, {"body": true, "exists": false, "name": "no body"},
    ]);
    let steps = json!([
        {"request": {"url": nowhere, "expect": expect}},
        {"request": {"url": "/json", "expect": [{"condition": "1 == 1"}], "capture": [{"name": "a", "jsonPath": "$.absent"}]}},
        {"request": {"url": "/never"}},
    ]);
    let outcome = run(config(spec(&server.url(), times(2), steps)));
    for name in ["true", "not: status is 500", "no body", "1 == 1", "capture a"] {
        assert_eq!(outcome.checks(name), (0, 2), "{name}");
    }
    assert_eq!(server.targets(), ["/json", "/json"]);
}

/// Numbers at the end of what came, sorted.
fn numbers(targets: &[String], prefix: &str) -> Vec<i64> {
    let numbers = targets.iter().filter_map(|target| target.strip_prefix(prefix));
    let mut numbers: Vec<i64> = numbers.map(|number| number.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn sequences_have_no_gaps_over_users_and_cores() {
    let server = server();
    let mut test = spec(
        &server.url(),
        json!({"executors": [{"name": "e", "perVUIterations": {"vus": 7, "iterations": 10}}]}),
        json!([
            {"request": {"name": "a", "url": "/a/{{ sequence() }}"}},
            {"parallel": {"steps": [{"request": {"name": "b", "url": "/b/{{ sequence(-5, 5) }}"}}, {"request": {"name": "c", "url": "/c/{{ sequence(-5, 5) }}"}}]}},
        ]),
    );
    test["scenarios"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "other", "steps": [{"request": {"name": "d", "url": "/a/{{ sequence(1) }}"}}]}));
    run(config(test));
    let targets = server.targets();
    let first = numbers(&targets, "/a/");
    assert_eq!(first, (1..=70).collect::<Vec<_>>());
    let (b, c) = (numbers(&targets, "/b/"), numbers(&targets, "/c/"));
    let mut both = [b, c].concat();
    both.sort_unstable();
    assert_eq!(both, (0..both.len() as i64).map(|n| n * 5 - 5).collect::<Vec<_>>());
}

#[test]
fn no_number_of_a_sequence_comes_twice_on_several_runners() {
    let server = server();
    let load = json!({"executors": [{"name": "e", "sharedIterations": {"vus": 6, "iterations": 60}}]});
    let steps = json!([{"loop": {"count": 2, "steps": [{"request": {"name": "a", "url": "/n/{{ sequence(1000) }}"}}]}}]);
    let test = spec(&server.url(), load, steps);
    let runners = (0..3).map(|index| {
        let mut config = config(test.clone());
        config.share = Share::new(index, 3);
        thread::spawn(move || run(config))
    });
    runners.collect::<Vec<_>>().into_iter().for_each(|runner| drop(runner.join().unwrap()));
    // 20 iterations of each runner take 40 of every third number.
    assert_eq!(numbers(&server.targets(), "/n/"), (1000..1120).collect::<Vec<_>>());
}

#[test]
fn calls_in_calls_sign_what_is_sent() {
    let server = server();
    let steps = json!([
        {"set": [{"name": "order", "value": "7"}]},
        {"request": {
            "url": "/signed/{{ upper(concat('o-', order)) }}",
            "headers": {"X-Signature": "{{ base64(hmacSha256(secrets.key, concat('what do ya ', lower('WANT'), ' for nothing?'))) }}"},
        }},
    ]);
    let mut test = spec(&server.url(), times(1), steps);
    test["secrets"] = json!([{"name": "key", "secretKeyRef": {"name": "s", "key": "k"}}]);
    let mut config = config(test);
    config.secrets.insert("key".to_owned(), "Jefe".to_owned());
    run(config);
    let arrived = server.arrived();
    assert_eq!(arrived[0].target, "/signed/O-7");
    // RFC 4231, test case 2, and then base64.
    let signature =
        "NWJkY2MxNDZiZjYwNzU0ZTZhMDQyNDI2MDg5NTc1Yzc1YTAwM2YwODlkMjczOTgzOWRlYzU4Yjk2NGVjMzg0Mw==";
    assert_eq!(arrived[0].headers["x-signature"], signature);
}
