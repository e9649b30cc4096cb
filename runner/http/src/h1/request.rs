// SPDX-License-Identifier: Apache-2.0
//! Heads of requests, as bytes.

use std::io::Write as _;

use http::{HeaderValue, Method, header};

use crate::message::Message;

impl Message<'_> {
    /// Appends the head; tells whether the request itself asks for the connection to be closed.
    ///
    /// `Uri`, `HeaderName` and `HeaderValue` can't hold line ends, so nobody's variable can smuggle a
    /// header or a second request in; and how long the body is, only the body says.
    pub(super) fn render_head(&self, bytes: &mut Vec<u8>) -> bool {
        let mut closes = false;
        bytes.extend_from_slice(self.method.as_str().as_bytes());
        bytes.push(b' ');
        match self.target.path_and_query() {
            Some(path) if self.target.scheme().is_none() => bytes.extend_from_slice(path.as_str().as_bytes()),
            // Writing to a vector can't fail.
            _ => drop(write!(bytes, "{}", self.target)),
        }
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in self.headers {
            if *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING {
                continue;
            }
            closes |= *name == header::CONNECTION && asks_to_close(value);
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        // An empty body is announced where a body is expected (RFC 9110 §8.6).
        if !self.body.is_empty() || matches!(*self.method, Method::POST | Method::PUT | Method::PATCH) {
            drop(write!(bytes, "content-length: {}\r\n", self.body.len()));
        }
        bytes.extend_from_slice(b"\r\n");
        closes
    }
}

fn asks_to_close(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(b"close"))
}
