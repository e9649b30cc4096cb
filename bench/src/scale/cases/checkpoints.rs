// SPDX-License-Identifier: Apache-2.0
//! Large runs for a long time: what their checkpoints write, and what etcd holds of them.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use futures::TryStreamExt as _;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{WatchStreamExt as _, watcher},
};
use upsurge_crds::internal::Checkpoint;

use super::{Fleet, rates, row};
use crate::{
    number::number,
    results::Goal,
    scale::{Bench, Outcome, load_test::Shape},
};

/// Runs at the same time.
const RUNS: usize = 20;
/// Runners of each.
const RUNNERS: usize = 2;
/// Series of each runner.
const SERIES: usize = 400;
/// Looks at etcd.
const LOOKS: u32 = 10;
/// Time after the last start in which nothing is measured.
const SETTLE: Duration = Duration::from_secs(15);
/// The load goes on a little longer than is measured.
const MARGIN: u64 = 45;

/// What was written.
#[derive(Debug, Default)]
struct Written {
    bytes: usize,
    writes: usize,
    largest: usize,
    /// By run: when it was written last, and the longest time between two writes.
    gaps: HashMap<String, (Option<Instant>, Duration)>,
}

impl Written {
    fn note(&mut self, name: &str, bytes: usize, at: Instant) {
        self.bytes += bytes;
        self.writes += 1;
        self.largest = self.largest.max(bytes);
        let (last, longest) = self.gaps.entry(name.to_owned()).or_default();
        *longest = last.map_or(Duration::ZERO, |last| at.duration_since(last)).max(*longest);
        *last = Some(at);
    }

    /// The longest time in which a run had no checkpoint written, up to now.
    fn longest_gap(&self, now: Instant) -> Duration {
        let gaps = self.gaps.values().map(|(last, longest)| {
            last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last)).max(*longest)
        });
        gaps.max().unwrap_or_default()
    }
}

/// Measures it.
pub async fn measure(bench: &Bench, namespace: &str) -> Outcome {
    let before = bench.etcd.mebibytes_compacted().await?;
    let mut operator = bench.start_operator().await?;
    let (runs, long) = (bench.scaled(RUNS), bench.long());
    let how = format!(
        "{runs} runs with {RUNNERS} runners each and about {SERIES} series per runner for {} min. Each write of a checkpoint is \
         seen by a watch and counts as long as its payload is in base64. etcd is compacted before each of {LOOKS} looks at it.",
        number(bench.minutes)
    );
    let mut case = bench.case("Checkpoints of large runs", how);
    let shape = Shape {
        name: "large".into(),
        runners: RUNNERS,
        series: SERIES,
        seconds: long.as_secs() + SETTLE.as_secs() + MARGIN,
    };
    let fleet = Fleet::start(bench, namespace, runs, &shape).await?;
    tokio::time::sleep(SETTLE).await;
    let written = Arc::new(Mutex::new(Written::default()));
    let watching = tokio::spawn(watch(bench.client.clone(), namespace.to_owned(), written.clone()));
    let (begun, watched, mark) = (Instant::now(), operator.watch()?, bench.audit.mark());
    let mut held = Vec::new();
    for _ in 0..LOOKS {
        tokio::time::sleep(long / LOOKS).await;
        held.push((bench.etcd.mebibytes_compacted().await? - before).max(0.0));
    }
    let (cores, asked, seconds) =
        (operator.cores(&watched)?, bench.audit.since(mark)?, begun.elapsed().as_secs_f64());
    watching.abort();
    let written = std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner));
    row(&mut case, "CPU", format!("{} mcores", number(cores * 1e3)));
    row(&mut case, "memory", format!("{} MiB", number(operator.memory()?)));
    row(&mut case, "writes", format!("{}/s", number(written.writes as f64 / seconds)));
    row(&mut case, "largest payload", format!("{} KiB", number(written.largest as f64 / 1024.0)));
    let gap = written.longest_gap(Instant::now()).as_secs_f64();
    rates(&mut case, &asked);
    let (_, wrong) = fleet.finish(bench, namespace, &mut operator).await?;
    row(&mut case, "highest memory", format!("{} MiB", number(operator.peak()?)));
    operator.kill();
    let highest = held.iter().copied().fold(0.0, f64::max);
    let rate = written.bytes as f64 / 1024.0 / seconds;
    case.goals.extend(Goal::new(format!("{runs} large runs: checkpoints written"), "KiB/s", 100.0, &[rate]));
    case.goals.extend(Goal::new("longest time without a checkpoint of one of them", "s", 60.0, &[gap]));
    case.goals.extend(Goal::new(
        "etcd beyond what it held at the start, compacted",
        "MiB",
        100.0,
        &[highest],
    ));
    case.samples = serde_json::json!({"etcdMebibytesAboveStart": held});
    Ok((case, wrong))
}

/// Sees each write. What is there at the beginning is none.
async fn watch(client: Client, namespace: String, written: Arc<Mutex<Written>>) -> Result<()> {
    let all = Api::<Checkpoint>::namespaced(client, &namespace);
    let mut events = pin!(watcher(all, watcher::Config::default()).default_backoff());
    while let Some(event) = events.try_next().await? {
        if let watcher::Event::Apply(checkpoint) = event {
            let bytes = checkpoint.spec.data.0.len().div_ceil(3) * 4;
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            written.note(&checkpoint.name_any(), bytes, Instant::now());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_that_of_the_run_that_waits_longest() {
        let (mut written, begun) = (Written::default(), Instant::now());
        let at = |second| begun + Duration::from_secs(second);
        for (name, second) in [("a", 0), ("b", 1), ("a", 5), ("b", 2)] {
            written.note(name, 10, at(second));
        }
        assert_eq!((written.bytes, written.writes, written.largest), (40, 4, 10));
        assert_eq!(written.longest_gap(at(6)), Duration::from_secs(5));
        assert_eq!(written.longest_gap(at(60)), Duration::from_secs(58), "b was not written any more");
    }
}
