// SPDX-License-Identifier: Apache-2.0
//! Character sets of bodies: as browsers find them (Encoding and HTML standards): a byte order mark, the `charset` of
//! `Content-Type`, a declaration in the document. What says nothing is UTF-8, and what is not valid stays recognizable.

use std::{borrow::Cow, sync::LazyLock};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use http::{HeaderMap, header};
use regex::bytes::Regex;

use super::text;

/// How far into a document a declaration is looked for.
const PRESCAN: usize = 1024;

/// A body in UTF-8, without a byte order mark. Nearly all are that already, and nothing is copied then; bytes that are
/// not valid are left to whoever makes text of them.
pub fn in_utf8<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let (encoding, mark) = match Encoding::for_bom(body) {
        Some(found) => found,
        None => (of_header(headers).or_else(|| declared(body)).unwrap_or(UTF_8), 0),
    };
    let body = body.get(mark..).unwrap_or_default();
    if encoding == UTF_8 {
        return Cow::Borrowed(body);
    }
    match encoding.decode_without_bom_handling(body).0 {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Whether a value of `Content-Type` has to be kept for the body's sake.
pub fn is_named(content_type: &[u8]) -> bool {
    let name = b"charset";
    content_type.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name))
}

fn of_header(headers: &HeaderMap) -> Option<&'static Encoding> {
    let value = text::of(headers.get(header::CONTENT_TYPE)?);
    let mut parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, label) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())
}

/// Begins another alphabet in ISO-2022-JP, whose bytes are all those of ASCII.
const ESCAPE: u8 = 0x1b;

/// What a document says of itself, in HTML or XML. Those in ASCII are the same in all that can be declared, unless they
/// change the alphabet.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    static DECLARATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let pattern = r#"(?i-u)<meta\s[^>]*?charset\s*=\s*["']?\s*([a-z0-9_:.+-]+)|^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([a-z0-9_:.+-]+)"#;
        Regex::new(pattern).ok()
    });
    let is_document = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    if !is_document || (body.is_ascii() && !body.contains(&ESCAPE)) {
        return None;
    }
    let found = DECLARATION.as_ref()?.captures(body.get(..PRESCAN).unwrap_or(body))?;
    let label = found.get(1).or_else(|| found.get(2))?;
    match Encoding::for_label(label.as_bytes())? {
        // It could be read, so it is not that.
        encoding if encoding == UTF_16BE || encoding == UTF_16LE => Some(UTF_8),
        encoding if encoding == X_USER_DEFINED => Some(WINDOWS_1252),
        encoding => Some(encoding),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("", b"caf\xc3\xa9")]
    #[case::header("text/html; charset=iso-8859-1", b"caf\xe9")]
    #[case::quoted("text/html; boundary=x; Charset=\"Latin1\"", b"caf\xe9")]
    #[case::unknown("text/html; charset=what", b"caf\xc3\xa9")]
    #[case::utf_16("application/json; charset=utf-16le", b"c\0a\0f\0\xe9\0")]
    #[case::mark("", b"\xef\xbb\xbfcaf\xc3\xa9")]
    #[case::mark_of_utf_16("", b"\xfe\xff\0c\0a\0f\0\xe9")]
    #[case::mark_wins("text/plain; charset=iso-8859-1", b"\xef\xbb\xbfcaf\xc3\xa9")]
    #[case::windows("text/plain; charset=windows-1252", b"caf\xe9")]
    fn bodies_become_utf_8(#[case] content_type: &'static str, #[case] body: &[u8]) {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        assert_eq!(str::from_utf8(&in_utf8(&headers, body)), Ok("caf\u{e9}"));
    }

    #[test]
    fn documents_declare_their_character_set() {
        for (document, expected) in [
            (&b"<meta charset=iso-8859-1><p>\xe9"[..], "\u{e9}"),
            (
                b" <!doctype html><META http-equiv=Content-Type content=\"text/html; charset=Latin1\">\xe9",
                "\u{e9}",
            ),
            (b"<?xml version='1.0' encoding='ISO-8859-2'?><a>\xb1</a>", "\u{105}"),
            (b"<meta charset=\"utf-16\"><p>\xc3\xa9", "\u{e9}"),
            (b"<meta charset=iso-2022-jp><p>\x1b$B$3\x1b(B", "\u{3053}"),
            (b"<p>\xc3\xa9", "\u{e9}"),
            (b"{\"a\": \"<meta charset=iso-8859-1>\xc3\xa9\"}", "\u{e9}"),
        ] {
            let text = in_utf8(&HeaderMap::new(), document);
            let text = str::from_utf8(&text).unwrap();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn what_is_utf_8_is_not_copied() {
        let headers = HeaderMap::new();
        for body in [&b"{}"[..], b"\xef\xbb\xbf{}", b"\xff\xfe\xfd" as &[u8], b"<p>\xc3\xa9"] {
            let copied = matches!(in_utf8(&headers, body), Cow::Owned(_));
            assert_eq!(copied, body.starts_with(b"\xff\xfe"), "{body:?}");
        }
    }
}
