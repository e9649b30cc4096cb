// SPDX-License-Identifier: Apache-2.0
//! What hostile bytes make the decoder take: the only test of its process, as it measures all memory of that.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use upsurge_core::metrics::Trend;
use upsurge_record::disk::{DecodeError, MOST_UNPACKED, decode};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Most memory that reading a document may take, for each byte of it unpacked.
const MOST_PER_BYTE: f32 = 32.0;

fn fixture() -> Value {
    let record = decode(include_bytes!("fixtures/record-1.0.json.gz")).unwrap();
    serde_json::to_value(record).unwrap()
}

/// Memory in MiB that it took to read bytes, and what came of it.
fn taken(bytes: &[u8]) -> (f32, Result<(), DecodeError>) {
    let before = MEMORY.current_usage_as_mb();
    MEMORY.reset_peak_usage();
    let read = decode(bytes).map(drop);
    (MEMORY.peak_usage_as_mb() - before, read)
}

/// A record with many distributions, each of which takes a hundred times as much memory as text: a value in each block of counts,
/// so often that a short count can't hold it.
fn widely_spread() -> String {
    let (mut trend, mut micros) = (Trend::default(), 1.0_f64);
    while micros < 3.6e9 {
        trend.record_many(Duration::from_micros(micros as u64), 1 << 17);
        micros *= 1.03;
    }
    let trend = serde_json::to_string(&trend).unwrap();
    let total = |number: u32| format!("\"m{number}\":{{\"trend\":{trend}}}");
    let totals: Vec<String> = (0..4_000).map(total).collect();
    let mut spread = fixture();
    spread["epochs"][0]["measured"]["totals"] = json!("spread");
    spread.to_string().replace("\"spread\"", &format!("{{{}}}", totals.join(",")))
}

#[test]
fn reading_takes_no_more_memory_than_bytes_that_are_there_account_for() {
    // Ten gigabytes, by what its end says, and by what it would unpack to.
    let mut claims = GzEncoder::new(Vec::new(), Compression::best());
    claims.write_all(b"{}").unwrap();
    let mut claims = claims.finish().unwrap();
    let end = claims.len() - 4;
    claims[end..].copy_from_slice(&u32::MAX.to_le_bytes());
    let (memory, read) = taken(&claims);
    assert!(memory < 1.0 && read.is_err(), "{memory} MiB: {read:?}");

    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    let spaces = vec![b' '; 1 << 20];
    (0..=MOST_UNPACKED >> 20).for_each(|_| bomb.write_all(&spaces).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let (memory, read) = taken(&bomb);
    // What has come, and the room for twice as much that is being made.
    let most = MOST_UNPACKED as f32 / (1 << 20) as f32;
    assert!(memory < 4.0 * most && matches!(read, Err(DecodeError::Large { .. })), "{memory} MiB: {read:?}");

    // Texts without a letter, each of which takes eight times its bytes.
    let mut texts = fixture();
    texts["warnings"] = json!("texts");
    let texts = texts.to_string().replace("\"texts\"", &format!("[{}\"\"]", "\"\",".repeat(12 << 20)));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(texts.as_bytes()).unwrap();
    let (memory, read) = taken(&packed.finish().unwrap());
    assert!(memory < 3.0 * most && matches!(read, Err(DecodeError::NotARecord(_))), "{memory} MiB: {read:?}");

    // A series that says that it is long, and one that is: a point for two bytes in each of its columns.
    let mut says = fixture();
    says["epochs"][0]["series"]["points"] = json!(600_000);
    let (memory, read) = taken(says.to_string().as_bytes());
    assert!(memory < 40.0 && read.is_err(), "{memory} MiB: {read:?}");

    let mut long = fixture();
    let needed = ["from", "to", "started", "iterations", "dropped", "requests", "failed", "sent", "received"];
    let columns = needed.map(
        |name| json!({"name": name, "unit": "", "scale": 1.0, "coding": "delta", "values": vec![0; 600_000]}),
    );
    long["epochs"][0]["series"] = json!({"stepSeconds": 1, "points": 600_000, "columns": columns});
    let long = long.to_string();
    let (memory, read) = taken(long.as_bytes());
    let most = long.len() as f32 / (1 << 20) as f32 * MOST_PER_BYTE;
    assert!(memory < most && read.is_ok(), "{memory} MiB of at most {most}: {read:?}");

    let (memory, read) = taken(widely_spread().as_bytes());
    let is_refused = matches!(&read, Err(DecodeError::Corrupted(why)) if why.contains("all distributions"));
    assert!(memory < 700.0 && is_refused, "{memory} MiB: {read:?}");
}
