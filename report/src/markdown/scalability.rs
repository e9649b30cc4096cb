// SPDX-License-Identifier: Apache-2.0
//! What each count of replicas served, and the laws that were fitted to that; or what each size did.

use std::fmt::{self, Write as _};

use upsurge_crds::v1alpha1::SizeResult;
use upsurge_record::model::Record;

use super::text::plain;
use crate::{chart::Chart, laws};

pub(super) fn scalability(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let Some(found) = &record.scalability else { return Ok(()) };
    writeln!(text, "### Scalability\n")?;
    if !found.sizes.is_empty() {
        return sizes(&found.sizes, text);
    }
    writeln!(
        text,
        "| replicas | users | requests per second | times the fewest | efficiency | 95 % interval | passed | failed |"
    )?;
    writeln!(text, "|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for count in &found.counts {
        let interval = count.efficiency_interval.as_ref();
        let interval = interval.map(|interval| format!("{} to {}", interval.low, interval.high));
        let figures = [&count.throughput, &count.speedup, &count.efficiency, &interval];
        let figures =
            figures.map(|figure| figure.as_deref().map_or_else(|| "–".to_owned(), |one| plain(one, 100)));
        let [replicas, users, passed, failed] = [count.replicas, count.users, count.passed, count.failed];
        writeln!(text, "| {replicas} | {users} | {} | {passed} | {failed} |", figures.join(" | "))?;
    }
    writeln!(text)?;
    for sentence in laws::fits(found) {
        writeln!(text, "- {}", plain(&sentence, 1_000))?;
    }
    writeln!(text)
}

fn sizes(sizes: &[SizeResult], text: &mut String) -> fmt::Result {
    writeln!(
        text,
        "| size | CPU requested | requests per second | times the first | requests per second and core | efficiency | passed | failed |"
    )?;
    writeln!(text, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
    for size in sizes {
        let figures = [&size.cpu, &size.throughput, &size.speedup, &size.per_core, &size.efficiency];
        let figures =
            figures.map(|figure| figure.as_deref().map_or_else(|| "–".to_owned(), |one| plain(one, 100)));
        let (name, figures) = (plain(&size.name, 100), figures.join(" | "));
        writeln!(text, "| {name} | {figures} | {} | {} |", size.passed, size.failed)?;
    }
    writeln!(text)
}
