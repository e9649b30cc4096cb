// SPDX-License-Identifier: Apache-2.0
//! The body of a request: bytes in one piece, or pieces that are never put together.
//!
//! What is large is there once for all users and sent from where it is: contents of files, and the block that
//! made-up contents are cut from. A clone copies no bytes.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use upsurge_core::scenario::Ring;

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Payload {
    /// One piece.
    Whole(Bytes),
    /// Several, one after the other.
    Pieces(Arc<Pieces>),
}

/// The pieces of a body.
#[derive(Debug)]
pub struct Pieces {
    pieces: Vec<Piece>,
    length: usize,
}

/// A piece of a body.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes as they are.
    Bytes(Bytes),
    /// Stretches of a block.
    Ring(Bytes, Ring),
}

impl Default for Payload {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<Vec<Piece>> for Payload {
    fn from(pieces: Vec<Piece>) -> Self {
        if let [Piece::Bytes(bytes)] = pieces.as_slice() {
            return Self::Whole(bytes.clone());
        }
        let length = pieces.iter().map(Piece::len).sum();
        Self::Pieces(Arc::new(Pieces { pieces, length }))
    }
}

impl Payload {
    /// Number of bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.length,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes from a position on that lie side by side; none at the end only.
    pub fn rest(&self, at: usize) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes.get(at..).unwrap_or_default(),
            Self::Pieces(pieces) => {
                let Some((piece, at)) = pieces.find(at) else { return &[] };
                match piece {
                    Piece::Bytes(bytes) => bytes.get(at..).unwrap_or_default(),
                    Piece::Ring(block, ring) => block.get(ring.span(at as u64)).unwrap_or_default(),
                }
            }
        }
    }

    /// The same bytes, at most so many of them, to be handed on.
    pub fn part(&self, at: usize, most: usize) -> Bytes {
        let cut = |bytes: &Bytes, range: Range<usize>| {
            let end = range.end.min(bytes.len());
            let start = range.start.min(end);
            bytes.slice(start..end.min(start.saturating_add(most)))
        };
        match self {
            Self::Whole(bytes) => cut(bytes, at..bytes.len()),
            Self::Pieces(pieces) => match pieces.find(at) {
                Some((Piece::Bytes(bytes), at)) => cut(bytes, at..bytes.len()),
                Some((Piece::Ring(block, ring), at)) => cut(block, ring.span(at as u64)),
                None => Bytes::new(),
            },
        }
    }

    /// Appends all bytes.
    pub fn write_to(&self, buffer: &mut Vec<u8>) {
        let mut at = 0;
        loop {
            match self.rest(at) {
                [] => return,
                bytes => {
                    buffer.extend_from_slice(bytes);
                    at += bytes.len();
                }
            }
        }
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Ring(_, ring) => ring.length as usize,
        }
    }
}

impl Pieces {
    /// The pieces, in their order.
    pub fn as_slice(&self) -> &[Piece] {
        &self.pieces
    }

    /// The piece that a position lies in, and where in it.
    fn find(&self, mut at: usize) -> Option<(&Piece, usize)> {
        for piece in &self.pieces {
            match at.checked_sub(piece.len()) {
                None => return Some((piece, at)),
                Some(beyond) => at = beyond,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_one_after_the_other_and_not_copied() {
        let first = Bytes::from(vec![1_u8; 10]);
        let pieces = [first.clone(), Bytes::new(), Bytes::from(vec![2_u8; 5])];
        let payload = Payload::from(pieces.map(Piece::Bytes).to_vec());
        assert_eq!(payload.len(), 15);
        assert_eq!(payload.rest(0).as_ptr(), first.as_ptr());
        assert_eq!(payload.part(4, 3).as_ptr(), first.slice(4..).as_ptr());
        assert_eq!(
            (payload.rest(9), payload.rest(10), payload.rest(15)),
            (&[1_u8][..], &[2_u8; 5][..], &[][..])
        );
        assert_eq!((payload.part(4, 3), payload.part(12, 100)), (vec![1; 3].into(), vec![2; 3].into()));
        let mut all = Vec::new();
        payload.write_to(&mut all);
        assert_eq!(all, [vec![1; 10], vec![2; 5]].concat());
    }
}
