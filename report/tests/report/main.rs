// SPDX-License-Identifier: Apache-2.0
//! Reports of played records: what stands in them, read back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

mod hostile;
mod markdown;
mod odd;
mod picture;
mod played;
mod png;
mod read;
mod sizes;
mod thinned;
mod values;
