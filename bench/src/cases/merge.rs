// SPDX-License-Identifier: Apache-2.0
//! Merged percentiles: ten recorders, each fed its share and sent through the runners' protocol, against one that is
//! fed everything.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde_json::json;
use upsurge_core::metrics::Trend;

use super::{Bench, Name};
use crate::{
    number::number,
    results::{Case, Goal},
};

const PARTS: usize = 10;
const VALUES: u32 = 2_000_000;
const SEED: u64 = 4;

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "{} latencies from 1 µs to 60 s, most of them short, are dealt at random to {PARTS} recorders; each is encoded and decoded as \
         between runner and operator, then merged. One recorder gets them all.",
        number(f64::from(VALUES))
    );
    let mut case = bench.case(Name::Merge, "Merged percentiles", how);
    let mut random = fastrand::Rng::with_seed(SEED);
    let (mut whole, mut parts) = (Trend::default(), vec![Trend::default(); PARTS]);
    for _ in 0..VALUES {
        let time = Duration::from_secs_f64(1e-6 * 60e6_f64.powf(random.f64().powi(2)));
        whole.record(time);
        parts[random.usize(..PARTS)].record(time);
    }
    let mut merged = Trend::default();
    for part in &parts {
        let sent: Trend = serde_json::from_slice(&serde_json::to_vec(part)?)?;
        merged.merge(&sent);
    }
    let (one, many): (BTreeMap<u64, u64>, BTreeMap<u64, u64>) =
        (whole.buckets().collect(), merged.buckets().collect());
    let differing =
        one.keys().chain(many.keys()).filter(|bucket| one.get(bucket) != many.get(bucket)).count();
    case.columns = ["percentile", "merged, ms", "one recorder, ms"].map(str::to_owned).into();
    for percent in [50.0, 90.0, 99.0, 99.9, 99.99] {
        let row = [
            format!("p({percent})"),
            merged.percentile(percent).to_string(),
            whole.percentile(percent).to_string(),
        ];
        case.rows.push(row.into());
    }
    case.rounds = 1;
    case.notes.push(format!("{} buckets are in use.", number(one.len() as f64)));
    case.goals.extend(Goal::new(
        "merged percentiles of 10 runners: buckets that differ from one recorder's",
        "buckets",
        0.0,
        &[differing as f64],
    ));
    case.samples = json!({"values": VALUES, "parts": PARTS, "buckets": one.len(), "differing": differing});
    Ok(case)
}
