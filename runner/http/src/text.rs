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
    of_bytes(value.as_bytes())
}

/// Where the characters begin that stand for bytes which are no text.
const BYTES: u32 = 0xF700;

/// A text that holds the very bytes of a header, for who keeps them as text and sends them back: [`bytes_of`] gives
/// them again. It is their text if they are UTF-8; else each that is no ASCII is a character for private use.
pub fn holding(value: &HeaderValue) -> Cow<'_, str> {
    match str::from_utf8(value.as_bytes()) {
        Ok(text) if !text.contains(|character: char| byte_of(character).is_some()) => Cow::Borrowed(text),
        _ => {
            let stands_for = |byte: u8| match byte {
                0..0x80 => char::from(byte),
                _ => char::from_u32(BYTES + u32::from(byte)).unwrap_or_default(),
            };
            value.as_bytes().iter().copied().map(stands_for).collect()
        }
    }
}

/// The bytes that a text [holds](holding).
pub fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(|character: char| byte_of(character).is_some()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The byte that a character stands for.
fn byte_of(character: char) -> Option<u8> {
    let byte = u32::from(character).checked_sub(BYTES)?;
    u8::try_from(byte).ok().filter(|byte| *byte >= 0x80)
}

/// The text of bytes: UTF-8, or else Latin-1.
pub fn of_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
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

    #[test]
    fn texts_hold_the_bytes_of_a_header() {
        for bytes in [
            &b"plain"[..],
            "J\u{fc}rgen".as_bytes(),
            b"J\xfcrgen",
            // Characters that would stand for something else.
            "\u{f7fc}\u{fc}\u{1f99a}".as_bytes(),
            "\u{f77f}\u{f800}".as_bytes(),
            b"\x80\xff\xa0",
        ] {
            let value = HeaderValue::from_bytes(bytes).unwrap();
            assert_eq!(&*bytes_of(&holding(&value)), bytes);
        }
        assert_eq!(holding(&HeaderValue::from_bytes("\u{fc}".as_bytes()).unwrap()), "\u{fc}");
    }
}
