// SPDX-License-Identifier: Apache-2.0
//! What hyper need not be asked about: limits, what is kept, and answers that come early.

use http::{HeaderName, Method, StatusCode, header};

use super::{
    Sent, WHOLE, block_on, exchange,
    script::{End, Script},
};
use crate::{h1::H1Error, message::Keep};

fn get() -> Sent {
    Sent::new(Method::GET, Vec::new())
}

#[test]
fn only_headers_that_somebody_looks_at_are_kept() {
    let bytes = b"HTTP/1.1 200 OK\r\nServer: x\r\nX-One: 1\r\nSet-Cookie: a=b\r\nLocation: /\r\nContent-Length: 2\r\n\r\nok";
    let names = [HeaderName::from_static("x-one")];
    let keep = Keep { headers: &names, body: None, discarded: u64::MAX, followed: &[] };
    let (result, ..) = block_on(exchange(&get(), keep, Script::new(bytes, &[], End::Open)));
    let response = result.unwrap();
    let mut kept: Vec<_> = response.headers.keys().map(HeaderName::as_str).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["set-cookie", "x-one"], "a location leads nowhere unless the status redirects");
    assert!(response.body.is_empty(), "nobody wants the body");
}

#[test]
fn locations_of_redirects_and_codings_of_bodies_are_always_kept() {
    let bytes =
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n";
    let keep = Keep { headers: &[], body: None, discarded: u64::MAX, followed: &[] };
    let (result, ..) = block_on(exchange(&get(), keep, Script::new(bytes, &[], End::Open)));
    let headers = result.unwrap().headers;
    assert_eq!(headers[header::LOCATION], "/there");
    assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
}

#[test]
fn a_body_may_not_be_larger_than_what_is_kept() {
    let keep = Keep { headers: &[], body: Some(4), discarded: u64::MAX, followed: &[] };
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
    ] {
        let (result, ..) = block_on(exchange(&get(), keep, Script::new(bytes, &[], End::Closed)));
        assert!(matches!(result, Err(H1Error::TooLarge { limit: 4 })), "{result:?}");
    }
}

#[test]
fn heads_without_end_are_given_up() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    bytes.resize(600_000, b'a');
    let cuts: Vec<usize> = (0..600_000).step_by(60_000).collect();
    let (result, ..) = block_on(exchange(&get(), WHOLE, Script::new(&bytes, &cuts, End::Open)));
    assert!(matches!(result, Err(H1Error::HeadTooLarge { .. })), "{result:?}");
}

#[test]
fn a_head_may_have_any_number_of_headers_as_far_as_it_is_no_longer_than_allowed() {
    let lines: String = (0..5_000).map(|number| format!("x{number}: y\r\n")).collect();
    let bytes = format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n");
    for cuts in [&[][..], &[30_000, bytes.len() - 5]] {
        let script = Script::new(bytes.as_bytes(), cuts, End::Open);
        let names = [HeaderName::from_static("x4999")];
        let keep = Keep { headers: &names, ..WHOLE };
        let (result, ..) = block_on(exchange(&get(), keep, script));
        assert_eq!(result.unwrap().headers["x4999"], "y");
    }
}

#[test]
fn a_header_may_go_on_in_the_next_line() {
    let bytes = b"HTTP/1.1 200 OK\r\nx-one: a\r\n b\r\n\tc\r\nContent-Length:\r\n 2\r\nx-two: d\r\n\r\nok";
    for cut in 0..bytes.len() {
        let names = [HeaderName::from_static("x-one"), HeaderName::from_static("x-two")];
        let script = Script::new(bytes, &[cut], End::Open);
        let keep = Keep { headers: &names, ..WHOLE };
        let (result, _, connection) = block_on(exchange(&get(), keep, script));
        let response = result.unwrap();
        let words: Vec<&str> = response.headers["x-one"].to_str().unwrap().split_whitespace().collect();
        assert_eq!((words, &response.headers["x-two"]), (vec!["a", "b", "c"], &"d".parse().unwrap()));
        assert_eq!((&*response.body, connection.is_reusable()), (&b"ok"[..], true), "cut at {cut}");
    }
}

#[test]
fn a_type_of_content_is_kept_when_it_names_a_character_set_for_a_body_that_is_read() {
    let kept = |body, value: &str| {
        let bytes = format!("HTTP/1.1 200 OK\r\nContent-Type: {value}\r\ncontent-length: 0\r\n\r\n");
        let keep = Keep { headers: &[], body, discarded: u64::MAX, followed: &[] };
        let (result, ..) = block_on(exchange(&get(), keep, Script::new(bytes.as_bytes(), &[], End::Open)));
        result.unwrap().headers.contains_key(header::CONTENT_TYPE)
    };
    let latin = "text/html; CharSet=iso-8859-1";
    assert_eq!([kept(Some(1), latin), kept(None, latin), kept(Some(1), "text/html")], [true, false, false]);
}

#[test]
fn an_answer_before_the_end_of_the_request_counts_and_ends_the_connection() {
    let sent = Sent::new(Method::POST, vec![b'x'; 1_000_000]);
    let bytes = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
    let script = Script::new(bytes, &[], End::Open).slow(1_000);
    let (result, _, connection) = block_on(exchange(&sent, WHOLE, script));
    assert_eq!(result.unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!connection.is_reusable());
    assert!(connection.transport.written().len() < 1_000_000);
}

#[test]
fn a_request_that_asks_for_the_end_of_the_connection_ends_it() {
    let mut sent = get();
    sent.headers.insert("connection", "Close".parse().unwrap());
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (result, _, connection) = block_on(exchange(&sent, WHOLE, Script::new(bytes, &[], End::Open)));
    assert!(result.is_ok() && !connection.is_reusable());
}

#[test]
fn only_the_body_says_how_long_it_is() {
    let mut sent = Sent::new(Method::POST, b"hello".to_vec());
    sent.headers.insert("content-length", "4".parse().unwrap());
    sent.headers.insert("transfer-encoding", "chunked".parse().unwrap());
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (_, _, connection) = block_on(exchange(&sent, WHOLE, Script::new(bytes, &[], End::Open)));
    let written = String::from_utf8(connection.transport.written()).unwrap();
    assert_eq!(
        written,
        "POST /path?query=1 HTTP/1.1\r\nuser-agent: test\r\nhost: example.com\r\ncontent-length: 5\r\n\r\nhello"
    );
}

#[test]
fn an_empty_body_is_announced_where_one_is_expected() {
    for (method, announced) in
        [(Method::POST, true), (Method::PUT, true), (Method::GET, false), (Method::DELETE, false)]
    {
        let sent = Sent::new(method, Vec::new());
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let (_, _, connection) = block_on(exchange(&sent, WHOLE, Script::new(bytes, &[], End::Open)));
        let written = String::from_utf8(connection.transport.written()).unwrap();
        assert_eq!(written.contains("content-length: 0"), announced, "{written}");
    }
}
