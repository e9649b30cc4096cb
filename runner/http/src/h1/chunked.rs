// SPDX-License-Identifier: Apache-2.0
//! Bodies in chunks (RFC 9112 §7.1): sizes, extensions, data, trailers.
//!
//! Line ends must be CR LF: a decoder that guesses differently from the server's next hop is how
//! responses get mixed up. Extensions and trailers are skipped, up to a limit.

use super::error::H1Error;

/// Most bytes of extensions in a body.
const EXTENSIONS_LIMIT: u64 = 16 << 10;
/// Most bytes of trailers after a body.
const TRAILERS_LIMIT: usize = 16 << 10;
/// Most trailers after a body.
const MOST_TRAILERS: usize = 100;

/// Where a decoder stands in a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    place: Place,
    /// Bytes of the present chunk that are still to come.
    remaining: u64,
    extensions: u64,
    /// Looked at when they are complete, and thrown away.
    trailers: Vec<u8>,
    /// Lines of them: a bare line feed, as parsers of heads take it, would make two trailers of one line.
    trailer_lines: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a size.
    #[default]
    SizeStart,
    Size,
    /// Blanks after a size.
    SizeBlank,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    /// At the begin of a line after the last chunk: a trailer, or the end.
    LineStart,
    Trailer,
    TrailerEnd,
    LastEnd,
    Done,
}

impl Chunked {
    /// Takes what belongs to the body from the front of `bytes` and hands its data to `part`; gives how
    /// many bytes that were.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut part: impl FnMut(&[u8]) -> Result<(), H1Error>,
    ) -> Result<usize, H1Error> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied().filter(|_| self.place != Place::Done) {
            if self.place == Place::Data {
                let rest = bytes.get(at..).unwrap_or_default();
                let length = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(rest.len());
                let (data, _) = rest.split_at(length);
                part(data)?;
                at += length;
                self.remaining -= length as u64;
                if self.remaining == 0 {
                    self.place = Place::DataReturn;
                }
                continue;
            }
            at += 1;
            self.place = self.step(byte)?;
        }
        Ok(at)
    }

    /// Whether the body is complete.
    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    fn step(&mut self, byte: u8) -> Result<Place, H1Error> {
        let wrong = |what| Err(H1Error::Chunk(what));
        match (self.place, byte) {
            (Place::SizeStart | Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                let size = self.remaining.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
                self.remaining = size.ok_or(H1Error::Chunk("the size of a chunk is too large"))?;
                Ok(Place::Size)
            }
            (Place::SizeStart, _) => wrong("a chunk has no size"),
            (Place::Size | Place::SizeBlank, b' ' | b'\t') => Ok(Place::SizeBlank),
            (Place::Size | Place::SizeBlank, b';') => Ok(Place::Extension),
            (Place::Size | Place::SizeBlank | Place::Extension, b'\r') => Ok(Place::SizeEnd),
            (Place::Size | Place::SizeBlank, _) => wrong("the size of a chunk is no number"),
            (Place::Extension, b'\n') => wrong("an extension of a chunk holds a line feed"),
            (Place::Extension, _) => {
                self.extensions += 1;
                if self.extensions < EXTENSIONS_LIMIT {
                    Ok(Place::Extension)
                } else {
                    wrong("too many extensions")
                }
            }
            (Place::SizeEnd, b'\n') if self.remaining == 0 => Ok(Place::LineStart),
            (Place::SizeEnd, b'\n') => Ok(Place::Data),
            (Place::DataReturn, b'\r') => Ok(Place::DataEnd),
            (Place::DataEnd, b'\n') => Ok(Place::SizeStart),
            (Place::LineStart, b'\r') => Ok(Place::LastEnd),
            (Place::LineStart | Place::Trailer, _) => {
                self.trailers.push(byte);
                if self.trailers.len() >= TRAILERS_LIMIT {
                    return wrong("too many trailers");
                }
                Ok(if byte == b'\r' { Place::TrailerEnd } else { Place::Trailer })
            }
            (Place::TrailerEnd, b'\n') => {
                self.trailers.push(byte);
                self.trailer_lines += 1;
                Ok(Place::LineStart)
            }
            (Place::LastEnd, b'\n') => self.check_trailers().map(|()| Place::Done),
            (Place::DataReturn, _) => wrong("a chunk is longer than its size says"),
            _ => wrong("a line feed is missing"),
        }
    }

    fn check_trailers(&mut self) -> Result<(), H1Error> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        let mut trailers = std::mem::take(&mut self.trailers);
        trailers.extend_from_slice(b"\r\n");
        let mut room = [httparse::EMPTY_HEADER; MOST_TRAILERS];
        let (room, _) = room.split_at_mut(self.trailer_lines.min(MOST_TRAILERS));
        match httparse::parse_headers(&trailers, room) {
            Ok(httparse::Status::Complete(_)) => Ok(()),
            _ => Err(H1Error::Chunk("the trailers are not valid")),
        }
    }
}
