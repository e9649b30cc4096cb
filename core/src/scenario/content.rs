// SPDX-License-Identifier: Apache-2.0
//! Made-up contents of a declared size, which are never held as a whole.
//!
//! They are a head, a stretch cut from a block that is read round and round, and a tail. Each time round the
//! block is entered at another place, which follows from seed, iteration and round alone: any part of any
//! contents can be had at once, and two rounds are unlike each other.

use std::ops::Range;

use upsurge_crds::v1alpha1::{ContentKind, GeneratedContent};

use crate::{field_error::Errors, plan::schedule::mix, template::word};

/// Largest block: what is kept of contents, however large they are.
pub const LARGEST_BLOCK: u64 = 4 << 20;
/// Largest contents: what object stores take in one piece.
const LARGEST: u64 = 5 << 30;
/// Smallest contents of JSON: an object with one row fits in.
const SMALLEST_JSON: u64 = 512;
/// Smallest contents that can say which iteration they belong to.
const SMALLEST_VARIED: u64 = 32;
/// Largest contents that are compressed: for that they are held as a whole.
const LARGEST_COMPRESSED: u64 = 64 << 20;

/// Length of a row of JSON, with the comma before it.
const ROW: usize = 128;
/// Before and after the place that tells the contents of iterations apart, and at the end.
const JSON_HEAD: (&str, &str) = (r#"{"id":""#, r#"","rows":["#);
const JSON_TAIL: (&str, &str) = (r#"],"filler":""#, r#""}"#);

/// Contents that are declared and not made yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    size: u64,
    kind: ContentKind,
    seed: u64,
    vary: bool,
}

/// Contents, ready to be sent.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What they begin with.
    head: Vec<u8>,
    /// What the middle is cut from.
    pub block: Vec<u8>,
    /// What they end with.
    pub tail: Vec<u8>,
    /// The place in the head that tells the contents of iterations apart.
    stamp: Option<Range<usize>>,
    seed: u64,
    /// The middle, but for the place at which an iteration enters the block.
    ring: Ring,
}

/// The middle of contents: where in the block each of its bytes is.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    key: u64,
    /// Length of the middle.
    pub length: u64,
    /// Length of the block.
    block: u64,
    /// The block may be entered at multiples of this.
    unit: u64,
}

impl Content {
    /// Checks a declaration.
    pub(super) fn compile(
        declared: &GeneratedContent,
        compressed: bool,
        path: &str,
        errors: &mut Errors,
    ) -> Option<Self> {
        let size = declared.size.0;
        let wrong = match declared.kind {
            _ if !(1..=LARGEST).contains(&size) => Some("must be from 1 to 5Gi"),
            ContentKind::Json if size < SMALLEST_JSON => {
                Some("must be at least 512 for contents of kind Json")
            }
            _ if declared.vary && size < SMALLEST_VARIED => {
                Some("must be at least 32 for contents that vary")
            }
            _ if compressed && size > LARGEST_COMPRESSED => {
                Some("must be at most 64Mi with compression, for which all of it is held in memory")
            }
            _ => None,
        };
        errors.check(format_args!("{path}.size"), wrong.map_or(Ok(()), Err))?;
        let (kind, vary) = (declared.kind, declared.vary);
        Some(Self { size, kind, seed: declared.seed.cast_unsigned(), vary })
    }

    /// Media type of the contents.
    pub fn media_type(&self) -> &'static str {
        match self.kind {
            ContentKind::Binary => "application/octet-stream",
            ContentKind::Text => "text/plain",
            ContentKind::Json => "application/json",
        }
    }

    /// Name of a file that holds the contents.
    pub(super) fn file_name(&self) -> &'static str {
        match self.kind {
            ContentKind::Binary => "generated.bin",
            ContentKind::Text => "generated.txt",
            ContentKind::Json => "generated.json",
        }
    }

    /// Whether each iteration has contents of its own.
    pub fn varies(&self) -> bool {
        self.vary
    }

    /// Makes what the contents are cut from.
    pub fn layout(&self) -> Layout {
        let mut random = Numbers(mix(self.seed));
        let (mut head, mut stamp, mut tail, mut unit) = (Vec::new(), None, Vec::new(), 1);
        match self.kind {
            ContentKind::Json => {
                head.extend_from_slice(JSON_HEAD.0.as_bytes());
                stamp = Some(head.len()..head.len() + 16);
                head.extend_from_slice(&[b'0'; 16]);
                head.extend_from_slice(JSON_HEAD.1.as_bytes());
                head.extend(row(&mut random).split_off(1));
                unit = ROW as u64;
            }
            ContentKind::Text if self.vary => {
                stamp = Some(0..16);
                head.extend_from_slice(b"0000000000000000 ");
            }
            ContentKind::Binary if self.vary => {
                stamp = Some(0..8);
                head.extend_from_slice(&[0; 8]);
            }
            ContentKind::Text | ContentKind::Binary => {}
        }
        let ends = if self.kind == ContentKind::Json { JSON_TAIL } else { ("", "") };
        // Sizes are checked: all of it fits.
        let rest = self.size.saturating_sub((head.len() + ends.0.len() + ends.1.len()) as u64);
        let length = rest - rest % unit;
        tail.extend_from_slice(ends.0.as_bytes());
        tail.extend(std::iter::repeat_n(b'-', (rest - length) as usize));
        tail.extend_from_slice(ends.1.as_bytes());
        let block = block(self.kind, length.min(LARGEST_BLOCK) as usize, &mut random);
        let ring = Ring { key: 0, length, block: block.len() as u64, unit };
        Layout { head, block, tail, stamp, seed: self.seed, ring }
    }
}

impl Layout {
    /// Head and middle of the contents for an iteration; those that don't vary ignore which.
    pub fn of(&self, content: &Content, iteration: u64) -> (Vec<u8>, Ring) {
        let iteration = if content.vary { iteration } else { 0 };
        // One to one: no two iterations have the same key.
        let key = mix(mix(self.seed) ^ iteration);
        let mut head = self.head.clone();
        if let Some(place) = self.stamp.clone().and_then(|stamp| head.get_mut(stamp)) {
            match place.len() {
                8 => place.copy_from_slice(&key.to_be_bytes()),
                _ => place.copy_from_slice(format!("{key:016x}").as_bytes()),
            }
        }
        (head, Ring { key, ..self.ring })
    }
}

impl Ring {
    /// The part of the block that follows in the contents from a position of the middle on; empty at its end.
    pub fn span(&self, at: u64) -> Range<usize> {
        let left = self.length.saturating_sub(at);
        if left == 0 || self.block == 0 {
            return 0..0;
        }
        let (round, within) = (at / self.block, at % self.block);
        let entry = mix(self.key.wrapping_add(round)) % (self.block / self.unit) * self.unit;
        let from = (entry + within) % self.block;
        // Up to the end of the block, of the round, and of the contents.
        let length = (self.block - from).min(self.block - within).min(left);
        from as usize..(from + length) as usize
    }
}

/// An endless row of random numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }
}

fn block(kind: ContentKind, length: usize, random: &mut Numbers) -> Vec<u8> {
    let mut block = Vec::with_capacity(length + ROW);
    while block.len() < length {
        match kind {
            ContentKind::Binary => block.extend_from_slice(&random.next().to_le_bytes()),
            ContentKind::Text => {
                block.extend_from_slice(word(random.next()).as_bytes());
                block.push(if random.next().is_multiple_of(12) { b'\n' } else { b' ' });
            }
            ContentKind::Json => block.extend(row(random)),
        }
    }
    block.truncate(length);
    block
}

/// A row of JSON with a comma before it, always of the same length.
fn row(random: &mut Numbers) -> Vec<u8> {
    let (id, amount) = (random.next(), 10_000 + random.next() % 90_000);
    let mut row = format!(r#",{{"id":"{id:016x}","amount":{amount},"text":""#).into_bytes();
    let end = ROW - 2;
    while row.len() < end {
        row.extend_from_slice(word(random.next()).as_bytes());
        row.push(b' ');
    }
    row.truncate(end);
    row.extend_from_slice(br#""}"#);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: u64, kind: ContentKind, seed: u64, vary: bool) -> Content {
        Content { size, kind, seed, vary }
    }

    /// All of the contents, put together in steps of a given length.
    fn whole(content: &Content, iteration: u64) -> Vec<u8> {
        let layout = content.layout();
        let (mut bytes, ring) = layout.of(content, iteration);
        let mut at = 0;
        while at < ring.length {
            let span = ring.span(at);
            assert!(!span.is_empty(), "nothing at {at} of {}", ring.length);
            bytes.extend_from_slice(&layout.block[span.clone()]);
            at += span.len() as u64;
        }
        assert!(ring.span(at).is_empty());
        bytes.extend_from_slice(&layout.tail);
        bytes
    }

    #[test]
    fn contents_have_the_declared_size_and_follow_from_the_seed() {
        for kind in [ContentKind::Binary, ContentKind::Text, ContentKind::Json] {
            for size in [512, 513, 639, 640, 4096, 100_001] {
                for vary in [false, true] {
                    let of = |seed, iteration| whole(&content(size, kind, seed, vary), iteration);
                    let bytes = of(7, 3);
                    assert_eq!(bytes.len() as u64, size, "{kind:?}");
                    assert!(bytes == of(7, 3) && bytes != of(8, 3), "{kind:?} of {size}");
                    assert_eq!(bytes == of(7, 4), !vary, "{kind:?} of {size}");
                    if kind == ContentKind::Json {
                        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                        assert!(parsed["rows"][0]["amount"].is_u64() && parsed["filler"].is_string());
                    } else if kind == ContentKind::Text {
                        assert!(bytes.is_ascii());
                    }
                }
            }
        }
        assert_eq!(whole(&content(1, ContentKind::Text, 0, false), 0).len(), 1);
        let large = whole(&content(3 * LARGEST_BLOCK + 77, ContentKind::Text, 0, true), 1);
        assert_eq!(large.len() as u64, 3 * LARGEST_BLOCK + 77);
    }

    #[test]
    fn any_part_can_be_had_without_those_before() {
        let content = content(3 * LARGEST_BLOCK + 77, ContentKind::Json, 1, true);
        let (layout, bytes) = (content.layout(), whole(&content, 9));
        let (head, ring) = layout.of(&content, 9);
        for at in [0, 1, 4_000, LARGEST_BLOCK - 1, LARGEST_BLOCK, 2 * LARGEST_BLOCK + 5, ring.length - 1] {
            let part = &layout.block[ring.span(at)];
            let from = head.len() + at as usize;
            assert_eq!(part, &bytes[from..from + part.len()], "at {at}");
        }
        assert!(layout.block.len() as u64 <= LARGEST_BLOCK);
    }

    #[test]
    fn rounds_are_unlike_each_other() {
        let bytes = whole(&content(2 * LARGEST_BLOCK, ContentKind::Binary, 5, false), 0);
        let (first, second) = bytes.split_at(LARGEST_BLOCK as usize);
        let same = first.iter().zip(second).filter(|(one, other)| one == other).count();
        assert!(same < first.len() / 64, "{same} of {} bytes are the same", first.len());
    }
}
