// SPDX-License-Identifier: Apache-2.0
//! Random numbers that a seed determines.

use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64 (Steele, Lea, Flood 2014): small, good enough for tests, and shared without a lock.
#[derive(Debug)]
pub(super) struct Numbers(AtomicU64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(super) fn next(&self) -> u64 {
        let value = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}
