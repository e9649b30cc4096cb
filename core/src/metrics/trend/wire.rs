// SPDX-License-Identifier: Apache-2.0
//! Histograms as they are sent and kept: HdrHistogram's V2 encoding, compressed or plain; read is what our encoder writes.
//!
//! The sender is not trusted. Every length is checked before anything is made of it, decompression stops at the
//! largest histogram there is, and whatever our encoder would not write is refused: a few bytes can't claim gigabytes.

use std::{cmp::Ordering, io::Read};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::bufread::ZlibDecoder;

use super::{
    EncodedHistogram,
    buckets::{BUCKETS, Buckets, highest},
    zlib,
};

/// First words of the compressed and of the plain form; the 1 stands for counts of any size.
const COMPRESSED: u32 = 0x1c84_9314;
const PLAIN: u32 = 0x1c84_9313;
/// Bytes before the compressed part.
const ENVELOPE: usize = 8;
/// Bytes before the counts.
const HEADER: usize = 40;
/// Most bytes of a count.
const LONGEST_COUNT: usize = 9;
/// Highest value that a histogram of so many buckets can say that it has: it fills the last doubling.
const HIGHEST: u64 = 1 << 52;
/// Most bytes of all counts.
const MOST_BYTES: usize = BUCKETS * LONGEST_COUNT;
/// Most bytes in which they may be compressed: what can't be compressed grows a little.
const MOST_COMPRESSED: usize = HEADER + MOST_BYTES + MOST_BYTES / 100 + 64;
/// Most characters in base64.
const LONGEST_TEXT: usize = (ENVELOPE + MOST_COMPRESSED).div_ceil(3) * 4;

/// Why bytes are no histogram of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than the largest histogram.
    #[error("histogram has {0} characters, more than any can have")]
    Long(usize),
    /// Not base64.
    #[error("histogram is not base64: {0}")]
    Encoding(#[from] base64::DecodeError),
    /// Not the compressed form.
    #[error("histogram does not begin as one in HdrHistogram's V2 compressed encoding")]
    Cookie,
    /// The length of the compressed part is another one than it says.
    #[error("histogram has {found} compressed bytes, but says {said}")]
    Length {
        /// What there is.
        found: usize,
        /// What it says.
        said: u32,
    },
    /// Can't be decompressed.
    #[error("histogram can't be decompressed: {0}")]
    Compression(String),
    /// The plain form begins in another way than ours.
    #[error("histogram has {field} {found}, which ours never have")]
    Header {
        /// Which part.
        field: &'static str,
        /// What it is.
        found: u64,
    },
    /// There is more than the counts.
    #[error("histogram has bytes after its counts")]
    Trailing,
    /// The counts end in the middle of one.
    #[error("histogram ends in the middle of a count")]
    Cut,
    /// There are more counts than buckets.
    #[error("histogram has counts beyond its last bucket")]
    Beyond,
    /// Not in the way in which ours are written.
    #[error("histogram has empty buckets that are written in another way than ours")]
    Form,
    /// There are more records than can be counted.
    #[error("histogram has more records than can be counted")]
    Overflow,
}

/// Decodes a histogram.
pub(super) fn decode(sent: &EncodedHistogram) -> Result<Buckets, WireError> {
    match sent {
        EncodedHistogram::Text(text) => decode_text(text),
        EncodedHistogram::Binary(bytes) => {
            let (header, rest) = bytes.split_first_chunk().ok_or(WireError::Cut)?;
            match rest.len().cmp(&length(header)?) {
                Ordering::Less => Err(WireError::Cut),
                Ordering::Equal => counts(rest),
                Ordering::Greater => Err(WireError::Trailing),
            }
        }
    }
}

/// Encodes a histogram in the plain form.
pub(super) fn encode(buckets: &Buckets) -> Vec<u8> {
    plain_form(buckets, |_| HIGHEST)
}

/// Encodes a histogram in the compressed form, in base64.
pub(super) fn encode_text(buckets: &Buckets) -> String {
    // It says no more than the doubling that its highest value is in: other programs make room for all that it says.
    let doubling = |last: u64| (last + 1).next_power_of_two().max(2_048) - 1;
    let compressed = zlib::compress(&plain_form(buckets, doubling));
    let mut bytes = Vec::with_capacity(ENVELOPE + compressed.len());
    let length = u32::try_from(compressed.len()).unwrap_or(u32::MAX);
    [COMPRESSED, length].into_iter().for_each(|word| bytes.extend(word.to_be_bytes()));
    bytes.extend(compressed);
    STANDARD.encode(bytes)
}

/// The plain form, which says that it can hold values as high as it is told to by the highest that it holds.
fn plain_form(buckets: &Buckets, most: impl Fn(u64) -> u64) -> Vec<u8> {
    let (mut counts, mut next) = (Vec::new(), 0);
    for (index, count) in buckets.counts() {
        match index - next {
            0 => {}
            1 => put(&mut counts, 0),
            empty => put(&mut counts, -(empty as i64)),
        }
        put(&mut counts, i64::try_from(count).unwrap_or(i64::MAX));
        next = index + 1;
    }
    if counts.is_empty() {
        put(&mut counts, 0);
    }
    let mut bytes = Vec::with_capacity(HEADER + counts.len());
    let (length, digits) = (u32::try_from(counts.len()).unwrap_or(u32::MAX), u32::from(super::DIGITS));
    [PLAIN, length, 0, digits].into_iter().for_each(|word| bytes.extend(word.to_be_bytes()));
    let most = most(next.checked_sub(1).map_or(0, highest));
    [1, most, 1.0_f64.to_bits()].into_iter().for_each(|word| bytes.extend(word.to_be_bytes()));
    bytes.extend(counts);
    bytes
}

/// Adds a count, or how many buckets are empty as a negative one.
fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 1..LONGEST_COUNT {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
    bytes.push(rest as u8);
}

fn decode_text(text: &str) -> Result<Buckets, WireError> {
    if text.len() > LONGEST_TEXT {
        return Err(WireError::Long(text.len()));
    }
    let bytes = STANDARD.decode(text)?;
    let (envelope, compressed) = bytes.split_at_checked(ENVELOPE).ok_or(WireError::Cookie)?;
    if word(envelope, 0) != COMPRESSED {
        return Err(WireError::Cookie);
    }
    let said = word(envelope, 4);
    if said as usize != compressed.len() {
        return Err(WireError::Length { found: compressed.len(), said });
    }
    counts(&plain(compressed)?)
}

/// Decompresses the counts, after a look at what is said about them.
fn plain(compressed: &[u8]) -> Result<Vec<u8>, WireError> {
    let broken = |error: std::io::Error| WireError::Compression(error.to_string());
    let mut decoder = ZlibDecoder::new(compressed);
    let mut header = [0; HEADER];
    decoder.read_exact(&mut header).map_err(broken)?;
    let length = length(&header)?;
    // No more is made room for than comes.
    let mut counts = Vec::new();
    decoder.by_ref().take(length as u64).read_to_end(&mut counts).map_err(broken)?;
    if counts.len() < length {
        return Err(WireError::Cut);
    }
    let more = decoder.read(&mut [0]).map_err(broken)?;
    if more > 0 || !decoder.into_inner().is_empty() {
        return Err(WireError::Trailing);
    }
    Ok(counts)
}

/// How many bytes of counts come after what is said about them.
fn length(header: &[u8; HEADER]) -> Result<usize, WireError> {
    let high = u64::from_be_bytes(eight(header, 24));
    let wrong = [
        ("first word", u64::from(word(header, 0)), u64::from(PLAIN)),
        ("offset", u64::from(word(header, 8)), 0),
        ("significant digits", u64::from(word(header, 12)), u64::from(super::DIGITS)),
        ("lowest value", u64::from_be_bytes(eight(header, 16)), 1),
        ("ratio of its values", u64::from_be_bytes(eight(header, 32)), 1.0_f64.to_bits()),
        ("highest value", high, high.clamp(2, HIGHEST)),
    ];
    if let Some((field, found, _)) = wrong.into_iter().find(|(_, found, ours)| found != ours) {
        return Err(WireError::Header { field, found });
    }
    let length = word(header, 4) as usize;
    if length > MOST_BYTES {
        return Err(WireError::Header { field: "bytes of counts", found: length as u64 });
    }
    Ok(length)
}

/// Reads the counts: one for each bucket from the first on, or how many are empty.
fn counts(bytes: &[u8]) -> Result<Buckets, WireError> {
    let mut buckets = Buckets::of_others();
    let (mut rest, mut index, mut total) = (bytes, 0_usize, 0_u64);
    let (mut was_empty, mut last) = (false, 0);
    while !rest.is_empty() {
        let number = zigzag(varint(&mut rest)?);
        last = number;
        let is_empty = number <= 0;
        // One empty bucket is a zero, several that follow each other are one number.
        if number == -1 || (is_empty && was_empty) {
            return Err(WireError::Form);
        }
        was_empty = is_empty;
        if let Ok(count) = u64::try_from(number) {
            if index >= BUCKETS {
                return Err(WireError::Beyond);
            }
            if count > 0 {
                total = total.checked_add(count).ok_or(WireError::Overflow)?;
                buckets.record(highest(index), count);
            }
            index += 1;
        } else {
            let empty = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
            index = index.saturating_add(empty);
            if index >= BUCKETS {
                return Err(WireError::Beyond);
            }
        }
    }
    // The last one is that of the highest value; an empty histogram has the one of zero.
    if last <= 0 && (total > 0 || index != 1) {
        return Err(WireError::Form);
    }
    Ok(buckets)
}

/// Reads a number of seven bits per byte, of which the ninth byte has eight.
fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut number = 0;
    for at in 0..LONGEST_COUNT {
        let (byte, more) = rest.split_first().ok_or(WireError::Cut)?;
        *rest = more;
        if at + 1 == LONGEST_COUNT {
            return Ok(number | u64::from(*byte) << (7 * at));
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

fn eight(bytes: &[u8; HEADER], at: usize) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    eight
}
