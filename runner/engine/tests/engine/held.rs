// SPDX-License-Identifier: Apache-2.0
//! Rows of the series in docs/src/reference/http-cases.md that held when they were tried by hand, kept so that they go on to.

use serde_json::{Value, json};
use upsurge_core::metrics::Selector;
use upsurge_testing::HttpServer;

use crate::{
    raw::{Raw, answer},
    series::{get, go, holds, nginx, shows},
};

/// A request with more than its URL.
fn request(url: &str, more: Value) -> Value {
    let mut request = json!({"url": url});
    more.as_object().unwrap().iter().for_each(|(name, value)| request[name] = value.clone());
    json!({"request": request})
}

#[test]
fn names_of_requests_are_those_of_all_their_messages_and_tell_no_password() {
    let Some(server) = HttpServer::httpbin() else { return };
    let chain = request("/relative-redirect/3", json!({"name": "chain"}));
    let outcome = go(&server.url(), json!({}), json!([chain]));
    let named = Selector { request: Some("chain".into()), ..Selector::default() };
    let messages = (outcome.metrics.count("http_reqs", &named) as u64, outcome.count("http_reqs"));
    assert_eq!((messages, outcome.rate("http_req_failed").0), ((4, 4), 0), "row 30");

    let url = server.url().replace("http://", "http://alice:s3cret@");
    let outcome = go(&server.url(), json!({}), json!([get(&format!("{url}/basic-auth/alice/s3cret?a=1"))]));
    assert_eq!(outcome.rate("http_req_failed"), (0, 1), "row 29");
    assert!(!format!("{:?}", outcome.metrics).contains("alice:s3cret"), "row 29: {:?}", outcome.metrics);
}

#[test]
fn what_nginx_answers_is_taken_as_it_is_meant() {
    let block = "x".repeat(1_024);
    let (kilobytes, most) = ("$block".repeat(60), "$block".repeat(50));
    let directives = format!(
        "default_type text/plain; large_client_header_buffers 4 64k; set $block {block};\n\
         location /two {{ add_header Location /second always; return 302 /first; }}\n\
         location /first {{ return 200 first; }}\nlocation /second {{ return 200 second; }}\n\
         location /packed {{ gzip on; gzip_min_length 1; gzip_types text/plain; return 200 \"$connection_requests $block\"; }}\n\
         location /asked {{ add_header X-Asked \"$request_method $args\" always; return 200; }}\n\
         location /count {{ return 200 $connection_requests; }}\n\
         location /long {{ set $long \"{kilobytes}\"; add_header X-Long $long; return 200 ok; }}\n\
         location /longer {{ set $long \"{most}\"; add_header X-Long $long; add_header X-Too $long; return 200 $http_x_own; }}"
    );
    let Some(server) = nginx("", &directives, &[]) else { return };
    let url = server.url();
    // Of two places, the first one.
    holds("44", &url, json!({}), json!([shows("/two", "first")]));
    // What comes in chunks and packed ends where it should, so the connection serves the next one.
    let packed = |number: u32| {
        let expect = json!([{"header": "Content-Encoding", "equals": "gzip"}, {"body": true, "equals": format!("{number} {block}")}]);
        request("/packed", json!({"headers": {"Accept-Encoding": "gzip"}, "expect": expect}))
    };
    holds("74", &url, json!({}), (1..=5).map(packed).collect());
    for method in ["OPTIONS", "HEAD", "DELETE"] {
        let expect = json!([{"header": "X-Asked", "equals": format!("{method} a=1")}]);
        let asked = request("/asked", json!({"method": method, "query": {"a": "1"}, "expect": expect}));
        holds("78", &url, json!({}), json!([asked]));
    }
    // The limit of a head is one of each head, and not of all on a connection, of which there is one.
    let long = request("/long", json!({"expect": [{"header": "X-Long", "minLength": 61_440}]}));
    let all = json!([{"loop": {"count": 300, "steps": [long]}}, shows("/count", "301")]);
    holds("36", &url, json!({}), all);

    let Some(server) = nginx("http2", &directives, &[]) else { return };
    let expect = json!([{"header": "X-Too", "minLength": 51_200}, {"body": true, "minLength": 20_480}]);
    let longer = request("/longer", json!({"headers": {"X-Own": "y".repeat(20_480)}, "expect": expect}));
    holds("35", &server.url(), json!({"version": "HTTP2"}), json!([longer]));
}

#[test]
fn an_answer_that_ends_http_is_a_failure_at_once() {
    // Whoever used the connection once more would get nothing.
    let server = Raw::start(|path, number| match (path, number) {
        ("/up", 0) => {
            Some(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n".to_vec())
        }
        (_, 0) => answer(b"", b""),
        _ => None,
    });
    let outcome = go(&server.url(), json!({}), json!([request("/up", json!({"timeout": "20s"})), get("/")]));
    assert_eq!(outcome.rate("http_req_failed"), (1, 2), "row 66");
    assert_eq!((outcome.count_of("request_errors", "timeout"), outcome.count("http_req_resent")), (0, 0));
    assert_eq!(server.paths(), ["/up", "/"]);
}
