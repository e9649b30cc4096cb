// SPDX-License-Identifier: Apache-2.0
//! Whatever a server says, hyper and we understand the same.

use http::Method;
use proptest::{prelude::*, sample::select};

use super::{
    Outcome, Sent, block_on, hypers, ours,
    script::{End, Script},
};

/// Lines of a head that mean something to a client, or nothing.
const LINES: &[&str] = &[
    "Content-Length: 0",
    "Content-Length: 5",
    "content-length: 5, 5",
    "content-length: 5, 6",
    "Content-Length: 12",
    "Content-Length: +5",
    "Content-Length:",
    "Content-Length: 18446744073709551615",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, Chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: \u{e9}, chunked",
    "Content-Length: 5, \u{e9}",
    "Connection: \u{e9}, close",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Close, upgrade",
    "Connection: keep-alive, foo",
    "Set-Cookie: a=b",
    "Set-Cookie: c=d; Path=/",
    "Location: /there",
    "Content-Type: text/plain",
    "X-Latin: \u{e9}",
    "X-Blank:    ",
    "X-Folded: a\r\n b",
    "X-Bare: a\n",
    "Content-Length : 5",
    "Connection \t: close",
    "X-Blanks  : a",
    "Bad Name: x",
    ": nameless",
    "no colon",
];

const BODIES: &[&str] = &[
    "",
    "hello",
    "hello, world",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;ext=1\r\nhello\r\n00\r\n\r\n",
    "A \r\n0123456789\r\n5\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nTrailer: x\nOther: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhelloX\r\n0\r\n\r\n",
    "fffffffffffffffff\r\n",
    "\r\n",
    "-1\r\n",
    "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
];

const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 302 Found",
    "HTTP/1.1 404",
    "HTTP/1.1 500 \u{e9}",
    "HTTP/1.1 099 Low",
    "HTTP/1.1 1000 High",
    "HTTP/1.1 999 Last",
    "HTTP/2.0 200 OK",
    "ICY 200 OK",
    "\r\n\r\nHTTP/1.1 200 OK",
];

const INTERIM: &[&str] =
    &["", "", "", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"];

fn response() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::collection::vec(select(LINES), 0..4);
    (select(INTERIM), select(STATUS_LINES), lines, select(BODIES)).prop_map(
        |(interim, status, lines, body)| {
            let head: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            format!("{interim}{status}\r\n{head}\r\n{body}").into_bytes()
        },
    )
}

/// Responses of which some bytes were changed, taken out or doubled on the way.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<prop::sample::Index>(), select(&b"\r\n :;,0159afAF\0\x80x"[..]), 0..3_u8);
    (response(), prop::collection::vec(damage, 0..3)).prop_map(|(mut bytes, damages)| {
        for (place, byte, how) in damages {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

fn method() -> impl Strategy<Value = Method> {
    select(&[Method::GET, Method::GET, Method::HEAD, Method::POST, Method::DELETE][..])
}

fn compare(method: Method, bytes: &[u8], cuts: &[usize], end: End) -> (Outcome, Outcome) {
    let sent = Sent::new(method, Vec::new());
    block_on(async {
        let (ours, _) = ours(&sent, Script::new(bytes, cuts, end)).await;
        let (hypers, _) = hypers(&sent, Script::new(bytes, cuts, end)).await;
        (ours, hypers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn responses_are_understood_as_hyper_understands_them(
        method in method(),
        bytes in response(),
        cuts in prop::collection::vec(0..200_usize, 0..6),
        end in select(&[End::Closed, End::Reset][..]),
    ) {
        let (ours, hypers) = compare(method, &bytes, &cuts, end);
        prop_assert_eq!(ours, hypers, "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_responses_too(
        method in method(),
        bytes in damaged(),
        cuts in prop::collection::vec(0..200_usize, 0..6),
    ) {
        let (ours, hypers) = compare(method, &bytes, &cuts, End::Closed);
        // Hyper waits for the end of a head before it looks at it; what is wrong is seen here at once.
        let sooner = (ours == Outcome::Malformed) && (hypers == Outcome::Lost);
        prop_assert!(ours == hypers || sooner, "{ours:?} {hypers:?} {:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn where_to_cut_makes_no_difference(
        bytes in response(),
        cuts in prop::collection::vec(0..200_usize, 0..20),
    ) {
        let sent = Sent::new(Method::GET, Vec::new());
        let (whole, cut) = block_on(async {
            let whole = ours(&sent, Script::new(&bytes, &[], End::Closed)).await.0;
            (whole, ours(&sent, Script::new(&bytes, &cuts, End::Closed)).await.0)
        });
        prop_assert_eq!(whole, cut);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Complete responses on a connection that stays open: usable again exactly when hyper says so.
    #[test]
    fn connections_are_used_again_when_hyper_would(
        status in select(&["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 None", "HTTP/1.1 101 Switch"][..]),
        connection in select(&["", "Connection: close\r\n", "Connection: keep-alive\r\n"][..]),
        body in select(&[
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "Content-Length: 0\r\n\r\n",
            "Content-Length: 5\r\n\r\nhello, unasked",
        ][..]),
        cuts in prop::collection::vec(0..120_usize, 0..4),
    ) {
        prop_assume!(!(status.contains("1.0") && body.contains("chunked")));
        let bytes = format!("{status}\r\n{connection}{body}").into_bytes();
        let (ours, hypers) = compare(Method::GET, &bytes, &cuts, End::Open);
        prop_assert_eq!(ours, hypers, "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn requests_are_written_as_hyper_writes_them(
        method in select(&[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE][..]),
        size in select(&[1_usize, 10, 1_000, 16 << 10, (16 << 10) + 1, 100_000][..]),
        appetite in select(&[7_usize, 100, 20_000, usize::MAX][..]),
    ) {
        let size = if appetite == 7 { size.min(1_000) } else { size };
        let body = (0..size).map(|at| (at % 251) as u8).collect();
        let sent = Sent::new(method, body);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        // An answer comes when the request is complete, as from most servers.
        let (ours, hypers) = block_on(async {
            let script = || Script::new(answer, &[], End::Open).slow(appetite).patient();
            (ours(&sent, script()).await, hypers(&sent, script()).await)
        });
        prop_assert_eq!(ours.0, hypers.0);
        prop_assert!(ours.1 == hypers.1, "{}", String::from_utf8_lossy(&ours.1[..200.min(ours.1.len())]));
    }
}
