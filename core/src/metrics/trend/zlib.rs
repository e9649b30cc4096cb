// SPDX-License-Identifier: Apache-2.0
//! Compressing many small histograms at little cost: what a compressor needs to begin is far more than most of them are, and so one
//! is kept for the next.

use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, FlushCompress, Status};

/// Room that is made beside that for the bytes themselves: even of none there is a beginning and an end.
const ROOM: usize = 64;

/// A compressor that nobody needs just now.
static SPARE: Mutex<Option<Compress>> = Mutex::new(None);

/// Compresses bytes in zlib's form.
pub(super) fn compress(plain: &[u8]) -> Vec<u8> {
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut compress = spare.unwrap_or_else(|| Compress::new(Compression::default(), true));
    let mut bytes = Vec::with_capacity(ROOM + plain.len());
    loop {
        let taken = usize::try_from(compress.total_in()).unwrap_or(plain.len());
        match compress.compress_vec(&plain[taken..], &mut bytes, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => break,
            // There was no room for all.
            Ok(_) => bytes.reserve(ROOM + plain.len()),
            Err(error) => unreachable!("any bytes can be compressed: {error}"),
        }
    }
    compress.reset();
    *SPARE.lock().unwrap_or_else(PoisonError::into_inner) = Some(compress);
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
        for length in [0, 1, 100, 5_000, 100_000] {
            for plain in [&noise[..length], &vec![7; length]] {
                let mut read = Vec::new();
                ZlibDecoder::new(compress(plain).as_slice()).read_to_end(&mut read).unwrap();
                assert!(read == plain, "{length} bytes");
            }
        }
        assert!(compress(&[7; 5_000]).len() < 100);
    }
}
