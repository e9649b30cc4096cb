// SPDX-License-Identifier: Apache-2.0
//! Cases from public bug reports about other tools, and those like them: bytes of headers, what is kept over redirects,
//! what giving up looks like, and what is sent again. The table is docs/src/reference/http-cases.md.

use std::{sync::Arc, thread, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use upsurge_core::http::{BeyondLimit, RedirectRewrites, Rules, TimeoutScope};
use upsurge_engine::EngineConfig;

use crate::{
    load::{Outcome, config, run, spec, times},
    raw::{Raw, answer, redirect},
};

fn test(url: &str, http: Value, steps: Value) -> EngineConfig {
    let mut test = spec(url, times(1), steps);
    test["http"] = http;
    config(test)
}

fn go(url: &str, http: Value, steps: Value) -> Outcome {
    run(test(url, http, steps))
}

fn with_rules(mut test: EngineConfig, change: impl FnOnce(&mut Rules)) -> Outcome {
    change(&mut Arc::get_mut(&mut test.valid).unwrap().http.rules);
    run(test)
}

#[test]
fn header_bytes_beyond_ascii_are_heeded() {
    let server = Raw::start(|path, _| {
        match path {
        "/utf8" => redirect("/caf\u{e9}".as_bytes()),
        "/latin1" => redirect(b"/caf\xe9"),
        "/name" => answer(
            "Content-Disposition: attachment; filename=\"caf\u{e9}.txt\"\r\nSet-Cookie: who=J\u{fc}rgen; Path=/\r\n"
                .as_bytes(),
            b"",
        ),
        "/old" => answer(b"X-Name: caf\xe9\r\n", b""),
        _ => answer(b"", b""),
    }
    });
    let steps = json!([
        {"request": {"url": "/utf8", "expect": [{"status": [200]}]}},
        {"request": {"url": "/latin1"}},
        {"request": {"url": "/name", "expect": [
            {"header": "Content-Disposition", "contains": "caf\u{e9}.txt"}, {"cookie": "who", "equals": "J\u{fc}rgen"}]}},
        {"request": {"url": "/old", "expect": [{"header": "X-Name", "equals": "caf\u{e9}"}]}},
    ]);
    let outcome = go(&server.url(), json!({}), steps);
    assert_eq!((outcome.rate("http_req_failed").0, outcome.rate("checks")), (0, (4, 4)));
    // As they are, in whatever character set: what curl 8 and k6 ask for.
    assert_eq!(server.paths(), ["/utf8", "/caf%C3%A9", "/latin1", "/caf%E9", "/name", "/old"]);
    assert_eq!(server.values("cookie").last().unwrap().as_deref(), Some("who=J\u{fc}rgen"));
}

#[test]
fn what_the_user_wrote_stays_with_the_server_it_was_written_for() {
    let other = Raw::start(|_, _| answer(b"", b""));
    let location = Box::leak(format!("{}/there", other.url()).into_boxed_str()).as_bytes();
    let location: &'static [u8] = location;
    let server = Raw::start(move |path, _| match path {
        "/here" => redirect(b"/next"),
        "/away" => redirect(location),
        _ => answer(b"", b""),
    });
    let headers =
        json!({"Host": "shop.example.com", "Authorization": "Custom x", "Cookie": "a=b", "X-A": "y"});
    let steps = json!([
        {"request": {"url": "/here", "headers": headers}},
        {"request": {"url": "/away", "headers": headers}},
    ]);
    assert_eq!(go(&server.url(), json!({}), steps).rate("http_req_failed"), (0, 4));
    assert_eq!(server.paths(), ["/here", "/next", "/away"]);
    for (name, value) in [("host", "shop.example.com"), ("authorization", "Custom x"), ("cookie", "a=b")] {
        assert!(server.values(name).iter().all(|found| found.as_deref() == Some(value)), "{name}");
    }
    let there = |name| other.values(name).remove(0);
    assert_eq!(there("host"), Some(other.address.to_string()));
    assert_eq!([there("authorization"), there("cookie"), there("x-a")], [None, None, Some("y".into())]);
}

#[test]
fn credentials_are_told_to_nobody_else_who_asks_for_them() {
    let challenge =
        "HTTP/1.1 401 Who\r\ncontent-length: 0\r\nwww-authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n";
    let other = Raw::start(move |_, _| Some(challenge.into()));
    let location: &'static str = Box::leak(format!("{}/there", other.url()).into_boxed_str());
    let server = Raw::start(move |_, _| redirect(location.as_bytes()));
    let auth = json!({"digest": {"username": "u", "password": "p"}});
    let outcome = go(&server.url(), json!({}), json!([{"request": {"url": "/", "auth": auth}}]));
    assert_eq!((outcome.rate("http_req_failed"), other.paths().len()), ((1, 2), 1));
    assert_eq!(other.values("authorization"), [None]);
}

#[test]
fn too_many_redirects_are_a_failure() {
    let endless = || Raw::start(|_, _| redirect(b"/loop"));
    let once = |request: Value| {
        let server = endless();
        let outcome = go(&server.url(), json!({}), json!([{"request": request}]));
        let failed = outcome.rate("http_req_failed").0;
        (failed, outcome.count_of("request_errors", "too many redirects"), server.paths().len())
    };
    let expect = json!([{"status": [200]}]);
    assert_eq!(once(json!({"url": "/"})), (1, 1, 11));
    assert_eq!(once(json!({"url": "/", "maxRedirects": 2, "expect": expect})), (1, 1, 3));
    // Who asks for the redirect itself gets it.
    assert_eq!(once(json!({"url": "/", "maxRedirects": 0})), (0, 0, 1));
    assert_eq!(once(json!({"url": "/", "expect": [{"status": [302]}]})), (0, 0, 1));
    // As in k6, where a front end wants that.
    let server = endless();
    let steps = json!([{"request": {"url": "/", "maxRedirects": 2}}]);
    let outcome = with_rules(test(&server.url(), json!({}), steps), |rules| {
        rules.redirects.beyond_limit = BeyondLimit::IsResponse;
    });
    assert_eq!((outcome.rate("http_req_failed"), server.paths().len()), ((0, 3), 3));
}

#[test]
fn methods_become_get_as_the_rules_say() {
    let methods = |method: &str, rewrites| {
        let server = Raw::start(|path, _| if path == "/" { redirect(b"/next") } else { answer(b"", b"") });
        let steps = json!([{"request": {"url": "/", "method": method}}]);
        with_rules(test(&server.url(), json!({}), steps), |rules| rules.redirects.rewrites = rewrites);
        server.heads()[1].split(' ').next().unwrap().to_owned()
    };
    assert_eq!(methods("POST", RedirectRewrites::All), "GET");
    assert_eq!(methods("DELETE", RedirectRewrites::All), "GET");
    assert_eq!(methods("POST", RedirectRewrites::PostUnlessSeeOther), "GET");
    assert_eq!(methods("DELETE", RedirectRewrites::PostUnlessSeeOther), "DELETE");
}

#[test]
fn one_timeout_spans_all_redirects() {
    let chain = || {
        Raw::start(|path, _| {
            thread::sleep(Duration::from_millis(400));
            match path {
                "/0" => answer(b"", b""),
                _ => redirect(format!("/{}", path[1..].parse::<u32>().unwrap() - 1).as_bytes()),
            }
        })
    };
    let steps = |timeout: &str| json!([{"request": {"url": "/3", "timeout": timeout, "expect": [{"responseTime": "1s"}]}}]);
    let outcome = go(&chain().url(), json!({}), steps("900ms"));
    assert_eq!(outcome.count_of("request_errors", "timeout"), 1);
    assert_eq!((outcome.rate("http_req_failed").0, outcome.rate("checks")), (1, (0, 1)));
    // Expectations see all messages, of which each is quick enough.
    let outcome = go(&chain().url(), json!({}), steps("20s"));
    assert_eq!((outcome.rate("http_req_failed"), outcome.rate("checks")), ((0, 4), (0, 1)));
    let each = test(&chain().url(), json!({}), steps("1200ms"));
    let outcome = with_rules(each, |rules| rules.timeout = TimeoutScope::Message);
    assert_eq!(outcome.rate("http_req_failed"), (0, 4));
}

#[test]
fn a_server_that_drops_what_it_worked_on_has_failed() {
    let server = Raw::start(|path, number| match (path, number) {
        ("/crash", _) => {
            thread::sleep(Duration::from_secs(1));
            None
        }
        _ => answer(b"", b""),
    });
    let steps = json!([{"request": {"url": "/"}}, {"request": {"url": "/"}}, {"request": {"name": "crash", "url": "/crash"}}]);
    let outcome = go(&server.url(), json!({}), steps);
    assert_eq!(outcome.rate("http_req_failed"), (1, 3));
    assert_eq!(server.paths(), ["/", "/", "/crash"], "nothing is sent twice");
    assert_eq!((outcome.count_of("request_errors", "reset"), outcome.count("http_req_resent")), (1, 0));
    let longest = outcome.metrics.trend("http_req_duration", &Default::default()).max();
    assert!(longest >= 990.0, "the wait is part of the time: {longest} ms");
}

#[test]
fn a_request_that_is_sent_again_is_counted_and_timed_from_the_first_try() {
    // Every second request of a connection meets its end, after a moment.
    let server = Raw::start(|_, number| {
        if number.is_multiple_of(2) {
            return answer(b"", b"");
        }
        thread::sleep(Duration::from_millis(200));
        None
    });
    let steps = json!([{"request": {"url": "/1"}}, {"request": {"url": "/2"}}]);
    let outcome = with_rules(test(&server.url(), json!({}), steps), |rules| {
        rules.resend.stale.as_mut().unwrap().within = Duration::from_secs(20);
    });
    assert_eq!((outcome.rate("http_req_failed"), outcome.count("http_req_resent")), ((0, 2), 1));
    assert_eq!(server.paths(), ["/1", "/2", "/2"]);
    let longest = outcome.metrics.trend("http_req_duration", &Default::default()).max();
    assert!(longest >= 190.0, "{longest} ms");
    // Not when an answer had begun.
    let server = Raw::start(|_, number| match number {
        0 => answer(b"", b""),
        _ => Some(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1".to_vec()).filter(|_| number == 1),
    });
    let steps = json!([{"request": {"url": "/1"}}, {"request": {"url": "/2", "timeout": "300ms"}}]);
    let outcome = go(&server.url(), json!({}), steps);
    assert_eq!((outcome.rate("http_req_failed"), outcome.count("http_req_resent")), ((1, 2), 0));
}

#[test]
fn an_end_is_soon_by_what_the_connection_has_shown() {
    // Three times the least time to the first byte, which is 200 ms at least. Who forgot it would send nothing again.
    for (wait, failed, resent) in [(250, 0, 1), (2_500, 1, 0)] {
        let server = Raw::start(move |_, number| {
            thread::sleep(Duration::from_millis(if number == 0 { 200 } else { wait }));
            answer(b"", b"").filter(|_| number == 0)
        });
        let steps = json!([{"request": {"url": "/1"}}, {"request": {"url": "/2"}}]);
        let outcome = go(&server.url(), json!({}), steps);
        assert_eq!(
            (outcome.rate("http_req_failed"), outcome.count("http_req_resent")),
            ((failed, 2), resent),
            "an end after {wait} ms"
        );
    }
}

#[test]
fn user_and_password_of_a_url_are_sent() {
    let server = Raw::start(|_, _| answer(b"", b""));
    let with = |login: &str| format!("http://{login}@{}", server.address);
    let steps = json!([
        {"request": {"url": "/base"}},
        {"request": {"url": "/{{ iteration }}"}},
        {"request": {"url": format!("{}/own", with("bob"))}},
        {"request": {"url": "/header", "headers": {"Authorization": "Custom x"}}},
        {"request": {"url": "/auth", "auth": {"bearer": {"token": "t"}}}},
    ]);
    assert_eq!(go(&with("al%69ce:se%20cret"), json!({}), steps).rate("http_req_failed"), (0, 5));
    let basic = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
    let expected = [
        basic("alice:se cret"),
        basic("alice:se cret"),
        basic("bob:"),
        Some("Custom x".into()),
        Some("Bearer t".into()),
    ];
    assert_eq!(server.values("authorization"), expected);
}

#[test]
fn a_digest_challenge_is_found_among_others_and_answered_anew_when_stale() {
    let server = Raw::start(|path, number| {
        let challenge = match (path, number) {
            ("/folded", 0) => "Basic realm=\"r\", Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
            ("/token", 0) => "Negotiate YIIabc==, Digest realm=\"r\", nonce=abc==, NTLM TlRM==",
            ("/stale", 0) => "Digest realm=\"r\", nonce=\"a\"",
            ("/stale", 1) => "Digest realm=\"r\", nonce=\"b\", stale=true",
            _ => return answer(b"", b""),
        };
        Some(format!("HTTP/1.1 401 Who\r\ncontent-length: 0\r\nWWW-Authenticate: {challenge}\r\n\r\n").into())
    });
    let auth = json!({"digest": {"username": "u", "password": "p"}});
    for (path, messages) in [("/folded", 2), ("/stale", 3), ("/token", 2)] {
        let outcome = go(&server.url(), json!({}), json!([{"request": {"url": path, "auth": auth}}]));
        assert_eq!(outcome.rate("http_req_failed"), (0, messages), "{path}");
    }
    let answers: Vec<String> = server.values("authorization").into_iter().flatten().collect();
    assert_eq!(answers.len(), 4);
    assert!(answers[2].contains("nonce=\"b\""), "{}", answers[2]);
    // httparty#271; curl answers it, too.
    assert!(answers[3].contains("nonce=\"abc==\""), "{}", answers[3]);
}

#[test]
fn texts_are_read_in_the_character_set_of_the_server() {
    let server = Raw::start(|path, _| match path {
        "/latin1" => answer(b"Content-Type: text/html; charset=iso-8859-1\r\n", b"<p id=x>caf\xe9</p>"),
        "/meta" => answer(b"", b"<meta charset=latin1><p id=x>caf\xe9</p>"),
        "/utf16" => {
            let body: Vec<u8> =
                "\u{feff}{\"a\": \"caf\u{e9}\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
            answer(b"Content-Type: application/json\r\n", &body)
        }
        _ => answer(b"", "\u{feff}{\"a\": \"caf\u{e9}\"}".as_bytes()),
    });
    let look = |url: &str, mut subject: Value| {
        subject["equals"] = json!("caf\u{e9}");
        json!({"request": {"url": url, "expect": [subject, {"bodyContains": "caf\u{e9}"}]}})
    };
    let steps = json!([
        look("/latin1", json!({"selector": {"css": "#x"}})),
        look("/meta", json!({"selector": {"css": "#x"}})),
        look("/utf16", json!({"jsonPath": "$.a"})),
        look("/mark", json!({"jsonPath": "$.a"})),
    ]);
    assert_eq!(go(&server.url(), json!({}), steps).rate("checks"), (8, 8));
}

#[test]
fn many_headers_are_read() {
    let server = Raw::start(|_, _| {
        let headers: String = (0..150).map(|number| format!("X-{number}: {number}\r\n")).collect();
        answer(headers.as_bytes(), b"")
    });
    let steps = json!([{"request": {"url": "/", "expect": [{"header": "X-149", "equals": "149"}]}}]);
    let outcome = go(&server.url(), json!({}), steps);
    assert_eq!((outcome.rate("http_req_failed"), outcome.rate("checks")), ((0, 1), (1, 1)));
}

#[test]
fn a_cookie_header_goes_with_the_cookies_of_the_user() {
    let server = Raw::start(|_, _| answer(b"Set-Cookie: a=jar\r\nSet-Cookie: b=jar\r\n", b""));
    let steps = json!([
        {"request": {"url": "/1"}},
        {"request": {"url": "/2", "headers": {"Cookie": "a=header; c=header"}, "cookies": {"c": "own", "d": "own"}}},
    ]);
    go(&server.url(), json!({}), steps);
    assert_eq!(server.values("cookie"), [None, Some("a=header; c=header; d=own; b=jar".into())]);
}

#[test]
fn a_coding_that_nobody_knows_is_the_servers_affair() {
    let server = Raw::start(|_, _| answer(b"Content-Encoding: rot13\r\n", b"uryyb"));
    let steps = json!([{"request": {"url": "/1"}}, {"request": {"url": "/2", "expect": [{"bodyContains": "uryyb"}]}}]);
    let outcome = go(&server.url(), json!({}), steps);
    assert_eq!((outcome.rate("http_req_failed"), outcome.rate("checks")), ((0, 2), (1, 1)));
}

#[test]
fn names_of_json_fields_are_templates() {
    let server = Raw::start(|_, number| answer(b"", b"").filter(|_| number == 0));
    let steps = json!([{"request": {"url": "/", "method": "POST", "json": {"n{{ iteration }}": 1, "fixed": "{{ iteration }}"}}}]);
    go(&server.url(), json!({}), steps);
    // The head says how long the body is, which the server does not read: {"fixed":0,"n0":1}.
    assert_eq!(server.values("content-length"), [Some("18".into())]);
}

#[test]
fn messages_show_no_secret() {
    let mut test = spec("http://127.0.0.1:1", times(1), json!([{"request": {"url": "/"}}]));
    test["secrets"] = json!([{"name": "tenant", "secretKeyRef": {"name": "x", "key": "y"}}]);
    test["before"] = json!([{"request": {"url": "http://{{ secrets.tenant }}.invalid/"}}]);
    let config = config(test);
    let secrets = [("tenant".to_owned(), "s3cret".to_owned())].into();
    let before = upsurge_engine::run_before(&config.valid, &config.test, &secrets, &config.files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let message = runtime.block_on(before).unwrap_err();
    assert!(message.contains("****.invalid does not resolve") && !message.contains("s3cret"), "{message}");
}
