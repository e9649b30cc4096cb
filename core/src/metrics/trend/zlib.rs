// SPDX-License-Identifier: Apache-2.0
//! Compressing many small histograms at little cost: what a compressor needs to begin is far more than most of them are.

use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, FlushCompress, Status};

/// Most bytes that are put down as they are. To make a compressor for them costs more than it saves.
const SHORT: usize = 256;

/// A compressor that nobody needs just now.
static SPARE: Mutex<Option<Compress>> = Mutex::new(None);

/// Compresses bytes in zlib's form.
pub(super) fn compress(plain: &[u8]) -> Vec<u8> {
    if plain.len() <= SHORT {
        return stored(plain);
    }
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut compress = spare.unwrap_or_else(|| Compress::new(Compression::default(), true));
    let mut bytes = Vec::with_capacity(plain.len());
    loop {
        let taken = usize::try_from(compress.total_in()).unwrap_or(plain.len());
        match compress.compress_vec(&plain[taken..], &mut bytes, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => break,
            // There was no room for all.
            Ok(_) => bytes.reserve(plain.len()),
            Err(error) => unreachable!("any bytes can be compressed: {error}"),
        }
    }
    compress.reset();
    *SPARE.lock().unwrap_or_else(PoisonError::into_inner) = Some(compress);
    bytes
}

/// The same without making it any shorter (RFC 1950 §2.2, RFC 1951 §3.2.4).
fn stored(plain: &[u8]) -> Vec<u8> {
    let length = plain.len() as u16;
    let mut bytes = vec![0x78, 0x01, 0x01];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(plain);
    let (low, high) = plain.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    bytes.extend((high << 16 | low).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn what_was_compressed_is_read_back() {
        // Also what can't be made any shorter, and again with a compressor that was used.
        let noise: Vec<u8> =
            (0..100_000_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 5_000, 100_000] {
            for plain in [&noise[..length], &vec![7; length]] {
                let mut read = Vec::new();
                ZlibDecoder::new(compress(plain).as_slice()).read_to_end(&mut read).unwrap();
                assert!(read == plain, "{length} bytes");
            }
        }
        assert!(compress(&[7; 5_000]).len() < 100);
    }
}
