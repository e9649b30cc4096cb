// SPDX-License-Identifier: Apache-2.0
//! Records made of the played spike: those of which a report has little to say, those that are hard to show, and a day.

use std::time::Duration;

use jiff::SignedDuration;
use upsurge_core::metrics::{Sink, Trend, names};
use upsurge_crds::v1alpha1::{
    CapacityResult, CheckCount, EpochOutcome, EpochResult, RequestResult, RunSummary, UsageFigures,
    UsageResult, Verdict, WorkloadCapacity,
};
use upsurge_figures::observation::{Amount, ContainerUsage, Event, PodUsage, What};
use upsurge_record::model::{
    Epoch, Figures, Gap, HeatMap, Incomplete, Latency, Measured, Part, PlannedStage, Point, Record, Series,
};

use super::{at, load, spike};

fn without_cluster(mut record: Record) -> Record {
    record.autoscaling = None;
    (record.workloads, record.usage) = (Vec::new(), Vec::new());
    record.environment.kubernetes = None;
    record
}

fn outcome(record: &mut Record, verdict: Verdict, reason: &str, message: &str) {
    record.outcome.verdict = verdict;
    record.outcome.reason = reason.into();
    record.outcome.message = message.into();
}

/// A run that broke before its load.
pub fn broken_before_start() -> Record {
    let mut record = without_cluster(spike());
    outcome(
        &mut record,
        Verdict::Error,
        "BeforeFailed",
        "the steps before the load failed: log in: no connection to 10.0.0.1:443",
    );
    record.epochs = Vec::new();
    record.shown_epoch = None;
    record.run.end_time = at(2.0);
    record
}

/// A load in which nothing was finished.
pub fn empty_load() -> Record {
    let mut record = without_cluster(spike());
    outcome(&mut record, Verdict::Inconclusive, "NoData", "no request was finished");
    let epoch = &mut record.epochs[0];
    epoch.figures = Figures { summary: load::summary(&Part::default()), ..Figures::default() };
    epoch.measured = Measured { seconds: 365.0, ..Measured::default() };
    epoch.heat_map = HeatMap { step_seconds: 10, columns: Vec::new() };
    for threshold in &mut epoch.thresholds {
        (threshold.observed, threshold.passed, threshold.undecided) = ("no data".into(), false, true);
    }
    for point in &mut epoch.series.points {
        *point = Point {
            from_ms: point.from_ms,
            to_ms: point.to_ms,
            asked_rate: point.asked_rate,
            started: point.started,
            ..Point::default()
        };
    }
    record
}

/// A single request.
pub fn one_request() -> Record {
    let mut record = without_cluster(spike());
    outcome(&mut record, Verdict::Passed, "Passed", "1 request finished");
    let mut trend = Trend::default();
    trend.record(Duration::from_micros(12_340));
    let part = Part {
        seconds: 0.02,
        requests: 1,
        judged: 1,
        iterations: 1,
        latency: Some(trend.clone()),
        ..Part::default()
    };
    let epoch = &mut record.epochs[0];
    epoch.elapsed_seconds = 0.02;
    epoch.plan.stages.clear();
    epoch.thresholds.clear();
    let summary = load::summary(&part);
    epoch.figures = Figures {
        requests: vec![RequestResult {
            name: "GET /".into(),
            scenario: "default".into(),
            summary: summary.clone(),
        }],
        summary,
        ..Figures::default()
    };
    let totals = [
        (names::HTTP_REQS.to_owned(), Sink::Counter(1.0)),
        (names::HTTP_REQ_DURATION.to_owned(), Sink::Trend(trend.clone())),
    ];
    epoch.measured = Measured {
        seconds: 0.02,
        totals: totals.into(),
        statuses: [("200".to_owned(), 1)].into(),
        ..Measured::default()
    };
    let time = Latency { min: 12_340, p50: 12_340, p95: 12_340, p99: 12_340, max: 12_340, peak_p99: 12_340 };
    let point =
        Point { to_ms: 20, requests: 1, started: 1, iterations: 1, latency: Some(time), ..Point::default() };
    epoch.series = Series { step_seconds: 1, kinds: Vec::new(), points: vec![point] };
    epoch.heat_map = HeatMap { step_seconds: 10, columns: vec![load::heat(0, 1, &trend)] };
    record.run.end_time = at(0.02);
    record
}

/// A run that somebody stopped after 90 s, of which 10 s are not known, as its record had to be recovered.
pub fn aborted() -> Record {
    let mut record = spike();
    outcome(&mut record, Verdict::Aborted, "Interrupted", "interrupted after 90s of 6m5s");
    let epoch = &mut record.epochs[0];
    epoch.elapsed_seconds = 90.0;
    epoch.generator = None;
    epoch.series.points.retain(|point| point.to_ms <= 90_000 && !(30_000..40_000).contains(&point.from_ms));
    epoch.heat_map.columns.retain(|column| column.to_ms <= 90_000);
    record.incomplete = Some(Incomplete { message: "its writer was killed.".into(), until_ms: 90_000 });
    record.gaps = vec![Gap {
        what: "load".into(),
        workload: None,
        from: at(30.0),
        to: Some(at(40.0)),
        message: "runner 2 of 2 did not report".into(),
    }];
    for workload in &mut record.workloads {
        workload.until = at(90.0);
        workload.events.retain(|event| event.seen <= at(90.0));
    }
    record.run.end_time = at(91.0);
    record
}

/// What names can do to a page: end a script, turn the direction of writing, be very long, or be made of nothing that can be shown.
pub const NAMES: [&str; 10] = [
    "</script><script>alert('name')</script>",
    "<img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "\u{202e}gnp.exe\u{202c} right to left: תשלום الدفع",
    "🚀 👩‍👩‍👧‍👦 emoji 支払い",
    "a|b`c`d*e*_f_[g](h)@team",
    "line\none\r\ttwo\u{0}\u{1b}[31m",
    "&lt;already&gt; &amp; escaped",
    "]]><!-- --> <?php {{ 7 * 7 }} ${7*7}",
    "\u{fffe}\u{ffff}\u{feff}\u{200b}",
];

/// 200 requests with such names, one of 2,000 characters.
pub fn hostile() -> Record {
    let mut record = spike();
    let name = |index: usize| match index {
        0 => "x".repeat(2_000),
        _ => format!("{} {index}", NAMES[index % NAMES.len()]),
    };
    record.run.name = NAMES[0].into();
    record.outcome.message = format!("{} and {}", NAMES[1], NAMES[5]);
    let epoch = &mut record.epochs[0];
    let request = epoch.figures.requests[0].clone();
    epoch.figures.requests = (0..200)
        .map(|index| RequestResult {
            name: name(index),
            scenario: NAMES[index % NAMES.len()].into(),
            ..request.clone()
        })
        .collect();
    epoch.figures.checks = (0..20)
        .map(|index| CheckCount {
            name: name(index),
            request: name(index + 1),
            passes: 1,
            fails: index as i64,
        })
        .collect();
    epoch.plan.stages[2].name = NAMES[3].into();
    epoch.series.kinds = vec![NAMES[0].into(), NAMES[3].into()];
    epoch.thresholds[1].metric = format!("http_req_duration{{request:{}}}", NAMES[2]);
    let workload = &mut record.workloads[0];
    workload.name = NAMES[1].into();
    for event in &mut workload.events {
        if let What::Pod { pod, .. } = &mut event.what {
            pod.push_str(NAMES[0]);
        }
    }
    record.warnings = NAMES.iter().map(|name| (*name).to_owned()).collect();
    record.environment.git_revision = Some(NAMES[0].into());
    record
}

/// A search of three probes, of which the second passed at the highest rate.
pub fn search() -> Record {
    let mut record = without_cluster(spike());
    outcome(&mut record, Verdict::Passed, "CapacityFound", "all thresholds held at 80/s, and not at 100/s");
    let probe = |number: u32, level: f64, outcome: EpochOutcome| {
        let mut epoch: Epoch = record.epochs[0].clone();
        epoch.number = number;
        epoch.start_time = at(f64::from(number - 1) * 70.0);
        epoch.elapsed_seconds = 60.0;
        epoch.series.points.truncate(60);
        epoch.heat_map.columns.truncate(6);
        epoch.plan.stages = vec![PlannedStage {
            name: "measure".into(),
            duration_seconds: 60.0,
            start_seconds: 0.0,
            from: level,
            to: level,
            ..epoch.plan.stages[0].clone()
        }];
        for point in &mut epoch.series.points {
            point.asked_rate = Some(level);
        }
        epoch.result = Some(EpochResult {
            number: number as i32,
            level: level.to_string(),
            outcome: Some(outcome),
            requests_per_second: Some(format!("{}", level * 2.0)),
            error_rate: Some("0%".into()),
            p95: Some("120.4ms".into()),
            limit: (outcome == EpochOutcome::Failed).then(|| "http_req_duration p(95) < 250ms".into()),
            message: (outcome == EpochOutcome::Failed)
                .then(|| "p95 of http_req_duration was 412ms, and 250ms were asked for".into()),
            ..EpochResult::default()
        });
        epoch
    };
    let epochs = vec![
        probe(1, 40.0, EpochOutcome::Passed),
        probe(2, 80.0, EpochOutcome::Passed),
        probe(3, 100.0, EpochOutcome::Failed),
    ];
    record.epochs = epochs;
    record.shown_epoch = Some(2);
    record.capacity = Some(CapacityResult {
        level: Some("80".into()),
        failed_level: Some("100".into()),
        limit: Some("http_req_duration p(95) < 250ms".into()),
        probes: 3,
        contradictions: Vec::new(),
        workloads: vec![WorkloadCapacity { name: "checkout".into(), replicas: 2, per_replica: "40".into() }],
        ..CapacityResult::default()
    });
    record.run.end_time = at(210.0);
    record
}

/// A day at full rate: a point for each 30 s and one for each second around what happened, 50 requests, 50 kinds of errors, 64 pods.
pub fn day() -> Record {
    lasting(86_400, 30)
}

/// The same for any time, at 100 requests/s, with a point for each `usual` seconds where nothing happens.
pub fn lasting(seconds: u32, usual: u32) -> Record {
    let mut record = spike();
    let mut random = fastrand::Rng::with_seed(24);
    let epoch = &mut record.epochs[0];
    let (seconds, step_seconds) = (u64::from(seconds), usual);
    epoch.measured.errors.clear();
    let original = std::mem::take(&mut epoch.series.points);
    let mut points = Vec::new();
    let mut from = 0;
    while from < seconds {
        // Four times a day something happens.
        let step = if from % 21_600 < 240 { 1 } else { u64::from(usual) };
        let source = &original[(from as usize / 7) % original.len()];
        let latency = source.latency.map(|latency| Latency {
            p50: latency.p50 + random.u64(0..9_000),
            p95: latency.p95 + random.u64(0..30_000),
            p99: latency.p99 + random.u64(0..60_000),
            peak_p99: latency.p99 + random.u64(60_000..90_000),
            ..latency
        });
        points.push(Point {
            from_ms: from * 1000,
            to_ms: (from + step) * 1000,
            latency,
            started: source.started * step,
            iterations: source.iterations * step,
            requests: source.requests * step,
            failed: random.u64(0..5),
            errors: (0..50).map(|_| random.u64(0..3)).collect(),
            ..source.clone()
        });
        from += step;
    }
    // What must never vanish.
    let worst = points.len() / 3;
    if let Some(latency) = &mut points[worst].latency {
        (latency.peak_p99, latency.max) = (59_999_000, 60_000_000);
    }
    points[worst * 2].failed = 9_999;
    epoch.series = Series {
        step_seconds,
        kinds: (0..50).map(|kind| format!("status {}", 500 + kind)).collect(),
        points,
    };
    epoch.elapsed_seconds = seconds as f64;
    let stage = epoch.plan.stages[2].clone();
    epoch.plan.stages = vec![PlannedStage {
        name: "hold".into(),
        start_seconds: 0.0,
        duration_seconds: seconds as f64,
        ..stage
    }];
    let columns = std::mem::take(&mut epoch.heat_map.columns);
    epoch.heat_map = HeatMap {
        step_seconds: (seconds / 540) as u32,
        columns: (0..540_u64)
            .map(|index| {
                let mut column = columns[index as usize % columns.len()].clone();
                let at = |index: u64| index * seconds * 1000 / 540;
                (column.from_ms, column.to_ms) = (at(index), at(index + 1));
                column
            })
            .collect(),
    };
    let request = epoch.figures.requests[0].clone();
    let named = |index: usize| RequestResult { name: format!("request number {index}"), ..request.clone() };
    epoch.figures.requests = (0..50).map(named).collect();
    epoch.figures.summary = RunSummary { requests: (seconds * 100) as i64, ..epoch.figures.summary.clone() };
    pods(&mut record, &mut random, seconds);
    record.run.end_time = at(seconds as f64);
    record
}

fn pods(record: &mut Record, random: &mut fastrand::Rng, seconds: u64) {
    let names: Vec<String> = (0..64).map(|pod| format!("checkout-7d9c5b-{pod:05}")).collect();
    let workload = &mut record.workloads[0];
    workload.until = at(seconds as f64);
    for minute in 0..seconds / 60 {
        let pods = names.iter().map(|pod| PodUsage {
            pod: pod.clone(),
            at: at(minute as f64 * 60.0),
            window: 15.0,
            containers: vec![ContainerUsage {
                name: "checkout".into(),
                cpu: Amount { used: random.f64(), request: Some(0.5), limit: Some(1.0) },
                memory: Amount { used: 1e8 + 1e7 * random.f64(), request: None, limit: Some(2.6e8) },
            }],
            is_seen: true,
        });
        let what = What::Usage { pods: pods.collect(), omitted: 0 };
        workload.events.push(Event::live(at(minute as f64 * 60.0 + 5.0), what));
    }
    for index in (0..500_u64).take_while(|index| 400 + index * 170 < seconds) {
        let seen = at(400.0) + SignedDuration::from_secs((index * 170) as i64);
        workload.events.push(Event::live(seen, What::Asked { replicas: 4 + (index % 60) as u32 }));
        workload.events.push(Event::live(seen, What::Existing { replicas: 4 + (index % 60) as u32 }));
    }
    workload.events.sort_by_key(|event| event.seen);
    let figures = UsageFigures {
        mean: "0.5".into(),
        max: "0.99".into(),
        max_of_limit: Some("99%".into()),
        ..UsageFigures::default()
    };
    record.usage = names
        .into_iter()
        .map(|pod| UsageResult {
            workload: "checkout".into(),
            pod: Some(pod),
            samples: 1440,
            cpu: Some(figures.clone()),
            memory: Some(figures.clone()),
            ..UsageResult::default()
        })
        .collect();
}
