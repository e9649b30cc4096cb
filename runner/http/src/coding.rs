// SPDX-License-Identifier: Apache-2.0
//! Content codings: bodies of requests are compressed, those of responses decompressed when somebody looks.

use std::io::{self, Read, Write};

use brotli::enc::BrotliEncoderParams;
use flate2::{
    Compression,
    read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, header};
use ruzstd::decoding::{
    FrameDecoder, StreamingDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use upsurge_crds::v1alpha1::Coding;

use super::text;

/// Quality and window of Brotli: those that servers use for answers made on the fly.
const BROTLI_QUALITY: i32 = 5;
const BROTLI_WINDOW: i32 = 22;
/// Codings that can be undone.
const KNOWN: [&str; 6] = ["identity", "gzip", "x-gzip", "deflate", "br", "zstd"];
/// Magic number and length of a frame of zstd that is to be skipped.
const SKIPPABLE_HEADER: usize = 8;
/// Size of the steps in which bodies are decompressed.
const STEP: usize = 16 << 10;

/// Why a body can't be decompressed.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is not what its header says.
    #[error("the body is not {coding}: {source}")]
    Malformed {
        /// The coding of the header.
        coding: String,
        /// What is wrong.
        source: io::Error,
    },
    /// There is more in it than may be kept.
    #[error("the decompressed body is larger than {limit} bytes")]
    TooLarge {
        /// Most bytes.
        limit: usize,
    },
}

/// Compresses a body.
pub fn encode(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Br => {
            let parameters =
                BrotliEncoderParams { quality: BROTLI_QUALITY, lgwin: BROTLI_WINDOW, ..Default::default() };
            let mut compressed = Vec::new();
            brotli::BrotliCompress(&mut &*bytes, &mut compressed, &parameters)?;
            Ok(compressed)
        }
        Coding::Zstd => {
            Ok(ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest))
        }
    }
}

/// Undoes what `Content-Encoding` says was done to a body; no more than `limit` bytes come out.
pub fn decode(headers: &HeaderMap, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, DecodeError> {
    if body.is_empty() {
        return Ok(body);
    }
    let values: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().map(text::of).collect();
    let names: Vec<&str> = values
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    // What nobody knows can't be undone, and the body is what it is, as in k6 and in curl unless it was asked to
    // decompress. A request does not fail for being looked at.
    if !names.iter().all(|name| KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known))) {
        return Ok(body);
    }
    // They are listed in the order in which they were applied.
    names.into_iter().rev().try_fold(body, |body, name| decode_one(name, body, limit))
}

fn decode_one(name: &str, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let malformed = |source| DecodeError::Malformed { coding: name.to_owned(), source };
    let decoded = match name.to_ascii_lowercase().as_str() {
        "identity" => return Ok(body),
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(&*body), limit),
        // Some servers mean bare deflate; a zlib stream is told by its first two bytes (RFC 1950 §2.2).
        "deflate" if is_zlib(&body) => read(ZlibDecoder::new(&*body), limit),
        "deflate" => read(DeflateDecoder::new(&*body), limit),
        "br" => read(brotli::Decompressor::new(&*body, STEP), limit),
        "zstd" => read(Frames { rest: &body, frame: None }, limit),
        _ => return Ok(body),
    };
    decoded.map_err(malformed)?.ok_or(DecodeError::TooLarge { limit })
}

/// The contents of all frames of zstd, one after the other. The library reads one; a body is any number of them, and those
/// that are for somebody else are skipped (RFC 8878 §3.1).
struct Frames<'a> {
    /// What is behind the frame that is being read, or all of it before the first one.
    rest: &'a [u8],
    frame: Option<StreamingDecoder<&'a [u8], FrameDecoder>>,
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                self.rest = *frame.get_ref();
                self.frame = None;
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            self.frame = match StreamingDecoder::new(self.rest) {
                Ok(frame) => Some(frame),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = (length as usize).saturating_add(SKIPPABLE_HEADER);
                    self.rest = self.rest.get(skipped..).ok_or(io::ErrorKind::UnexpectedEof)?;
                    None
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            };
        }
    }
}

fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..] if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31))
}

/// All that can be read; `None` when that is more than `limit`.
fn read(reader: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Br, Coding::Zstd];

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn what_is_compressed_comes_out_again() {
        let text = b"the same again and again, ".repeat(1000);
        for coding in ALL {
            let packed = encode(coding, &text).unwrap();
            assert!(packed.len() < text.len() / 10, "{coding:?}: {}", packed.len());
            assert_eq!(decode(&headers(coding.as_str()), packed, 1 << 20).unwrap(), text);
        }
        let twice = encode(Coding::Br, &encode(Coding::Gzip, &text).unwrap()).unwrap();
        assert_eq!(decode(&headers("gzip, br"), twice, 1 << 20).unwrap(), text);
        assert_eq!(decode(&headers("identity"), text.clone(), 1 << 20).unwrap(), text);
    }

    #[test]
    fn bare_deflate_is_understood() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"hello").unwrap();
        assert_eq!(decode(&headers("deflate"), encoder.finish().unwrap(), 100).unwrap(), b"hello");
    }

    #[test]
    fn bombs_and_rubbish_are_errors() {
        let zeros = vec![0; 1 << 20];
        for coding in ALL {
            let packed = encode(coding, &zeros).unwrap();
            let name = headers(coding.as_str());
            let bomb = decode(&name, packed.clone(), 1 << 10);
            assert!(matches!(bomb, Err(DecodeError::TooLarge { limit: 1024 })), "{coding:?}: {bomb:?}");
            let rubbish = decode(&name, b"this is plain text".to_vec(), 1 << 10);
            assert!(matches!(rubbish, Err(DecodeError::Malformed { .. })), "{coding:?}: {rubbish:?}");
        }
    }

    #[test]
    fn all_frames_of_zstd_are_read_and_those_for_others_skipped() {
        let frame = |text: &[u8]| encode(Coding::Zstd, text).unwrap();
        let skipped = |magic: u8| [&[magic, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let name = headers("zstd");
        let decoded = |parts: &[Vec<u8>], limit| decode(&name, parts.concat(), limit);
        let (first, second) = (frame(b"first, "), frame(&b"second".repeat(50_000)));
        let whole = [&b"first, "[..], &b"second".repeat(50_000)].concat();
        let parts = [skipped(0x50), first.clone(), skipped(0x5f), frame(b""), second.clone(), skipped(0x51)];
        assert_eq!(decoded(&parts, 1 << 20).unwrap(), whole);
        assert_eq!(decoded(&[skipped(0x50)], 10).unwrap(), b"");
        // The limit is that of all frames.
        let larger = decoded(&[first.clone(), second], 300_006);
        assert!(matches!(larger, Err(DecodeError::TooLarge { .. })), "{larger:?}");
        for cut in [[first.clone(), skipped(0x50)[..10].to_vec()], [first.clone(), b"rubbish".to_vec()]] {
            assert!(matches!(decoded(&cut, 100), Err(DecodeError::Malformed { .. })), "{cut:?}");
        }
        let half = first[..first.len() - 1].to_vec();
        assert!(matches!(decoded(&[half], 100), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn what_nobody_knows_is_left_as_it_is() {
        let packed = encode(Coding::Gzip, b"hello").unwrap();
        for names in ["rot13", "gzip, rot13", "rot13, gzip"] {
            assert_eq!(decode(&headers(names), packed.clone(), 100).unwrap(), packed, "{names}");
        }
    }
}
