// SPDX-License-Identifier: Apache-2.0
//! Requests, as far as the server has to understand them.

use std::io;

/// Headers that a request may have.
const MAX_HEADERS: usize = 32;

/// A whole request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The value of `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// The body.
    pub body: &'a [u8],
    /// The client speaks HTTP/1.0 and wants the connection kept, which must be confirmed to it.
    pub confirm_keep_alive: bool,
    /// The connection is to be closed afterwards.
    pub close: bool,
    /// Bytes of it all.
    pub length: usize,
}

/// The first request among the bytes, if it is whole.
pub fn parse(bytes: &[u8]) -> io::Result<Option<Request<'_>>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes).map_err(|error| invalid(error.to_string()))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let (mut content_length, mut authorization, mut connection) = (0_usize, None, None);
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = std::str::from_utf8(header.value).unwrap_or_default();
            content_length = digits.parse().map_err(|_| invalid(format!("content-length {digits:?}")))?;
        } else if header.name.eq_ignore_ascii_case("authorization") {
            authorization = Some(header.value);
        } else if header.name.eq_ignore_ascii_case("connection") {
            connection = Some(header.value);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(invalid("a body in chunks".into()));
        }
    }
    let Some(body) = bytes.get(length..length + content_length) else { return Ok(None) };
    let says = |word: &[u8]| connection.is_some_and(|value: &[u8]| value.eq_ignore_ascii_case(word));
    let old = head.version == Some(0);
    Ok(Some(Request {
        method: head.method.unwrap_or_default(),
        path: head.path.unwrap_or_default(),
        authorization,
        body,
        confirm_keep_alive: old && says(b"keep-alive"),
        close: says(b"close") || (old && !says(b"keep-alive")),
        length: length + content_length,
    }))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_belongs_to_its_request() {
        let bytes = b"POST /login HTTP/1.1\r\nContent-Length: 2\r\nAuthorization: Bearer a\r\n\r\n{}GET / HTTP/1.1\r\n\r\n";
        let first = parse(bytes).unwrap().unwrap();
        assert_eq!((first.method, first.path, first.body), ("POST", "/login", b"{}".as_slice()));
        assert_eq!(first.authorization, Some(b"Bearer a".as_slice()));
        assert!(!first.close);
        let second = parse(&bytes[first.length..]).unwrap().unwrap();
        assert_eq!((second.method, second.path), ("GET", "/"));
        assert_eq!(first.length + second.length, bytes.len());
    }

    #[test]
    fn a_request_that_is_not_whole_yet_is_waited_for() {
        let whole = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]).unwrap(), None, "{end} bytes");
        }
        assert_eq!(parse(whole).unwrap().unwrap().body, b"abc");
    }

    #[test]
    fn old_clients_close_unless_they_say_otherwise() {
        let plain = parse(b"GET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
        assert!(plain.close && !plain.confirm_keep_alive);
        let kept = parse(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap().unwrap();
        assert!(!kept.close && kept.confirm_keep_alive);
        assert!(parse(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap().unwrap().close);
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(parse(b"\x01\x02\r\n\r\n").is_err());
        assert!(parse(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n").is_err());
    }
}
