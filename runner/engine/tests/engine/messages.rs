// SPDX-License-Identifier: Apache-2.0
//! What requests carry, and what is made of responses: bodies, credentials, cookies, redirects, codings.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use upsurge_core::{files, metrics::Selector};
use upsurge_system::files::Files;

use crate::{
    load::{Outcome, config, run, spec, times},
    server::{self, Arrived, Server},
};

/// One iteration by one user.
/// Does steps once, with options.
fn go(server: &Server, http: Value, steps: Value) -> Outcome {
    let mut test = spec(&server.url(), times(1), steps);
    test["http"] = http;
    test["variables"] = json!({"who": "ann", "word": "open sesame"});
    run(config(test))
}

fn header<'a>(arrived: &'a Arrived, name: &str) -> Option<&'a str> {
    arrived.headers.get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn parts_files_and_bytes_are_sent_as_bodies() {
    let server = Server::simple();
    let steps = json!([
        {"request": {"url": "/multipart", "method": "POST", "multipart": [
            {"name": "a \"b\"", "value": "{{ who }}"},
            {"name": "upload", "file": {"configMapKeyRef": {"name": "data", "key": "x.bin"}}},
            {"name": "page", "file": {"text": "<p>"}, "fileName": "{{ who }}.html", "contentType": "text/html"},
        ]}},
        {"request": {"url": "/file", "method": "PUT", "file": {"configMapKeyRef": {"name": "data", "key": "x.bin"}}}},
        {"request": {"url": "/bytes", "method": "POST", "base64": "AAEC\n/w==", "headers": {"Content-Type": "image/x"}}},
    ]);
    let mut test = spec(&server.url(), times(1), steps);
    test["variables"] = json!({"who": "ann"});
    let mut config = config(test);
    let references = files::references(&config.test);
    let contents = [0_u8, 255, b'\n', b'-'];
    let places = upsurge_system::files::Places {
        objects: references.iter().map(|file| (file.id.clone(), contents.to_vec().into())).collect(),
        directory: None,
    };
    config.files = std::sync::Arc::new(Files::load(&references, &places).unwrap());
    let outcome = run(config);
    assert_eq!(outcome.rate("http_req_failed"), (0, 3));
    let arrived = server.arrived();
    let content_type = header(&arrived[0], "content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = [
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a %22b%22\"\r\n\r\nann\r\n").into_bytes(),
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n").into_bytes(),
        contents.to_vec(),
        format!("\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"page\"; filename=\"ann.html\"\r\nContent-Type: text/html\r\n\r\n<p>\r\n--{boundary}--\r\n").into_bytes(),
    ]
    .concat();
    assert_eq!(arrived[0].body, expected);
    assert_eq!(arrived[1].body, contents.as_slice());
    assert_eq!(header(&arrived[1], "content-type"), Some("application/octet-stream"));
    assert_eq!(arrived[2].body, [0, 1, 2, 255].as_slice());
    assert_eq!(header(&arrived[2], "content-type"), Some("image/x"));
}

#[test]
fn credentials_go_to_the_server_of_the_test_only() {
    let other = Server::simple();
    let server = Server::simple();
    let steps = json!([
        {"request": {"url": "/of-test"}},
        {"request": {"url": format!("{}/elsewhere", other.url())}},
        {"request": {"url": "/bearer", "auth": {"bearer": {"token": "t-{{ who }}"}}}},
        {"request": {"url": format!("{}/own", other.url()), "auth": {"basic": {"username": "{{ who }}", "password": "{{ word }}"}}}},
        {"request": {"url": "/none", "auth": {"none": true}}},
        {"request": {"url": "/header", "headers": {"Authorization": "Custom x"}}},
    ]);
    let http = json!({"auth": {"basic": {"username": "load", "password": "p:w"}}});
    assert_eq!(go(&server, http, steps).rate("http_req_failed"), (0, 6));
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let seen = |server: &Server| -> Vec<(String, Option<String>)> {
        let arrived = server.arrived();
        arrived.iter().map(|a| (a.target.clone(), header(a, "authorization").map(String::from))).collect()
    };
    let expected = [
        ("/of-test", Some(basic("load:p:w"))),
        ("/bearer", Some("Bearer t-ann".into())),
        ("/none", None),
        ("/header", Some("Custom x".into())),
    ];
    assert_eq!(seen(&server), expected.map(|(target, value)| (target.to_owned(), value)));
    let expected = [("/elsewhere", None), ("/own", Some(basic("ann:open sesame")))];
    assert_eq!(seen(&other), expected.map(|(target, value)| (target.to_owned(), value)));
}

#[test]
fn a_digest_challenge_is_answered_once() {
    let server = Server::start(|arrived| async move {
        let answer = header(&arrived, "authorization").unwrap_or_default().to_owned();
        // The answer is checked by the digest's own tests; here that it belongs to this very request.
        if answer.starts_with("Digest username=\"ann\"") && answer.contains("uri=\"/a?b=1\"") {
            server::json("{}")
        } else {
            server::with_headers(
                401,
                &[("www-authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")],
                "",
            )
        }
    });
    let steps = json!([{"request": {"url": "/a?b=1", "method": "POST", "json": {"x": 1},
        "auth": {"digest": {"username": "{{ who }}", "password": "w"}}, "expect": [{"status": [200]}]}}]);
    let outcome = go(&server, json!({}), steps);
    assert_eq!(server.targets(), ["/a?b=1", "/a?b=1"]);
    assert_eq!(server.arrived()[1].body, "{\"x\":1}");
    assert_eq!((outcome.checks("status is 200"), outcome.rate("http_req_failed")), ((1, 1), (0, 2)));
    // A wrong answer is not repeated.
    let steps =
        json!([{"request": {"url": "/other", "auth": {"digest": {"username": "ann", "password": "w"}}}}]);
    let outcome = go(&server, json!({}), steps);
    assert_eq!(outcome.rate("http_req_failed"), (1, 2));
}

#[test]
fn redirects_are_followed_as_far_as_the_test_wants() {
    let server = Server::start(|arrived| async move {
        let number: usize = arrived.target[1..].parse().unwrap();
        server::with_headers(302, &[("location", &format!("/{}", number + 1))], "")
    });
    let count = |http: Value, request: Value| {
        let before = server.arrived().len();
        let mut step = json!({"url": "/0"});
        step.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let outcome = go(&server, http, json!([{"request": step}]));
        (server.arrived().len() - before, outcome.rate("http_req_failed").0)
    };
    assert_eq!(count(json!({}), json!({})), (11, 1));
    assert_eq!(count(json!({"maxRedirects": 2}), json!({})), (3, 1));
    assert_eq!(count(json!({"maxRedirects": 2}), json!({"maxRedirects": 0})), (1, 0));
    assert_eq!(count(json!({}), json!({"maxRedirects": 20})), (21, 1));
    assert_eq!(count(json!({}), json!({"expect": [{"status": [302]}]})), (1, 0));
}

#[test]
fn expected_statuses_decide_what_failed() {
    let server = Server::start(|arrived| async move { server::status(arrived.target[1..].parse().unwrap()) });
    let failed = |http: Value, request: Value, status: u16| {
        let mut step = json!({"url": format!("/{status}")});
        step.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        go(&server, http, json!([{"request": step}])).rate("http_req_failed").0
    };
    let strict = json!({"expectedStatuses": ["200-299", 404]});
    assert_eq!((failed(json!({}), json!({}), 304), failed(json!({}), json!({}), 404)), (0, 1));
    assert_eq!((failed(strict.clone(), json!({}), 304), failed(strict.clone(), json!({}), 404)), (1, 0));
    assert_eq!(failed(strict.clone(), json!({"expectedStatuses": ["300-399"]}), 304), 0);
    assert_eq!(failed(strict.clone(), json!({"expect": [{"status": [304]}]}), 304), 0);
    let both = json!({"expectedStatuses": [503], "expect": [{"status": [200]}]});
    assert_eq!(failed(strict, both, 503), 0);
}

#[test]
fn cookies_last_as_long_as_the_test_says() {
    let script = |arrived: Arrived| async move {
        let number = header(&arrived, "cookie").map_or(0, |cookie| cookie.matches("n=").count());
        server::with_headers(200, &[("set-cookie", "n=1; Path=/"), ("x-cookies", &number.to_string())], "")
    };
    let steps = json!([{"request": {"url": "/", "expect": [{"name": "known", "header": "x-cookies", "equals": "1"}]}}, {"think": {"min": "20ms"}}]);
    for (keep, expected) in [(false, 0), (true, 1)] {
        let server = Server::start(script);
        let load = json!({"constant": {"level": 1, "duration": "300ms"}});
        let mut test = spec(&server.url(), load, steps.clone());
        test["http"] = json!({"keepCookies": keep});
        let (known, all) = run(config(test)).checks("known");
        assert!(all > 2, "{all} requests");
        assert_eq!(known, (all - 1) * expected);
    }
}

#[test]
fn cookies_of_a_request_win_over_those_of_the_user() {
    let server = Server::start(|_| async {
        server::with_headers(200, &[("set-cookie", "a=jar"), ("set-cookie", "b=jar")], "")
    });
    let steps = json!([
        {"request": {"url": "/1"}},
        {"request": {"url": "/2", "cookies": {"a": "{{ who }}", "c": "own"}}},
        {"request": {"url": "/3"}},
    ]);
    assert_eq!(go(&server, json!({}), steps).count("http_reqs"), 3);
    let mut cookies: Vec<Vec<String>> = server
        .arrived()
        .iter()
        .map(|arrived| header(arrived, "cookie").unwrap_or_default().split("; ").map(String::from).collect())
        .collect();
    cookies.iter_mut().for_each(|cookies| cookies.sort());
    assert_eq!(cookies, [vec![""], vec!["a=ann", "b=jar", "c=own"], vec!["a=jar", "b=jar"]]);
}

#[test]
fn bodies_are_compressed_on_the_way_out() {
    let server = Server::simple();
    let text = "again and again ".repeat(100);
    let steps = json!([
        {"request": {"url": "/fixed", "method": "POST", "body": text, "compression": ["Gzip"]}},
        {"request": {"url": "/filled", "method": "POST", "body": format!("{{{{ who }}}}{text}"), "compression": ["Zstd", "Br"]}},
    ]);
    assert_eq!(go(&server, json!({"acceptEncoding": ["Br", "Gzip"]}), steps).count("http_reqs"), 2);
    let arrived = server.arrived();
    assert_eq!(header(&arrived[0], "content-encoding"), Some("gzip"));
    assert_eq!(header(&arrived[0], "accept-encoding"), Some("br, gzip"));
    let mut unpacked = String::new();
    use std::io::Read;
    flate2::read::GzDecoder::new(&*arrived[0].body).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text);
    assert_eq!(header(&arrived[1], "content-encoding"), Some("zstd, br"));
    let mut zstd = Vec::new();
    brotli::Decompressor::new(&*arrived[1].body, 4096).read_to_end(&mut zstd).unwrap();
    let mut unpacked = String::new();
    ruzstd::decoding::StreamingDecoder::new(&*zstd).unwrap().read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, format!("ann{text}"));
}

/// `{"a": 1}` in each coding; `/bad` is none.
fn packed(arrived: Arrived) -> server::Answer {
    use std::io::Write;
    let text = br#"{"a": 1}"#;
    let (coding, body): (&str, Vec<u8>) = match &*arrived.target {
        "/gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            ("gzip", encoder.finish().unwrap())
        }
        "/zstd" => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ("zstd", ruzstd::encoding::compress_to_vec(text.as_slice(), level))
        }
        "/br" => {
            let mut body = Vec::new();
            brotli::BrotliCompress(&mut text.as_slice(), &mut body, &Default::default()).unwrap();
            ("br", body)
        }
        _ => ("gzip", b"plain".to_vec()),
    };
    http::Response::builder()
        .header("content-encoding", coding)
        .body(http_body_util::Full::new(body.into()))
        .unwrap()
}

#[test]
fn responses_are_decoded_when_somebody_looks() {
    let server = Server::start(|arrived| async move { packed(arrived) });
    let look = |path: &str| json!({"request": {"name": path, "url": path, "expect": [{"jsonPath": "$.a", "equals": 1}]}});
    let steps =
        json!([look("/gzip"), look("/zstd"), look("/br"), look("/bad"), {"request": {"url": "/bad"}}]);
    let outcome = go(&server, json!({}), steps);
    assert_eq!(outcome.checks("$.a equals 1"), (3, 4));
    assert_eq!(outcome.count_of("request_errors", "decompression"), 1);
    assert_eq!(outcome.rate("http_req_failed"), (1, 5), "nobody looks at the last one");
    let bad = Selector { request: Some("/bad".into()), ..Selector::default() };
    assert_eq!(outcome.metrics.rate("http_req_failed", &bad), (1, 1));
}
