// SPDX-License-Identifier: Apache-2.0
//! Public reports about other tools, in the order in which they were tried, on servers that many people run. The table is
//! docs/src/reference/http-cases.md, "Reports in the order of their trying"; the numbers are those of its rows.

use std::{io::Write as _, net::TcpListener};

use serde_json::{Value, json};
use upsurge_testing::HttpServer;

use crate::{
    certificates::Authority,
    load::{Outcome, config, refusal, run, spec, times},
};

pub fn go(url: &str, http: Value, steps: Value) -> Outcome {
    let mut test = spec(url, times(1), steps);
    test["http"] = http;
    run(config(test))
}

/// Requests that succeed, and whose checks all hold.
pub fn holds(row: &str, url: &str, http: Value, steps: Value) {
    let outcome = go(url, http, steps);
    let ((failed, requests), (passes, checks)) = (outcome.rate("http_req_failed"), outcome.rate("checks"));
    assert!(requests > 0 && failed == 0, "row {row}: {failed} of {requests} failed");
    assert!(checks > 0 && passes == checks, "row {row}: {passes} of {checks} checks hold");
}

pub fn get(url: &str) -> Value {
    json!({"request": {"url": url}})
}

/// A request, and what its body must be.
pub fn shows(url: &str, body: &str) -> Value {
    json!({"request": {"url": url, "expect": [{"body": true, "equals": body}]}})
}

/// What nginx listens at beside its address, by HTTPS, and what it needs for that.
fn https() -> (u16, String, Vec<(&'static str, Vec<u8>)>) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let issued = Authority::new().issue("shop.test");
    let files = vec![("cert.pem", issued.certificate.into_bytes()), ("key.pem", issued.key.into_bytes())];
    let directives = format!(
        "listen 127.0.0.1:{port} ssl; ssl_certificate {{directory}}/cert.pem; ssl_certificate_key {{directory}}/key.pem;\n"
    );
    (port, directives, files)
}

pub fn nginx(listen: &str, directives: &str, files: &[(&str, Vec<u8>)]) -> Option<HttpServer> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (*name, &**content)).collect();
    HttpServer::nginx(listen, directives, &files)
}

/// Values for `Set-Cookie`, each for a location of its own under `/s`; `/seen` shows what comes back.
fn cookies(locations: &[(&str, &[&str])]) -> String {
    let mut directives = "location /seen { return 200 \"<$http_cookie>\"; }\n".to_owned();
    for (name, values) in locations {
        let values: String = values.iter().map(|value| format!("add_header Set-Cookie '{value}';")).collect();
        directives.push_str(&format!("location /s/{name} {{ {values} return 204; }}\n"));
    }
    directives
}

#[test]
fn cookies_are_kept_as_servers_mean_it() {
    let directives = cookies(&[
        ("dotless", &["a=1; Domain=localhost; Path=/"]),
        ("lax", &["a=1,2; Path=/", "b=\"x y\"; Path=/", "c=p [1]{2}(3)@<>?; Path=/", "d=u=v==; Path=/"]),
        ("two", &["a=1; Path=/", "keep=1; Path=/"]),
        ("negative", &["a=; Max-Age=-1; Path=/"]),
        ("blank", &["a=1; Domain=; Path=/", "b=2; Domain=.; Path=/"]),
        ("case", &["sid=1; Path=/", "SID=2; Path=/"]),
        ("foreign", &["x=1; Domain=other.test; Path=/", ";", "nothing", "=v", "ok=1; Path=/"]),
        ("dotted", &["a=b; Domain=.shop.test; Expires=Wed, 23-Aug-2084 18:22:09 GMT; Path=/; HttpOnly"]),
    ]);
    let Some(server) = nginx("", &directives, &[]) else { return };
    let port = server.address().port();
    let hosts = json!({"hosts": {"*.test": "127.0.0.1"}});
    for (row, host, sets, seen) in [
        ("1", "localhost", &["dotless"][..], "<a=1>"),
        ("2", "shop.test", &["lax"], "<a=1,2; b=\"x y\"; c=p [1]{2}(3)@<>?; d=u=v==>"),
        ("13", "shop.test", &["two", "negative"], "<keep=1>"),
        ("14", "shop.test", &["blank"], "<a=1; b=2>"),
        ("15", "shop.test", &["case"], "<sid=1; SID=2>"),
        ("16, 17", "shop.test", &["foreign"], "<ok=1>"),
        ("17", "www.shop.test", &["dotted"], "<a=b>"),
    ] {
        let mut steps: Vec<Value> = sets.iter().map(|set| get(&format!("/s/{set}"))).collect();
        // Of equal paths the store keeps no order.
        let all: Vec<Value> = seen
            .trim_matches(['<', '>'])
            .split("; ")
            .map(|pair| json!({"bodyContains": pair}))
            .chain([json!({"body": true, "minLength": seen.len(), "maxLength": seen.len()})])
            .collect();
        steps.push(json!({"request": {"url": "/seen", "expect": all}}));
        holds(row, &format!("http://{host}:{port}"), hosts.clone(), json!(steps));
    }
}

#[test]
fn a_cookie_from_plain_http_takes_no_secure_ones_place() {
    let (port, listen, files) = https();
    let directives = cookies(&[
        ("secure", &["s=safe; Secure; Path=/"]),
        ("plain", &["s=evil; Path=/"]),
        ("ends", &["s=; Max-Age=0; Path=/"]),
        ("domain", &["s=evil; Domain=shop.test; Path=/deep"]),
        ("other", &["t=1; Path=/"]),
    ]);
    let Some(server) = nginx("", &format!("{listen}{directives}"), &files) else { return };
    let plain = format!("http://shop.test:{}", server.address().port());
    let http = json!({"insecureSkipTLSVerify": true, "hosts": {"shop.test": "127.0.0.1"}});
    let over_http = |set: &str| get(&format!("{plain}/s/{set}"));
    // curl#3445. Another name is no matter, and whoever speaks TLS may replace it.
    let steps = json!([
        get("/s/secure"),
        over_http("plain"),
        over_http("ends"),
        over_http("domain"),
        shows("/seen", "<s=safe>"),
        shows("/seen/deep", "<s=safe>"),
        over_http("other"),
        json!({"request": {"url": "/seen", "expect": [{"bodyContains": "t=1"}]}}),
        get("/s/plain"),
        json!({"request": {"url": "/seen", "expect": [{"bodyContains": "s=evil"}, {"bodyContains": "safe", "not": true}]}}),
        // Now it is one like any other.
        over_http("ends"),
        shows("/seen", "<t=1>"),
    ]);
    holds("18", &format!("https://shop.test:{port}"), http, steps);
    // On the same machine nobody listens.
    let steps =
        json!([get("/s/secure"), shows("/seen", "<s=safe>"), get("/s/plain"), shows("/seen", "<s=evil>")]);
    holds("19", &server.url(), json!({}), steps);
}

#[test]
fn the_page_of_a_redirect_may_be_of_any_size() {
    let directives = "location /moved { error_page 418 =302 /page; add_header Location /small always; return 418; }\n\
                      location /page { internal; alias {directory}/page; add_header Location /small always; }\n\
                      location /small { return 200 small; }";
    for (listen, version) in [("", "HTTP1"), ("http2", "HTTP2")] {
        let Some(server) = nginx(listen, directives, &[("page", vec![b'x'; 4_096])]) else { return };
        let request = |more: Value| {
            let mut request = json!({"url": "/moved", "maxResponseSize": "1Ki"});
            more.as_object().unwrap().iter().for_each(|(name, value)| request[name] = value.clone());
            json!([{"request": request}])
        };
        let http = || json!({"version": version});
        // curl#14899: nobody looks at that page, whether anybody looks at the last one or not.
        let looks = json!({"expect": [{"body": true, "equals": "small"}, {"status": [200]}]});
        holds("45", &server.url(), http(), request(looks));
        holds("45", &server.url(), http(), request(json!({"expect": [{"status": [200]}]})));
        // Who wants the redirect itself gets its page, and that has a limit.
        for more in [json!({"maxRedirects": 0}), json!({"expect": [{"status": [302]}]})] {
            let outcome = go(&server.url(), http(), request(more));
            assert_eq!(outcome.count_of("request_errors", "body too large"), 1, "{version}");
        }
    }
}

#[test]
fn a_media_type_of_multipart_gets_its_boundary() {
    let Some(server) = HttpServer::httpbin() else { return };
    // JMeter, bug 65310. Without the boundary no server could tell the parts apart.
    for written in ["multipart/form-data", "multipart/form-data; charset={{ c }}"] {
        let steps = json!([{"request": {"url": "/anything", "method": "POST", "headers": {"Content-Type": written},
            "multipart": [{"name": "a", "value": "1"}],
            "expect": [{"status": [200]}, {"jsonPath": "$.form.a[0]", "equals": "1"}]}}]);
        let mut test = spec(&server.url(), times(1), steps);
        test["variables"] = json!({"c": "utf-8"});
        let outcome = run(config(test));
        assert_eq!((outcome.rate("http_req_failed"), outcome.rate("checks")), ((0, 1), (2, 2)), "{written}");
    }
}

#[test]
fn urls_are_asked_for_as_people_mean_them() {
    let directives = "merge_slashes off;\n\
        location /page { default_type text/html; return 200 '<a href=\"\n /x?a=b \">x</a>'; }\n\
        location /empty { return 302 /y?; }\n\
        location /again { if ($cookie_seen = \"\") { add_header Set-Cookie \"seen=1; Path=/\"; return 302 /again; } return 200 again; }\n\
        location / { return 200 $request_uri; }";
    let Some(server) = nginx("", directives, &[]) else { return };
    let url = server.url();
    for (row, written, asked) in [
        ("24", "/a%2Fb%20c%3Fd%25", "/a%2Fb%20c%3Fd%25"),
        ("25", "/a|b{c}/\u{e9}\"<>", "/a%7Cb%7Bc%7D/%C3%A9%22%3C%3E"),
        ("26", "/x?", "/x?"),
        ("26", "/empty", "/y?"),
        ("27", "/x#a?b", "/x"),
        ("32", "/again", "again"),
        ("33", "/out?to=http://shop.test/x", "/out?to=http://shop.test/x"),
        ("33", "/http://shop.test", "/http://shop.test"),
    ] {
        holds(row, &url, json!({}), json!([shows(written, asked)]));
    }
    let capture = json!([{"name": "link", "selector": {"css": "a", "attribute": "href"}}]);
    let steps = json!([{"request": {"url": "/page", "capture": capture}}, shows("{{ link }}", "/x?a=b")]);
    holds("48", &url, json!({}), steps);
    // Names that lead to this machine.
    for host in ["shop.localhost", "localhost."] {
        holds(
            "47",
            &format!("http://{host}:{}", server.address().port()),
            json!({}),
            json!([shows("/x", "/x")]),
        );
    }
}

#[test]
fn requests_arrive_as_they_are_meant() {
    let (port, listen, files) = https();
    let directives = "location /back { return 302 /body; }\n\
        location /body { return 200 \"$request_method|$http_content_length|$http_content_type\"; }\n\
        location /te { return 200 \"$http_te\"; }\n\
        location /proxied { return 200 \"$request|$http_host|$http_proxy_authorization\"; }\n\
        location /login { return 200 \"$http_authorization\"; }\n\
        location /agent { return 200 \"<$http_user_agent>\"; }\n\
        location / { return 200 \"$http_host|$ssl_server_name|$request_uri\"; }";
    let Some(server) = nginx("", &format!("{listen}{directives}"), &files) else { return };
    let url = server.url();
    let headers = |url: &str, headers: Value, body: &str| json!([{"request": {"url": url, "headers": headers, "expect": [{"body": true, "equals": body}]}}]);
    // A dot at the end of a name is for resolvers.
    let http = json!({"insecureSkipTLSVerify": true, "hosts": {"shop.test": "127.0.0.1"}});
    let steps = json!([shows("/x", &format!("shop.test.:{port}|shop.test|/x"))]);
    holds("10", &format!("https://shop.test.:{port}"), http, steps);
    let proxy = format!("http://user:@{}", server.address());
    let steps = json!([shows("/proxied", "GET http://shop.test/proxied HTTP/1.1|shop.test|Basic dXNlcjo=")]);
    holds("11, 28", "http://shop.test:80", json!({"proxy": {"http": proxy}}), steps);
    let login = format!("http://:password@{}", server.address());
    holds("34", &login, json!({}), json!([shows("/login", "Basic OnBhc3N3b3Jk")]));
    let long = format!("/x?{}", "u".repeat(4_000));
    let host = server.address();
    holds("70", &url, json!({}), json!([shows(&long, &format!("{host}||{long}"))]));
    let steps = json!([{"request": {"url": "/back", "method": "POST", "body": "hello", "headers": {"Content-Type": "text/x"},
        "expect": [{"body": true, "equals": "GET||"}]}}]);
    holds("72", &url, json!({}), steps);
    holds("68", &url, json!({}), headers("/agent", json!({"User-Agent": ""}), "<>"));
    // Over HTTP/2, of `TE` only trailers may be named.
    let Some(server) = nginx("http2", directives, &[]) else { return };
    let http = json!({"version": "HTTP2"});
    holds("12", &server.url(), http.clone(), headers("/te", json!({"TE": "trailers"}), "trailers"));
    holds("12", &server.url(), http, headers("/te", json!({"TE": "gzip"}), ""));
}

#[test]
fn responses_are_taken_for_what_they_are() {
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&b"hello ".repeat(1_000)).unwrap();
        encoder.finish().unwrap()
    };
    let half = packed[..packed.len() / 2].to_vec();
    let directives = "location /charset { default_type \"text/plain; charset=\"; return 200 caf\u{e9}; }\n\
        location /choices { add_header Location /never always; return 300 choose; }\n\
        location /proxies { add_header Location /never always; return 305 choose; }\n\
        location /half { alias {directory}/half; add_header Content-Encoding gzip; }\n\
        location /location { return 302 /%C3%A9?x=%2F; }\n\
        location /ids { default_type application/json; return 200 '{\"id\": 1, \"a\": [{\"id\": 2}]}'; }";
    for (listen, version) in [("", "HTTP1"), ("http2", "HTTP2")] {
        let Some(server) = nginx(listen, directives, &[("half", half.clone())]) else { return };
        let (url, http) = (server.url(), || json!({"version": version}));
        let request = |request: Value| json!([{"request": request}]);
        holds("4", &url, http(), json!([shows("/charset", "caf\u{e9}")]));
        for (path, status) in [("/choices", 300), ("/proxies", 305)] {
            holds("5", &url, http(), request(json!({"url": path, "expect": [{"status": [status]}]})));
        }
        let outcome = go(&url, http(), json!([shows("/half", "hello")]));
        assert_eq!(outcome.count_of("request_errors", "decompression"), 1, "row 23 over {version}");
        // Neither has a body, whatever its headers say of one.
        let expect = json!([{"header": "Content-Length", "equals": half.len().to_string()}, {"bodyContains": "x", "not": true}]);
        let head = json!({"request": {"url": "/half", "method": "HEAD", "expect": expect}});
        let fresh = json!({"request": {"url": "/half", "headers": {"If-None-Match": "*"}, "expect": [{"status": [304]}]}});
        holds("59, 60", &url, http(), json!([head, fresh, shows("/charset", "caf\u{e9}")]));
        let expect = json!([{"header": "Location", "matches": "/%C3%A9\\?x=%2F$"}]);
        holds("52", &url, http(), request(json!({"url": "/location", "maxRedirects": 0, "expect": expect})));
        let capture = json!([{"name": "ids", "jsonPath": "$..id", "match": "All"}]);
        let expect = json!([{"condition": "size(ids) == 2"}]);
        holds("54", &url, http(), request(json!({"url": "/ids", "capture": capture, "expect": expect})));
    }
}

#[test]
fn connections_of_tls_are_what_the_test_asks_for() {
    let (port, listen, files) = https();
    let http2 = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directives = format!(
        "{listen}listen 127.0.0.1:{http2} ssl http2; keepalive_timeout 1s;\n\
         location / {{ add_header Set-Cookie 'p=1; Path=/'; return 200 \"<$http_cookie>\"; }}"
    );
    let Some(server) = nginx("", &directives, &files) else { return };
    // A server that only speaks HTTP/1.1 refuses to speak at all: that has the same words with TLS as without.
    let mut test = spec(&format!("https://localhost:{port}"), times(1), json!([get("/")]));
    test["http"] = json!({"version": "HTTP2", "insecureSkipTLSVerify": true});
    assert_eq!(run(config(test.clone())).count_of("request_errors", "protocol"), 1, "row 55");
    let message = refusal(test);
    assert!(message.contains("the server does not speak HTTP/2"), "{message}");
    // Cookies go by hosts, whatever the port and the scheme.
    let steps = json!([
        get("/"),
        shows(&format!("https://localhost:{port}/"), "<p=1>"),
        shows(&format!("https://localhost:{http2}/"), "<p=1>"),
    ]);
    let insecure = || json!({"insecureSkipTLSVerify": true, "connections": {"maxAge": "0s"}});
    holds("58", &format!("http://localhost:{}", server.address().port()), insecure(), steps);
    // nginx closes what is idle for a second, and nothing is lost, not even what may not be sent twice.
    for port in [port, http2] {
        let post = json!({"request": {"url": "/", "method": "POST", "body": "a", "expect": [{"body": true, "equals": "<p=1>"}]}});
        let steps = json!([get("/"), {"think": {"min": "1500ms"}}, post, {"think": {"min": "1500ms"}}, shows("/", "<p=1>")]);
        holds("69", &format!("https://localhost:{port}"), insecure(), steps);
    }
}

#[test]
fn bodies_and_values_arrive_as_they_were_written() {
    let Some(server) = HttpServer::httpbin() else { return };
    let url = server.url();
    let request = |method: &str, more: Value, expect: Value| {
        let mut request = json!({"url": "/anything", "method": method, "expect": expect});
        more.as_object().unwrap().iter().for_each(|(name, value)| request[name] = value.clone());
        json!({"request": request})
    };
    let is = |path: &str, value: Value| json!([{"jsonPath": path, "equals": value}]);
    for method in ["PUT", "PATCH", "DELETE"] {
        let parts = json!({"multipart": [{"name": "a", "value": "x y&z"}]});
        let steps = json!([
            request(method, parts, is("$.form.a[0]", json!("x y&z"))),
            request(method, json!({"form": {"a": "x y&z"}}), is("$.form.a[0]", json!("x y&z"))),
        ]);
        holds("56", &url, json!({}), steps);
    }
    let both = json!({"url": "/anything?a=1&a=2", "query": {"b": "3"}});
    let expect =
        json!([{"jsonPath": "$.args.a", "equals": ["1", "2"]}, {"jsonPath": "$.args.b[0]", "equals": "3"}]);
    holds("62", &url, json!({}), json!([request("GET", both, expect)]));
    holds(
        "43",
        &url,
        json!({}),
        json!([request("GET", json!({"json": {"a": 1}}), is("$.json.a", json!(1)))]),
    );
    // A captured value stays what it is.
    let value = json!({"id": 9_007_199_254_740_993_u64, "nothing": null, "text": "a/b\\c\"d\n\u{2028}"});
    let mut first = request("POST", json!({"json": value}), json!([{"status": [200]}]));
    first["request"]["capture"] = json!(
        ["id", "nothing", "text"].map(|name| json!({"name": name, "jsonPath": format!("$.json.{name}")}))
    );
    let again = json!({"json": {"id": "{{ id }}", "nothing": "{{ nothing }}", "text": "{{ text }}"}});
    holds("3, 53, 80", &url, json!({}), json!([first, request("POST", again, is("$.json", value))]));
    let here = url.replace("http://", "http://u:p@");
    let by = |location: &str| json!({"request": {"url": format!("/redirect-to?url={location}/basic-auth/u/p"), "expect": [{"status": [200]}]}});
    holds("33", &here, json!({}), json!([by(""), by(&url)]));
    let Some(server) = nginx("http2", &format!("location / {{ proxy_pass {url}; }}"), &[]) else { return };
    let parts = json!({"multipart": [{"name": "a", "value": "1"}, {"name": "b", "generated": {"size": "300Ki", "kind": "Text"}}]});
    let expect = json!([{"jsonPath": "$.form.a[0]", "equals": "1"}, {"jsonPath": "$.files.b[0]", "minLength": 300 << 10}]);
    holds("38", &server.url(), json!({"version": "HTTP2"}), json!([request("POST", parts, expect)]));
}

#[test]
fn what_is_for_one_host_or_time_is_for_no_other() {
    let directives = cookies(&[("second", &["a=1; Max-Age=1; Path=/"])]);
    let away = "location /away { return 302 http://other.test:$server_port/seen; }\n\
                location /api { return 200 $request_uri; }";
    let Some(server) = nginx("", &format!("{directives}{away}"), &[]) else { return };
    let url = server.url();
    let hosts = json!({"hosts": {"other.test": "127.0.0.1"}});
    let own = json!({"request": {"url": "/away", "cookies": {"own": "1"}, "expect": [{"body": true, "equals": "<>"}]}});
    holds("20", &url, hosts, json!([own]));
    let steps = json!([get("/s/second"), shows("/seen", "<a=1>"), {"think": {"min": "1500ms"}}, shows("/seen", "<>")]);
    holds("81", &url, json!({}), steps);
    for base in ["/api", "/api/"] {
        let steps = json!([shows("/x", "/api/x"), shows("x", "/api/x"), shows("?q", "/api?q")]);
        holds("76", &format!("{url}{base}"), json!({}), steps);
    }
}
