// SPDX-License-Identifier: Apache-2.0
//! Public reports about other tools, tried on servers that many people run: go-httpbin and nginx. The table is
//! docs/src/reference/http-cases.md.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use upsurge_testing::HttpServer;

use crate::{
    certificates::Authority,
    load::{Outcome, config, run, spec, times},
    server::{Server, with_headers},
};

fn go(url: &str, http: Value, steps: Value) -> Outcome {
    let mut test = spec(url, times(1), steps);
    test["http"] = http;
    run(config(test))
}

/// Requests that succeed, and whose checks all hold.
fn holds(url: &str, http: Value, steps: Value) {
    let outcome = go(url, http, steps.clone());
    let ((failed, requests), (passes, checks)) = (outcome.rate("http_req_failed"), outcome.rate("checks"));
    assert!(requests > 0 && failed == 0, "{failed} of {requests} failed: {steps:#}");
    assert!(checks > 0 && passes == checks, "{passes} of {checks} checks hold: {steps:#}");
}

/// A request, and what its JSON must have at some paths.
fn get(url: &str, expect: &[(&str, Value)]) -> Value {
    let expect: Vec<Value> =
        expect.iter().map(|(path, value)| json!({"jsonPath": path, "equals": value})).collect();
    json!({"request": {"url": url, "expect": expect}})
}

#[test]
fn cookies_survive_what_servers_do_with_them() {
    let Some(server) = HttpServer::httpbin() else { return };
    for (report, steps) in [
        // Set during a redirect, and beside a header of the test's own.
        ("gatling#1843", json!([get("/cookies/set?a=b", &[("$.cookies.a", json!("b"))])])),
        (
            "k6#1923",
            json!([{"request": {"url": "/cookies/set?one=two", "headers": {"Cookie": "key=header.value"}, "cookies": {"some": "other"},
                "expect": [{"jsonPath": "$.cookies", "equals": {"key": "header.value", "some": "other", "one": "two"}}]}}]),
        ),
        // Of two with one name, the nearest path first.
        (
            "gatling#1732; curl#2524",
            json!([
                {"request": {"url": "/response-headers?Set-Cookie=a%3D1%3BPath%3D%2F&Set-Cookie=a%3D2%3BPath%3D%2Fheaders"}},
                get("/headers", &[("$.headers.Cookie[0]", json!("a=2; a=1"))]),
            ]),
        ),
        (
            "gatling#4525; curl#3351",
            json!([{"request": {"url": "/cookies/set?a=b&c=d"}}, get("/cookies/delete?a", &[("$.cookies", json!({"c": "d"}))])]),
        ),
        // Dates that are written in another way than usual end a cookie, too.
        (
            "RFC 6265, section 5.1.1",
            json!([
                {"request": {"url": "/cookies/set?a=b"}},
                {"request": {"url": "/response-headers?Set-Cookie=a%3D%3B+Path%3D%2F%3B+Expires%3DThu%2C+01+Jan+1970+00%3A00%3A00+-0000"}},
                get("/cookies", &[("$.cookies", json!({}))]),
            ]),
        ),
        // One whose date says nothing stays for the session.
        (
            "curl#697",
            json!([
                {"request": {"url": "/response-headers?Set-Cookie=a%3Db%3B+Path%3D%2F%3B+Expires%3DMon%2C+01-12-2014+10%3A00%3A00+GMT"}},
                get("/cookies", &[("$.cookies", json!({"a": "b"}))]),
            ]),
        ),
        // A name that promises more than the cookie keeps.
        (
            "the draft after RFC 6265",
            json!([
                {"request": {"url": "/response-headers?Set-Cookie=__Host-a%3D1%3B+Secure&Set-Cookie=b%3D2%3B+Path%3D%2F"}},
                get("/cookies", &[("$.cookies", json!({"b": "2"}))]),
            ]),
        ),
    ] {
        println!("{report}");
        holds(&server.url(), json!({}), steps);
    }
}

#[test]
fn redirects_keep_what_they_should() {
    let Some(server) = HttpServer::httpbin() else { return };
    let post = |status: u16, expect: Value| {
        json!([{"request": {
            "url": format!("/redirect-to?url=/anything&status_code={status}"), "method": "POST",
            "headers": {"Content-Language": "en"}, "json": {"a": 1}, "expect": expect,
        }}])
    };
    let repeated = json!([
        {"jsonPath": "$.method", "equals": "POST"},
        {"jsonPath": "$.json.a", "equals": 1},
        {"jsonPath": "$.headers['Content-Type'][0]", "equals": "application/json"},
    ]);
    let rewritten = json!([
        {"jsonPath": "$.method", "equals": "GET"},
        {"jsonPath": "$.data", "equals": ""},
        {"jsonPath": "$.headers['Content-Type']", "exists": false},
        {"jsonPath": "$.headers['Content-Language']", "exists": false},
    ]);
    for (report, steps) in [
        ("gatling#2780, #2859; jmeter#6658", post(307, repeated.clone())),
        ("gatling#3333", post(308, repeated)),
        ("jmeter-http-plugin#124", post(302, rewritten.clone())),
        ("gatling#2423", post(303, rewritten)),
        (
            "fragment",
            json!([{"request": {"url": "/redirect-to?url=/anything%3Fq%3D1%23top", "expect": [{"jsonPath": "$.url", "matches": "/anything\\?q=1$"}]}}]),
        ),
        (
            "relative",
            json!([{"request": {"url": "/relative-redirect/3", "expect": [{"status": [200]}, {"jsonPath": "$.url", "matches": "/get$"}]}}]),
        ),
        (
            "absolute",
            json!([{"request": {"url": "/absolute-redirect/3", "expect": [{"status": [200]}, {"jsonPath": "$.url", "matches": "/get$"}]}}]),
        ),
    ] {
        println!("{report}");
        holds(&server.url(), json!({}), steps);
    }
}

#[test]
fn an_empty_location_leads_nowhere() {
    let server = Server::start(|_| async { with_headers(302, &[("location", "")], "") });
    let steps = json!([{"request": {"url": "/", "expect": [{"status": [200, 302]}, {"header": "Location", "equals": ""}]}}]);
    holds(&server.url(), json!({}), steps);
    // Also for who does not ask for a redirect.
    let outcome = go(&server.url(), json!({}), json!([{"request": {"url": "/"}}]));
    assert_eq!((outcome.rate("http_req_failed"), server.targets().len()), ((0, 1), 2));
}

#[test]
fn addresses_are_asked_for_as_they_are_written() {
    let Some(server) = HttpServer::httpbin() else { return };
    let seen = |url: &str, part: &str| json!([{"request": {"url": url, "expect": [{"jsonPath": "$.url", "contains": part}]}}]);
    for (report, steps) in [
        ("locust#1643", seen("/anything?path/to/file", "/anything?path/to/file")),
        ("oha#255", seen("/anything?a=b&c=d", "/anything?a=b&c=d")),
        ("brackets", seen("/anything?a[]=1&b[c]=2", "a[]=1&b[c]=2")),
        ("escapes", seen("/anything?q=%2Fa%2520b+c", "q=%2Fa%2520b+c")),
        ("pipe and caret", seen("/anything?q=a|b^c", "q=a%7Cb%5Ec")),
        ("an empty query", seen("/anything?", "/anything")),
        ("beyond ASCII", seen("/anything?q=caf\u{e9}", "q=caf%C3%A9")),
    ] {
        println!("{report}");
        holds(&server.url(), json!({}), steps);
    }
}

#[test]
fn bodies_come_through_however_they_are_sent() {
    let Some(server) = HttpServer::httpbin() else { return };
    let expect = |url: &str, expect: Value| json!([{"request": {"url": url, "expect": expect}}]);
    for (report, steps) in [
        ("k6#1030", expect("/gzip", json!([{"jsonPath": "$.gzipped", "equals": true}]))),
        ("k6#419", expect("/deflate", json!([{"jsonPath": "$.deflated", "equals": true}]))),
        ("hyper#2363", expect("/trailers?a=b", json!([{"status": [200]}, {"body": true, "minLength": 1}]))),
        (
            "chunks",
            expect("/stream-bytes/100000?chunk_size=777&seed=1", json!([{"body": true, "minLength": 1000}])),
        ),
        ("utf-8", expect("/encoding/utf8", json!([{"bodyContains": "\u{2200}x\u{2208}\u{211d}"}]))),
        (
            "html",
            expect(
                "/html",
                json!([{"selector": {"css": "body:has(p) > h1"}, "equals": "Herman Melville - Moby-Dick"}]),
            ),
        ),
        // Go answers 100 before it reads a body that was announced so.
        (
            "100 Continue",
            json!([{"request": {"url": "/anything", "method": "POST", "headers": {"Expect": "100-continue"}, "body": "x".repeat(70_000),
                "expect": [{"status": [200]}, {"jsonPath": "$.headers['Content-Length'][0]", "equals": "70000"}]}}]),
        ),
        (
            "HEAD",
            json!([{"request": {"url": "/bytes/1000", "method": "HEAD", "expect": [{"header": "Content-Length", "equals": "1000"}]}}, {"request": {"url": "/get"}}]),
        ),
        ("304", expect("/status/304", json!([{"status": [304]}]))),
        (
            "digest",
            json!([{"request": {"url": "/digest-auth/auth/u/p/SHA-256", "auth": {"digest": {"username": "u", "password": "p"}}, "expect": [{"status": [200]}]}}]),
        ),
    ] {
        println!("{report}");
        holds(&server.url(), json!({}), steps);
    }
}

#[test]
fn responses_of_nginx_are_understood_in_all_their_forms() {
    let Some(origin) = HttpServer::httpbin() else { return };
    let directives = format!(
        "location /empty {{ add_header Content-Encoding gzip always; return 204; }}\n\
         merge_slashes off;\nlocation /slashes {{ return 302 /seen//a///b; }}\nlocation /seen {{ return 200 $request_uri; }}\n\
         location /until-closed/ {{ proxy_pass {}/; chunked_transfer_encoding off; keepalive_timeout 0; }}\n\
         location /host {{ return 200 $http_host; }}",
        origin.url()
    );
    let Some(server) = HttpServer::nginx("", &directives, &[]) else { return };
    let host = server.address().to_string();
    for (report, steps) in [
        (
            "locust#2310",
            json!([{"request": {"url": "/empty", "expect": [{"status": [204]}, {"bodyContains": "x", "not": true}]}}]),
        ),
        (
            "wrk#118, #105",
            json!([
                {"request": {"url": "/until-closed/stream-bytes/50000?seed=1", "expect": [{"body": true, "minLength": 1000}]}},
                {"request": {"url": "/until-closed/get", "expect": [{"status": [200]}]}},
            ]),
        ),
        (
            "jmeter#6093",
            json!([{"request": {"url": "/slashes", "expect": [{"bodyMatches": "^/seen//a///b$"}]}}]),
        ),
        ("wrk#283", json!([{"request": {"url": "/host", "expect": [{"bodyContains": host}]}}])),
        (
            "hey#50",
            json!([{"request": {"url": "/host", "headers": {"Host": "hello"}, "expect": [{"bodyMatches": "^hello$"}]}}]),
        ),
    ] {
        println!("{report}");
        holds(&server.url(), json!({}), steps);
    }
}

#[test]
fn bodies_are_what_their_headers_say() {
    let zstd =
        |text: &[u8]| ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest);
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let frames = [skipped.clone(), zstd(b"first, "), skipped, zstd(b"second")].concat();
    let members = [gzip(b"first, "), gzip(b"second")].concat();
    let directives = "default_type text/plain;\n\
        location /zstd { alias {directory}/zstd; add_header Content-Encoding zstd; }\n\
        location /gzip { alias {directory}/gzip; add_header Content-Encoding gzip; }\n\
        location /plain { alias {directory}/plain; add_header Content-Encoding gzip; }";
    let files: [(&str, &[u8]); 3] = [("zstd", &frames), ("gzip", &members), ("plain", b"this is plain text")];
    let Some(server) = HttpServer::nginx("", directives, &files) else { return };
    // reqwest#2583, jmeter#6418: frames of zstd; curl#22156, curl#3796: members of gzip.
    for path in ["/zstd", "/gzip"] {
        let step = json!([{"request": {"url": path, "expect": [{"bodyMatches": "^first, second$"}]}}]);
        holds(&server.url(), json!({}), step);
    }
    // curl#2368: what is no gzip fails where it has to be read, as in curl; who does not look does not decompress.
    for (expect, failed) in [(json!([{"bodyContains": "plain"}]), 1), (json!([{"status": [200]}]), 0)] {
        let outcome = go(&server.url(), json!({}), json!([{"request": {"url": "/plain", "expect": expect}}]));
        assert_eq!(outcome.rate("http_req_failed"), (failed, 1), "{expect}");
        assert_eq!(outcome.count_of("request_errors", "decompression"), failed, "{expect}");
    }
}

#[test]
fn media_types_have_the_parameters_that_they_may_have() {
    let Some(server) = HttpServer::httpbin() else { return };
    // locust#2415, gatling#2243: a character set in quotes, and another parameter behind it.
    let url = "/response-headers?Content-Type=application%2Fjson%3B+charset%3D%22utf-8%22%3B+api-version%3D3.0&a=caf%C3%A9";
    holds(&server.url(), json!({}), json!([get(url, &[("$.a[0]", json!("caf\u{e9}"))])]));
    // jmeter#6250: that of multipart has a boundary and nothing else.
    let steps = json!([{"request": {
        "url": "/anything", "method": "POST", "multipart": [{"name": "a", "value": "caf\u{e9}"}],
        "expect": [{"jsonPath": "$.headers['Content-Type'][0]", "matches": "^multipart/form-data; boundary=[^;]+$"},
            {"jsonPath": "$.form.a[0]", "equals": "caf\u{e9}"}],
    }}]);
    holds(&server.url(), json!({}), steps);
}

#[test]
fn addresses_of_ipv6_stand_in_brackets() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let free = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    let directives = format!(
        "listen [::1]:{free};\nlocation / {{ return 200 $http_host; }}\nlocation /away {{ return 302 http://[::1]:{free}/; }}"
    );
    let Some(server) = HttpServer::nginx("", &directives, &[]) else { return };
    let place = format!("[::1]:{free}");
    // h2load: nghttp2#2090; curl#1910.
    holds(
        &format!("http://{place}"),
        json!({}),
        json!([{"request": {"url": "/", "expect": [{"bodyContains": place}]}}]),
    );
    holds(
        &server.url(),
        json!({}),
        json!([{"request": {"url": "/away", "expect": [{"bodyContains": place}]}}]),
    );
}

#[test]
fn http2_servers_that_limit_connections_lose_no_request() {
    let directives =
        "keepalive_requests 7; http2_max_concurrent_streams 2;\nlocation / { return 200 $host; }";
    let Some(server) = HttpServer::nginx("http2", directives, &[]) else { return };
    // hyper#2500: GOAWAY after some requests; h2#27: few streams at a time; hyper#2079: a Host of one's own.
    for mode in ["PerUser", "Shared"] {
        let load = json!({"executors": [{"name": "main", "perVUIterations": {"vus": 8, "iterations": 20}}]});
        let steps = json!([
            {"request": {"url": "/", "headers": {"Host": "shop.test"}, "expect": [{"bodyContains": "shop.test"}]}},
            {"request": {"url": "/", "method": "POST", "json": {"a": 1}}},
        ]);
        let mut test = spec(&server.url(), load, steps);
        test["http"] = json!({"version": "HTTP2", "connections": {"mode": mode}});
        let outcome = run(config(test));
        assert_eq!(
            (outcome.rate("http_req_failed"), outcome.rate("checks")),
            ((0, 320), (160, 160)),
            "{mode}"
        );
    }
}

#[test]
fn https_is_the_same_by_either_version() {
    let issued = Authority::new().issue("localhost");
    let (cert, key) = (issued.certificate, issued.key);
    let directives = "ssl_certificate {directory}/cert.pem; ssl_certificate_key {directory}/key.pem;\nkeepalive_requests 3;\n\
        location / { add_header Set-Cookie 'a=1; Secure; Path=/'; return 200 \"$server_protocol $ssl_server_name $cookie_a\"; }";
    let Some(server) = HttpServer::nginx(
        "ssl http2",
        directives,
        &[("cert.pem", cert.as_bytes()), ("key.pem", key.as_bytes())],
    ) else {
        return;
    };
    // locust#1138: a Secure cookie over and over; gatling#4507: the version is that of the server.
    for (version, words) in [("Auto", "HTTP/2.0 localhost 1"), ("HTTP1", "HTTP/1.1 localhost 1")] {
        let steps = json!([
            {"request": {"url": "/"}},
            {"loop": {"count": 10, "steps": [{"request": {"url": "/", "expect": [{"bodyContains": words}]}}]}},
        ]);
        let url = format!("https://localhost:{}", server.address().port());
        holds(&url, json!({"version": version, "insecureSkipTLSVerify": true}), steps);
    }
}

/// A TLS server whose body ends with the connection, and that says so or only hangs up.
fn start_until_closed(says_so: bool) -> SocketAddr {
    let config = Authority::new().server("localhost", &["http/1.1"], &[&TLS12, &TLS13], false);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut head = [0; 4096];
            // A client that only looks whether somebody is there says nothing.
            if !tls.read(&mut head).is_ok_and(|length| length > 0) {
                continue;
            }
            tls.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
            if says_so {
                tls.conn.send_close_notify();
            }
            tls.flush().unwrap();
        }
    });
    address
}

#[test]
fn a_body_until_the_end_is_whole_only_if_tls_ends_in_order() {
    // RFC 9112, section 9.8; curl, Go and so k6 take it as an error, too.
    for (says_so, failed) in [(true, 0), (false, 1)] {
        let url = format!("https://localhost:{}", start_until_closed(says_so).port());
        let steps = json!([{"request": {"url": "/", "expect": [{"bodyContains": "hello"}]}}]);
        let outcome = go(&url, json!({"insecureSkipTLSVerify": true}), steps);
        assert_eq!(outcome.rate("http_req_failed"), (failed, 1), "says so: {says_so}");
        assert_eq!(outcome.count_of("request_errors", "reset"), failed);
    }
}
