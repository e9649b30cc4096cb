// SPDX-License-Identifier: Apache-2.0
//! The elastic speedup against a baseline run, in sentences.

use upsurge_record::model::{ElasticSpeedup, Record};

/// A sentence for each workload that was compared.
pub(crate) fn sentences(record: &Record) -> impl Iterator<Item = String> {
    record.elastic_speedups.iter().map(sentence)
}

fn sentence(speedup: &ElasticSpeedup) -> String {
    let ElasticSpeedup { baseline, kind, workload, unclamped, clamped, doubts } = speedup;
    let value = unclamped.as_deref().unwrap_or("not known");
    let mut text = format!("Elastic speedup of {kind}/{workload} against {baseline}: {value}");
    if let Some(clamped) = clamped {
        text += &format!(", within the autoscaler's bounds {clamped}");
    }
    if !doubts.is_empty() {
        text += &format!(" ({})", doubts.join("; "));
    }
    text + " (above 1 is better)."
}
