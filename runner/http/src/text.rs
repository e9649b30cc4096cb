// SPDX-License-Identifier: Apache-2.0
//! Text of headers. Their values are bytes; what servers write there is mostly ASCII, now and then UTF-8, and from
//! times gone by Latin-1. Whoever looks at a header looks through here, so that no byte makes a header vanish.

use std::borrow::Cow;

use http::HeaderValue;
use percent_encoding::{AsciiSet, percent_encode};

/// Nothing but what is no ASCII.
const NO_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// The text of a header: UTF-8, or else Latin-1.
pub fn of(value: &HeaderValue) -> Cow<'_, str> {
    match str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// A URL in a header, its bytes beyond ASCII percent-encoded as they are: what curl and k6 ask for, whatever
/// character set the server had in mind.
pub fn of_url(value: &HeaderValue) -> Cow<'_, str> {
    percent_encode(value.as_bytes(), NO_ASCII).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_header_is_text() {
        for (bytes, text, url) in [
            (&b"/plain?a=%20"[..], "/plain?a=%20", "/plain?a=%20"),
            ("/caf\u{e9}".as_bytes(), "/caf\u{e9}", "/caf%C3%A9"),
            (b"/caf\xe9", "/caf\u{e9}", "/caf%E9"),
        ] {
            let value = HeaderValue::from_bytes(bytes).unwrap();
            assert_eq!((&*of(&value), &*of_url(&value)), (text, url));
        }
    }
}
