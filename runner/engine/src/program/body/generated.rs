// SPDX-License-Identifier: Apache-2.0
//! Made-up contents as sections of bodies.

use bytes::Bytes;
use upsurge_core::scenario::{Content, Layout};
use upsurge_http::payload::Piece;

use super::Section;

/// Made-up contents, ready to be cut to size.
#[derive(Debug)]
pub(crate) struct Generated {
    content: Content,
    layout: Layout,
    block: Bytes,
    tail: Bytes,
}

impl Generated {
    pub(super) fn section(content: &Content) -> Section {
        let mut layout = content.layout();
        let block = std::mem::take(&mut layout.block).into();
        let tail = std::mem::take(&mut layout.tail).into();
        Section::Generated(Box::new(Self { content: content.clone(), layout, block, tail }))
    }

    /// Whether each iteration has contents of its own.
    pub(super) fn varies(&self) -> bool {
        self.content.varies()
    }

    /// Appends the contents for an iteration.
    pub(super) fn cut(&self, iteration: u64, pieces: &mut Vec<Piece>) {
        let (head, ring) = self.layout.of(&self.content, iteration);
        pieces.extend([Piece::Bytes(head.into()), Piece::Ring(self.block.clone(), ring)]);
        pieces.push(Piece::Bytes(self.tail.clone()));
    }
}
