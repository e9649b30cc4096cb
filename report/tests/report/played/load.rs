// SPDX-License-Identifier: Apache-2.0
//! The load of the played spike: requests with a latency that hangs on how many replicas serve them.

use std::{collections::BTreeMap, time::Duration};

use upsurge_core::{
    format::{milliseconds, per_second, percent},
    losses::Losses,
    metrics::{Sink, Trend, exponential::Exponential, names},
    protocol::GeneratorDelta,
    thresholds::Windows,
};
use upsurge_crds::v1alpha1::{
    CheckCount, GeneratorResult, LatencySummary, LoadUnit, RequestResult, RunSummary, StageResult,
    ThresholdResult,
};
use upsurge_record::model::{
    Epoch, Figures, HeatColumn, HeatMap, Latency, Measured, Part, PlannedLoad, PlannedStage, Point,
    RequestPart, Series, StagePart, Users,
};

use super::{cluster, start};

/// How long the load lasts.
pub const LOAD: u64 = 365;
/// Its stages: name, start, length, level at both ends.
const STAGES: [(&str, u64, u64, f64, f64); 5] = [
    ("warm-up", 0, 60, 40.0, 40.0),
    ("rise", 60, 5, 40.0, 180.0),
    ("hold", 65, 180, 180.0, 180.0),
    ("fall", 245, 0, 180.0, 40.0),
    ("recovery", 245, 120, 40.0, 40.0),
];
const REQUESTS: [(&str, f64); 2] = [("create payment", 1.3), ("read payment", 0.7)];

/// The level that the load asks for at a second.
pub fn level(second: f64) -> f64 {
    let second = second.max(0.0);
    let stage = STAGES.iter().rev().find(|(_, from, ..)| second >= *from as f64).unwrap();
    let (_, from, length, low, high) = *stage;
    let share = if length == 0 { 1.0 } else { ((second - from as f64) / length as f64).min(1.0) };
    low + (high - low) * share
}

/// Everything that is counted of a part of the load.
#[derive(Default)]
struct Sum {
    part: Part,
}

impl Sum {
    fn add(&mut self, time: Duration, waited: Duration, failed: bool) {
        self.part.requests += 1;
        self.part.judged += 1;
        self.part.failed += u64::from(failed);
        self.part.sent_bytes += 240;
        self.part.received_bytes += 900;
        self.part.latency.get_or_insert_default().record(time);
        self.part.response_time.get_or_insert_default().record(time + waited);
    }
}

/// The load as it was made.
pub fn spike() -> Epoch {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut whole, mut stages) = (Sum::default(), BTreeMap::<&str, Sum>::new());
    let mut requests: [Sum; 2] = Default::default();
    let (mut points, mut columns) = (Vec::new(), Vec::new());
    let mut column = Trend::default();
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    for second in 0..LOAD {
        let now = second as f64;
        let asked = level(now + 0.5);
        let load = asked / (cluster::CAPACITY * f64::from(cluster::ready(now)));
        let name =
            STAGES.iter().rev().find(|(_, from, length, ..)| second >= *from && *length > 0).unwrap().0;
        let stage = stages.entry(name).or_default();
        let mut trend = Trend::default();
        let count = asked.round() as u64;
        let (mut failed, mut kinds) = (0, vec![0, 0]);
        for _ in 0..count {
            for (index, (_, factor)) in REQUESTS.iter().enumerate() {
                let (time, waited) = times(&mut random, load, *factor);
                let is_lost = load > 2.0 && random.f64() < 0.015 * (load - 1.0);
                let is_refused = is_lost && random.f64() < 0.8;
                failed += u64::from(is_lost);
                if is_refused {
                    kinds[0] += 1;
                    *statuses.entry("503".into()).or_default() += 1;
                } else if is_lost {
                    kinds[1] += 1;
                    *errors.entry("timeout".into()).or_default() += 1;
                } else {
                    *statuses.entry(if index == 0 { "201" } else { "200" }.into()).or_default() += 1;
                }
                for sum in [&mut whole, &mut *stage, &mut requests[index]] {
                    sum.add(time, waited, is_lost);
                }
                trend.record(time);
                column.record(time);
            }
        }
        for sum in [&mut whole, stage] {
            sum.part.iterations += count;
            sum.part.seconds += 1.0;
        }
        points.push(point(second, asked, count, failed, kinds, &trend));
        if second % 10 == 9 || second == LOAD - 1 {
            columns.push(heat(second / 10 * 10, second + 1, &std::mem::take(&mut column)));
        }
    }
    for request in &mut requests {
        request.part.seconds = LOAD as f64;
    }
    let in_order: Vec<(&str, Part)> = STAGES
        .iter()
        .filter(|(_, _, length, ..)| *length > 0)
        .map(|(name, ..)| (*name, stages.remove(name).unwrap().part))
        .collect();
    let requests: Vec<RequestPart> = REQUESTS
        .iter()
        .zip(requests)
        .map(|((name, _), sum)| RequestPart { name: (*name).into(), scenario: "pay".into(), part: sum.part })
        .collect();
    let thresholds = thresholds(&whole.part, &in_order);
    Epoch {
        number: 1,
        result: None,
        start_time: start(),
        elapsed_seconds: LOAD as f64,
        plan: plan(),
        counted_stage: None,
        figures: figures(&whole.part, &in_order, &requests),
        measured: measured(whole.part, in_order, requests, statuses, errors),
        thresholds,
        breached: None,
        accumulators: Windows::default(),
        losses: Losses::default(),
        generator: Some(generator()),
        generator_use: GeneratorDelta { cpu_seconds: 41.3, ..GeneratorDelta::default() },
        series: Series { step_seconds: 1, kinds: vec!["status 503".into(), "timeout".into()], points },
        heat_map: HeatMap { step_seconds: 10, columns },
    }
}

/// How long a request takes, and how long it waited to be sent.
fn times(random: &mut fastrand::Rng, load: f64, factor: f64) -> (Duration, Duration) {
    let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    let median = factor * if load < 0.95 { 22.0 / (1.0 - 0.8 * load) } else { 95.0 + 230.0 * (load - 0.95) };
    let time = median * (0.35 * normal).exp();
    let waited = if load > 1.0 { 40.0 * (load - 1.0) * random.f64() } else { 0.2 * random.f64() };
    let of = |milliseconds: f64| Duration::from_micros((milliseconds * 1e3) as u64);
    (of(time), of(waited))
}

fn point(second: u64, asked: f64, count: u64, failed: u64, errors: Vec<u64>, trend: &Trend) -> Point {
    let at = |percent: f64| (trend.percentile(percent) * 1e3).round() as u64;
    let users = 2 + (trend.mean() * asked / 1e3) as u64;
    Point {
        from_ms: second * 1000,
        to_ms: (second + 1) * 1000,
        asked_rate: Some((asked * 1e3).round() / 1e3),
        asked_users: None,
        started: count,
        iterations: count,
        dropped: 0,
        requests: 2 * count,
        failed,
        sent_bytes: 480 * count,
        received_bytes: 1800 * count,
        users: Some(Users { last: users, min: users - 1, max: users + 1 }),
        latency: Some(Latency {
            min: (trend.min() * 1e3).round() as u64,
            p50: at(50.0),
            p95: at(95.0),
            p99: at(99.0),
            max: (trend.max() * 1e3).round() as u64,
            peak_p99: at(99.0),
        }),
        errors,
    }
}

pub fn heat(from: u64, to: u64, trend: &Trend) -> HeatColumn {
    let Exponential { zeros, counts } = Exponential::of(trend, 1e-3);
    HeatColumn { from_ms: from * 1000, to_ms: to * 1000, zeros, buckets: counts }
}

fn plan() -> PlannedLoad {
    let stage = |(name, from, length, low, high): &(&str, u64, u64, f64, f64)| PlannedStage {
        name: (*name).into(),
        unit: LoadUnit::IterationsPerSecond,
        start_seconds: *from as f64,
        duration_seconds: *length as f64,
        from: *low,
        to: *high,
    };
    let stages = STAGES.iter().filter(|(_, _, length, ..)| *length > 0).map(stage).collect();
    PlannedLoad { stages, graceful_stop_seconds: 30.0 }
}

/// The figures of a part, as a status tells them.
pub fn summary(part: &Part) -> RunSummary {
    let rate = if part.seconds > 0.0 { part.requests as f64 / part.seconds } else { 0.0 };
    RunSummary {
        requests: part.requests as i64,
        requests_per_second: per_second(rate),
        error_rate: percent(part.failed as f64 / part.judged.max(1) as f64),
        iterations: Some(part.iterations as i64),
        dropped_iterations: Some(part.dropped as i64),
        unanswered_requests: None,
        latency: latency(&part.latency.clone().unwrap_or_default()),
        response_time: part.response_time.as_ref().map(latency),
    }
}

fn latency(trend: &Trend) -> LatencySummary {
    let at = |percent: f64| milliseconds(trend.percentile(percent));
    LatencySummary {
        min: milliseconds(trend.min()),
        mean: milliseconds(trend.mean()),
        p50: at(50.0),
        p90: at(90.0),
        p95: at(95.0),
        p99: at(99.0),
        p999: at(99.9),
        max: milliseconds(trend.max()),
        ..LatencySummary::default()
    }
}

fn figures(whole: &Part, stages: &[(&str, Part)], requests: &[RequestPart]) -> Figures {
    let stage = |(name, part): &(&str, Part)| {
        let (_, from, length, ..) = STAGES.iter().find(|(known, ..)| known == name).unwrap();
        StageResult {
            name: (*name).into(),
            start_seconds: *from as f64,
            duration_seconds: *length as f64,
            summary: summary(part),
        }
    };
    let request = |request: &RequestPart| RequestResult {
        name: request.name.clone(),
        scenario: request.scenario.clone(),
        summary: RunSummary { iterations: None, dropped_iterations: None, ..summary(&request.part) },
    };
    let (held, failed) = ((whole.requests - whole.failed) as i64, whole.failed as i64);
    Figures {
        summary: summary(whole),
        stages: stages.iter().map(stage).collect(),
        requests: requests.iter().map(request).collect(),
        checks: vec![
            CheckCount {
                name: "status is 201".into(),
                request: "create payment".into(),
                passes: held / 2,
                fails: failed,
            },
            CheckCount {
                name: "status is 200".into(),
                request: "read payment".into(),
                passes: held / 2,
                fails: 0,
            },
        ],
        metrics: Vec::new(),
    }
}

fn measured(
    whole: Part,
    stages: Vec<(&str, Part)>,
    requests: Vec<RequestPart>,
    statuses: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
) -> Measured {
    let mut totals = BTreeMap::new();
    totals.insert(names::HTTP_REQS.to_owned(), Sink::Counter(whole.requests as f64));
    totals.insert(names::ITERATIONS.to_owned(), Sink::Counter(whole.iterations as f64));
    let failed = Sink::Rate { passes: whole.failed, total: whole.judged };
    totals.insert(names::HTTP_REQ_FAILED.to_owned(), failed);
    if let Some(trend) = whole.latency {
        totals.insert(names::HTTP_REQ_DURATION.to_owned(), Sink::Trend(trend));
    }
    if let Some(trend) = whole.response_time {
        totals.insert(names::HTTP_REQ_RESPONSE_TIME.to_owned(), Sink::Trend(trend));
    }
    Measured {
        seconds: whole.seconds,
        totals,
        statuses,
        errors,
        counted: None,
        stages: stages.into_iter().map(|(name, part)| StagePart { name: name.into(), part }).collect(),
        requests,
    }
}

fn thresholds(whole: &Part, stages: &[(&str, Part)]) -> Vec<ThresholdResult> {
    let rate = whole.failed as f64 / whole.judged as f64;
    let (_, hold) = stages.iter().find(|(name, _)| *name == "hold").unwrap();
    let high = hold.latency.as_ref().unwrap().percentile(95.0);
    vec![
        ThresholdResult {
            metric: "http_req_failed".into(),
            condition: "rate < 1%".into(),
            observed: percent(rate),
            passed: rate < 0.01,
            ..ThresholdResult::default()
        },
        ThresholdResult {
            metric: "http_req_duration{stage:hold}".into(),
            condition: "p(95) < 250ms".into(),
            observed: milliseconds(high),
            passed: high < 250.0,
            ..ThresholdResult::default()
        },
    ]
}

fn generator() -> GeneratorResult {
    GeneratorResult {
        healthy: true,
        lag_p99: "0.412ms".into(),
        planned_iterations: Some(40_100),
        started_iterations: 40_100,
        cpu_seconds: 41.3,
        throttled: Some("0%".into()),
        achieved: Some("100%".into()),
        busiest_core: Some("21%".into()),
        start_spread: Some("3.1ms".into()),
        ..GeneratorResult::default()
    }
}
