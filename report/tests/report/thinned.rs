// SPDX-License-Identifier: Apache-2.0
//! However long a run is, and wherever in it something happens: the slowest second, the one with errors and each decision to scale are in
//! every form of a report.

use proptest::prelude::*;
use upsurge_figures::observation::{Event, Source, What};
use upsurge_record::{
    csv,
    model::{Latency, Point, Record, Series},
};
use upsurge_report::{html, markdown};

use crate::{played, read::Page};

/// A load of so many seconds, and in which of them something happens.
#[derive(Clone, Debug)]
struct Load {
    seconds: usize,
    slow: usize,
    failing: usize,
    /// Replicas that are asked for from a second on, in order of time.
    asked: Vec<(usize, u32)>,
}

impl Load {
    /// Seconds in which more or fewer replicas are asked for than before.
    fn decisions(&self) -> Vec<f64> {
        let mut before = 1;
        let changes =
            self.asked.iter().filter(|(_, replicas)| std::mem::replace(&mut before, *replicas) != *replicas);
        changes.map(|(second, _)| *second as f64).collect()
    }
}

fn load() -> impl Strategy<Value = Load> {
    (10_usize..12_000).prop_flat_map(|seconds| {
        let asked = prop::collection::vec((1..seconds, 1_u32..9), 1..20);
        (0..seconds, 0..seconds, asked).prop_map(move |(slow, failing, mut asked)| {
            asked.sort_unstable();
            Load { seconds, slow, failing, asked }
        })
    })
}

fn record(load: &Load) -> Record {
    let mut record = played::spike();
    let epoch = &mut record.epochs[0];
    let usual = epoch.series.points[0].clone();
    let point = |second: usize| {
        let p99 = if second == load.slow { 60_000_000 } else { 3_000 };
        let failed = if second == load.failing { 7 } else { 0 };
        Point {
            from_ms: second as u64 * 1_000,
            to_ms: second as u64 * 1_000 + 1_000,
            latency: Some(Latency { min: 900, p50: 1_000, p95: 2_000, p99, max: p99, peak_p99: p99 }),
            failed,
            errors: if failed > 0 { vec![failed] } else { Vec::new() },
            ..usual.clone()
        }
    };
    let points = (0..load.seconds).map(point).collect();
    epoch.series = Series { step_seconds: 1, kinds: vec!["status 503".into()], points };
    epoch.elapsed_seconds = load.seconds as f64;
    let workload = &mut record.workloads[0];
    workload.until = played::at(load.seconds as f64);
    workload.events = vec![
        Event::found(played::at(-2.0), What::Asked { replicas: 1 }),
        Event::live(played::at(-1.0), What::Listed { source: Source::Workload }),
    ];
    let asked = |(second, replicas): &(usize, u32)| {
        Event::live(played::at(*second as f64), What::Asked { replicas: *replicas })
    };
    workload.events.extend(load.asked.iter().map(asked));
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_maximum_an_error_and_each_decision_to_scale_are_in_every_form(load in load()) {
        let record = record(&load);
        let page = Page::of(&html(&record));
        let highest = |pane: &str, line: usize| page.line(pane, line).into_iter().reduce(f64::max);
        prop_assert_eq!(highest("latency", 2), Some(60_000.0));
        prop_assert_eq!(highest("errors", 0), Some(7.0));
        let data = page.data();
        let marks = data["marks"].as_array().unwrap().iter();
        let marks = marks.filter(|mark| mark["kind"] == "up" || mark["kind"] == "down");
        let marks: Vec<f64> = marks.filter_map(|mark| mark["at"].as_f64()).collect();
        prop_assert_eq!(marks, load.decisions());
        let most = load.asked.iter().map(|(_, replicas)| f64::from(*replicas)).fold(1.0, f64::max);
        let last = load.asked.last().map(|(_, replicas)| f64::from(*replicas));
        prop_assert!(highest("replicas-0", 0) <= Some(most), "what was taken back in the same instant may be missing");
        prop_assert_eq!(page.line("replicas-0", 0).last().copied(), last);
        let list = page.text("#story");
        prop_assert_eq!(list.matches("replicas asked for").count(), load.decisions().len());
        let summary = markdown(&record);
        prop_assert!(summary.contains("| `status 503` | 7 |") && summary.contains("up to 7/s"), "{}", summary);
        let table = String::from_utf8(csv::table(&record).unwrap()).unwrap();
        prop_assert!(table.contains("status 503=7") && table.contains(",60000,"));
    }
}
