// SPDX-License-Identifier: Apache-2.0
//! What servers and users wrote is taken for what it means and sent as it is: names of servers, cookies, addresses in
//! redirects. The table is docs/src/reference/http-cases.md.

use serde_json::{Value, json};
use upsurge_testing::HttpServer;

use crate::{
    load::{config, refusal, run, spec, times},
    raw::{Raw, answer, redirect},
};

/// Requests that succeed, and whose checks all hold.
fn holds(url: &str, http: Value, steps: Value) {
    let mut test = spec(url, times(1), steps);
    test["http"] = http;
    let outcome = run(config(test));
    let ((failed, requests), (passes, checks)) = (outcome.rate("http_req_failed"), outcome.rate("checks"));
    assert!(requests > 0 && failed == 0, "{failed} of {requests} failed");
    assert!(checks > 0 && passes == checks, "{passes} of {checks} checks hold");
}

#[test]
fn a_server_is_the_same_however_its_name_is_written() {
    // vegeta#151, curl#7159, curl#780.
    let directives = "location /user { return 301 /seen; }\n\
                      location /seen { return 200 \"$http_host|$http_authorization|$http_cookie|$request_uri\"; }";
    let Some(server) = HttpServer::nginx("", directives, &[]) else { return };
    let port = server.address().port();
    let seen = |host: &str, path: &str| {
        // Basic credentials of load:p.
        json!([{"body": true, "equals": format!("{host}:{port}|Basic bG9hZDpw|a=b|{path}")}])
    };
    let auth = json!({"auth": {"basic": {"username": "load", "password": "p"}}});
    let steps = json!([
        // nginx writes the host in lower case into the location.
        {"request": {"url": "/user", "headers": {"Cookie": "a=b"}, "expect": seen("LocalHost", "/seen")}},
        {"request": {"url": format!("http://LOCALHOST:{port}/seen?x"), "headers": {"Cookie": "a=b"},
            "expect": seen("LOCALHOST", "/seen?x")}},
    ]);
    holds(&format!("http://LocalHost:{port}"), auth.clone(), steps);
    let steps = json!([{"request": {"url": format!("http://127.1:{port}/seen"), "headers": {"Cookie": "a=b"},
        "expect": seen("127.1", "/seen")}}]);
    holds(&server.url(), auth, steps);
}

#[test]
fn cookies_go_by_the_host_that_the_server_is_told() {
    // golang#38988, k6#403.
    let directives = "location /set { add_header Set-Cookie \"sid=1; Domain=shop.example.com; Path=/\"; return 204; }\n\
                      location /own { add_header Set-Cookie \"own=2; Path=/\"; return 204; }\n\
                      location /back { return 302 http://$server_addr:$server_port/seen; }\n\
                      location /seen { return 200 \"<$http_cookie>\"; }";
    let Some(server) = HttpServer::nginx("", directives, &[]) else { return };
    let get = |host: &str, url: &str, seen: &str| {
        let expect = json!([{"bodyContains": seen}]);
        json!({"request": {"url": url, "headers": {"Host": host}, "expect": expect}})
    };
    let set = |host: &str, url: &str| json!({"request": {"url": url, "headers": {"Host": host}}});
    let steps = json!([
        set("shop.example.com", "/set"),
        get("shop.example.com", "/seen", "<sid=1>"),
        get("Shop.Example.COM:81", "/seen", "<sid=1>"),
        get("www.shop.example.com", "/seen", "<sid=1>"),
        get("other.example.com", "/seen", "<>"),
        set("other.example.com", "/own"),
        get("other.example.com", "/seen", "<own=2>"),
        get("shop.example.com", "/seen", "<sid=1>"),
        // A redirect to the place that is asked already: the Host stays, and with it the cookie (curl).
        get("shop.example.com", "/back", "<sid=1>"),
        {"request": {"url": "/seen", "expect": [{"bodyContains": "<>"}]}},
    ]);
    holds(&server.url(), json!({}), steps);
}

#[test]
fn cookies_are_sent_back_byte_for_byte() {
    let server = Raw::start(|path, _| match path {
        "/old" => answer(b"Set-Cookie: who=J\xfcrgen; Path=/\r\n", b""),
        "/new" => answer("Set-Cookie: new=voil\u{e0}; Path=/\r\n".as_bytes(), b""),
        _ => answer(b"", b""),
    });
    let steps = json!([
        {"request": {"url": "/old", "expect": [{"cookie": "who", "equals": "J\u{fc}rgen"}]}},
        {"request": {"url": "/1"}},
        {"request": {"url": "/2", "cookies": {"own": "x"}, "headers": {"Cookie": "h=\u{fc}"}}},
        {"request": {"url": "/3", "cookies": {"who": "else"}}},
    ]);
    holds(&server.url(), json!({}), steps);
    // U+FFFD is the byte that is no text in UTF-8, as the server wrote it (curl).
    let sent = server.values("cookie");
    let sent: Vec<Option<&str>> = sent.iter().map(Option::as_deref).collect();
    // Two character sets in one header: the test's own in UTF-8, the server's as it was.
    let mixed = "h=\u{fc}; own=x; who=J\u{fffd}rgen";
    assert_eq!(sent, [None, Some("who=J\u{fffd}rgen"), Some(mixed), Some("who=else")]);
    let steps = json!([
        {"request": {"url": "/new", "expect": [{"cookie": "new", "equals": "voil\u{e0}"}]}},
        {"request": {"url": "/4"}},
    ]);
    holds(&server.url(), json!({}), steps);
    assert_eq!(server.values("cookie").last().unwrap().as_deref(), Some("new=voil\u{e0}"));
}

#[test]
fn a_redirect_is_asked_for_as_the_server_wrote_it() {
    let directives = "location = /dots { return 302 /ok/%2e%2e/b; }\nlocation = /quote { return 302 \"/q?a='b'\"; }\n\
                      location = /up/x { return 302 \"http://127.0.0.1:$server_port/a/./../c\"; }\n\
                      location / { return 200 \"<$request_uri>\"; }";
    let Some(server) = HttpServer::nginx("", &format!("absolute_redirect off;\n{directives}"), &[]) else {
        return;
    };
    // What curl 7.88 asks for.
    let steps: Vec<Value> = [("/dots", "</ok/%2e%2e/b>"), ("/quote", "</q?a='b'>"), ("/up/x", "</c>")]
        .into_iter()
        .map(|(url, seen)| json!({"request": {"url": url, "expect": [{"bodyContains": seen}]}}))
        .collect();
    holds(&server.url(), json!({}), json!(steps));
}

#[test]
fn a_redirect_that_leads_nowhere_is_told_without_what_may_be_secret() {
    for (location, words) in [
        ("myapp://cb?code=s3cret", "can't follow a redirect to \"myapp://cb?\u{2026}\""),
        ("ftp://u:s3cret@h/x?t=s3cret", "\"ftp://****@h/x?\u{2026}\": it is not an http:// or https:// URL"),
        ("//u:s3cret@h:99999/?t=s3cret", "http://****@h:99999/?\u{2026}"),
    ] {
        let server = Raw::start(move |_, _| redirect(location.as_bytes()));
        let message = refusal(spec(&server.url(), times(1), json!([{"request": {"url": "/"}}])));
        assert!(message.contains(words) && !message.contains("s3cret"), "{message}");
    }
}

#[test]
fn blanks_before_the_colon_of_a_header_are_no_matter() {
    // hyper#2506; curl and Go read it.
    let server = Raw::start(|_, _| {
        Some(b"HTTP/1.1 200 OK\r\nServer : x\r\nX-A \t: b\r\nContent-Length : 2\r\n\r\nok".to_vec())
    });
    let steps = json!([
        {"request": {"url": "/1", "expect": [{"header": "X-A", "equals": "b"}, {"bodyContains": "ok"}]}},
        {"request": {"url": "/2"}},
    ]);
    holds(&server.url(), json!({}), steps);
}
