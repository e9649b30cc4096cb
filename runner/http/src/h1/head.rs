// SPDX-License-Identifier: Apache-2.0
//! Heads of responses: status, the headers that somebody looks at, and how the body is framed.
//!
//! A head is parsed where it lies in the buffer. Of most responses nobody looks at a header, so a map
//! of them is not made; those that the client itself heeds are always kept.

use std::{borrow::Cow, mem::MaybeUninit};

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::{body::Rest, chunked::Chunked, error::H1Error};
use crate::{
    charset,
    message::{Keep, KeptHeaders},
};

/// Headers of a response that there is room for on the stack.
const USUAL_HEADERS: usize = 100;
/// Longest body that a `Content-Length` can announce; more is no length but a mistake.
const LONGEST_BODY: u64 = u64::MAX - 2;
/// Most bytes of a head.
pub(super) const HEAD_LIMIT: usize = 8192 + 4096 * USUAL_HEADERS;

/// A head that is complete.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: KeptHeaders,
    pub(super) rest: Rest,
    /// Whether the connection can be used again after the body.
    pub(super) keep_alive: bool,
    /// How many bytes it has.
    pub(super) length: usize,
}

/// How the headers say that the body is framed.
#[derive(Default)]
struct Framing {
    connection_close: bool,
    connection_keep_alive: bool,
    transfer_encoding: bool,
    /// Whether the last transfer coding is `chunked`.
    chunked: bool,
    content_length: ContentLength,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ContentLength {
    #[default]
    None,
    Is(u64),
    Invalid,
}

/// Looks for a head at the front of `bytes`, after heads of informational responses; `None` when there
/// is only a part of it. `skipped` counts the bytes of informational heads, which need not be given again.
pub(super) fn parse(
    bytes: &[u8],
    method: &Method,
    keep: Keep<'_>,
    skipped: &mut usize,
) -> Result<Option<Head>, H1Error> {
    loop {
        let rest = bytes.get(*skipped..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let Some(head) = parse_one(rest, method, keep)? else {
            return if rest.len() < HEAD_LIMIT {
                Ok(None)
            } else {
                Err(H1Error::HeadTooLarge { limit: HEAD_LIMIT })
            };
        };
        if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            *skipped += head.length;
            continue;
        }
        return Ok(Some(head));
    }
}

fn parse_one(bytes: &[u8], method: &Method, keep: Keep<'_>) -> Result<Option<Head>, H1Error> {
    read(bytes, |response, length| understand(response, length, method, keep))
}

/// Reads a head at the front of `bytes` as leniently as it takes, and makes something of it and its length; `None` when
/// there is only a part of it.
#[inline]
pub(crate) fn read<T>(
    bytes: &[u8],
    make: impl Fn(&httparse::Response<'_, '_>, usize) -> Result<T, H1Error>,
) -> Result<Option<T>, H1Error> {
    let mut room = [const { MaybeUninit::uninit() }; USUAL_HEADERS];
    match read_into(bytes, &mut room, &httparse::ParserConfig::default(), &make) {
        Err(H1Error::Head(httparse::Error::TooManyHeaders | httparse::Error::HeaderName)) => {
            // Each takes a line. How long all of them are is limited.
            let lines = memchr::memchr_iter(b'\n', bytes).count();
            let mut room = vec![MaybeUninit::uninit(); lines];
            let mut lenient = httparse::ParserConfig::default();
            // A line may go on in the next one, which begins with a blank then (RFC 9112 §5.2).
            lenient.allow_obsolete_multiline_headers_in_responses(true);
            // Blanks before a colon are forbidden, and read by curl and Go all the same.
            lenient.allow_spaces_after_header_name_in_responses(true);
            read_into(bytes, &mut room, &lenient, &make)
        }
        result => result,
    }
}

#[inline]
fn read_into<'b, T>(
    bytes: &'b [u8],
    room: &mut [MaybeUninit<httparse::Header<'b>>],
    config: &httparse::ParserConfig,
    make: impl Fn(&httparse::Response<'_, '_>, usize) -> Result<T, H1Error>,
) -> Result<Option<T>, H1Error> {
    let mut response = httparse::Response::new(&mut []);
    match config.parse_response_with_uninit_headers(&mut response, bytes, room)? {
        httparse::Status::Complete(length) => make(&response, length).map(Some),
        httparse::Status::Partial => Ok(None),
    }
}

/// What a response is by its head.
fn understand(
    response: &httparse::Response<'_, '_>,
    length: usize,
    method: &Method,
    keep: Keep<'_>,
) -> Result<Head, H1Error> {
    let code = response.code.unwrap_or_default();
    let status = StatusCode::from_u16(code).map_err(|_| H1Error::Status(code))?;
    let mut headers = KeptHeaders::default();
    let mut framing = Framing::default();
    for header in &*response.headers {
        let value = unfolded(header.value);
        framing.heed(header.name, &value);
        if is_heeded(header, status, keep) || is_wanted(header.name, keep.headers) {
            let wrong = || H1Error::Header(header.name.to_owned());
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| wrong())?;
            let value = HeaderValue::from_bytes(&value).map_err(|_| wrong())?;
            headers.append(name, value);
        }
    }
    let modern = response.version == Some(1);
    let rest = framing.rest(status, method, modern)?;
    let keep_alive = !framing.connection_close
        && (modern || framing.connection_keep_alive)
        && status != StatusCode::SWITCHING_PROTOCOLS;
    Ok(Head { status, headers, rest, keep_alive, length })
}

/// A value in one line: where it goes on in the next one, there is a blank.
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let lines: Vec<&[u8]> = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    Cow::Owned(lines.join(&b' '))
}

fn is_heeded(header: &httparse::Header<'_>, status: StatusCode, keep: Keep<'_>) -> bool {
    let name = header.name;
    match name.len() {
        8 => status.is_redirection() && name.eq_ignore_ascii_case("location"),
        10 => name.eq_ignore_ascii_case("set-cookie"),
        12 => {
            keep.body.is_some()
                && name.eq_ignore_ascii_case("content-type")
                && charset::is_named(header.value)
        }
        16 => {
            name.eq_ignore_ascii_case("content-encoding")
                || (status == StatusCode::UNAUTHORIZED && name.eq_ignore_ascii_case("www-authenticate"))
        }
        _ => false,
    }
}

fn is_wanted(name: &str, wanted: &[HeaderName]) -> bool {
    wanted.iter().any(|wanted| wanted.as_str().eq_ignore_ascii_case(name))
}

impl Framing {
    fn heed(&mut self, name: &str, value: &[u8]) {
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => {
                self.connection_close |= has_token(value, "close");
                self.connection_keep_alive |= has_token(value, "keep-alive");
            }
            14 if name.eq_ignore_ascii_case("content-length") => self.content_length.also(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.transfer_encoding = true;
                self.chunked = tokens(value).next_back().is_some_and(|last| is_token(last, "chunked"));
            }
            _ => {}
        }
    }

    fn rest(&self, status: StatusCode, method: &Method, modern: bool) -> Result<Rest, H1Error> {
        let bodiless = status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || *method == Method::HEAD;
        if bodiless {
            return Ok(Rest::Bytes(0));
        }
        if self.transfer_encoding {
            return match (modern, self.chunked) {
                (false, _) => Err(H1Error::TransferEncoding),
                (true, true) => Ok(Rest::Chunks(Box::<Chunked>::default())),
                (true, false) => Ok(Rest::UntilClosed),
            };
        }
        match self.content_length {
            ContentLength::Is(length) => Ok(Rest::Bytes(length)),
            ContentLength::Invalid => Err(H1Error::ContentLength),
            ContentLength::None => Ok(Rest::UntilClosed),
        }
    }
}

impl ContentLength {
    /// Takes one more header into account; the same number several times is allowed.
    fn also(&mut self, value: &[u8]) {
        for token in tokens(value) {
            *self = match (*self, number(token)) {
                (Self::None, Some(length)) => Self::Is(length),
                (Self::Is(before), Some(length)) if before == length => Self::Is(length),
                _ => Self::Invalid,
            };
        }
    }
}

/// The parts of a list in a header, without the blanks around them; of what is no text, an empty one.
fn tokens(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let is_text = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    let text = if is_text { value } else { Default::default() };
    text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn has_token(value: &[u8], token: &str) -> bool {
    tokens(value).any(|part| is_token(part, token))
}

fn is_token(part: &[u8], token: &str) -> bool {
    part.eq_ignore_ascii_case(token.as_bytes())
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    });
    number.filter(|number| *number <= LONGEST_BODY)
}
