// SPDX-License-Identifier: Apache-2.0
//! A run for tests: what was recorded of it is made up, and all that is told of it computed as of a real one.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use upsurge_core::{
    losses::{LossKind, Losses},
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
    protocol::GeneratorDelta,
    results::{Asked, figures, generator},
    thresholds::{Recorded, Windowed, Windows},
    validate::{Valid, validate},
};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{AutoscalingResult, Verdict},
};
use upsurge_figures::observation::{Event, Life, Source, What};

use crate::{
    journal::{Begin, FORMAT, Line, LoadBegins, News},
    measure::{Load, planned},
    model::{Environment, Generator, MadeBy, ObservedWorkload, Outcome, Record, Run, VERSION},
    observed::{gaps, marks},
    redact,
    thin::Course,
};

/// Seconds of the load.
pub(crate) const SECONDS: u64 = 30;

pub(crate) fn test() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://shop:8080", "workloads": [{"name": "shop"}]},
        "scenarios": [{"name": "pay", "steps": [
            {"request": {"name": "home", "url": "/"}}, {"request": {"name": "log in </script>", "url": "/login"}},
        ]}],
        "metrics": [{"name": "orders", "type": "Counter"}, {"name": "render", "type": "Trend", "time": true}],
        "load": {"unit": "IterationsPerSecond", "stages": [
            {"name": "low", "duration": "10s", "target": 5, "jump": true}, {"name": "hold", "duration": "20s", "target": 20, "jump": true},
        ]},
        "thresholds": [
            {"metric": "http_req_duration", "condition": "p(95) < 1s"},
            {"metric": "http_req_duration", "selector": {"stage": "hold"}, "condition": "p(95) < 1ms"},
            {"metric": "http_req_failed", "condition": "rate < 50%"},
            {"metric": "http_req_duration", "condition": "max < 10s", "window": "5s"},
            {"metric": "orders", "condition": "count > 1"},
            {"metric": "http_reqs", "selector": {"request": "home"}, "condition": "count > 5"},
        ],
    }))
    .unwrap()
}

pub(crate) fn start() -> Timestamp {
    "2030-01-01T10:00:00.25Z".parse().unwrap()
}

/// What was recorded in a second.
pub(crate) fn second(number: u64) -> Metrics {
    let mut metrics = Metrics::default();
    let stage = if number < 10 { "low" } else { "hold" };
    for (index, request) in ["home", "log in </script>"].into_iter().enumerate() {
        let tags = |status: u16| Tags {
            stage: Some(stage.into()),
            scenario: Some("pay".into()),
            request: Some(request.into()),
            status: Some(status),
            expected_response: Some(status == 200),
            ..Tags::default()
        };
        let mut add = |metric: &str, status: u16, sink: Sink| {
            metrics.add(SeriesKey { metric: metric.into(), tags: tags(status) }, &sink);
        };
        for (status, count) in [(200, 5 + number), (503, number % 3)] {
            let mut trend = Trend::default();
            (0..count).for_each(|nth| {
                trend.record(Duration::from_micros(900 + nth * 1_700 * (index as u64 + 1) + number))
            });
            add(names::HTTP_REQ_DURATION, status, Sink::Trend(trend.clone()));
            add(names::HTTP_REQ_RESPONSE_TIME, status, Sink::Trend(trend));
            add(names::HTTP_REQS, status, Sink::Counter(count as f64));
            let passes = if status == 200 { 0 } else { count };
            add(names::HTTP_REQ_FAILED, status, Sink::Rate { passes, total: count });
        }
    }
    let tags = |check: Option<&str>| Tags {
        stage: Some(stage.into()),
        scenario: Some("pay".into()),
        check: check.map(String::from),
        ..Tags::default()
    };
    let mut add = |metric: &str, check: Option<&str>, sink: Sink| {
        metrics.add(SeriesKey { metric: metric.into(), tags: tags(check) }, &sink);
    };
    add(names::STARTED_ITERATIONS, None, Sink::Counter((5 + number) as f64));
    add(names::ITERATIONS, None, Sink::Counter((5 + number) as f64));
    add(names::REQUEST_ERRORS, Some("timeout"), Sink::Counter((number % 2) as f64));
    add(names::CHECKS, Some("status is 200"), Sink::Rate { passes: 4, total: 5 });
    add("orders", None, Sink::Counter(2.0));
    let mut render = Trend::default();
    render.record_value(12.5);
    add("render", None, Sink::Trend(render));
    let users =
        Sink::Gauge { value: if number == 0 { 5.0 } else { 1.0 }, min: 0.0, max: number as f64 + 5.0 };
    metrics.add(SeriesKey { metric: names::VUS.into(), tags: Tags::default() }, &users);
    metrics
}

/// What happened to the workload.
pub(crate) fn events() -> Vec<Event> {
    let at = |second: i64| start() + jiff::SignedDuration::from_secs(second);
    let pod = |life: Life| What::Pod { pod: "shop-1".into(), life };
    let mut events = vec![
        Event::found(at(-2), What::Asked { replicas: 1 }),
        Event::found(at(-2), pod(Life::Created)),
        Event::found(at(-2), pod(Life::Ready)),
    ];
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    events.extend(sources.map(|source| Event::live(at(-1), What::Listed { source })));
    events.push(Event::live(at(12), What::Asked { replicas: 2 }).stamped(at(12)));
    events.push(Event::live(at(15), What::Lost { source: Source::Pods, message: "the watch broke".into() }));
    events.push(Event::live(at(18), What::Listed { source: Source::Pods }));
    events
}

/// A run that has ended.
pub(crate) struct Sample {
    pub(crate) test: LoadTestSpec,
    pub(crate) valid: Valid,
    pub(crate) metrics: Metrics,
    pub(crate) windows: Windows,
    pub(crate) losses: Losses,
    pub(crate) course: Course,
}

impl Sample {
    pub(crate) fn new() -> Self {
        let test = test();
        let valid = validate(&test).unwrap();
        let (mut metrics, mut windows, mut losses) =
            (Metrics::default(), Windows::default(), Losses::default());
        let (windowed, mut course) = (Windowed::new(&test, &valid.timeline), Course::new(&valid.timeline));
        for number in 0..SECONDS {
            let [from, to] = [number, number + 1].map(Duration::from_secs);
            let recorded = second(number);
            metrics.merge(&recorded);
            windowed.add(&mut windows, from, to, &recorded);
            windowed.close(&mut windows, to, &metrics);
            course.add(from, to, &recorded);
        }
        losses.record(Duration::from_secs(3), Duration::from_secs(4), LossKind::Reset);
        Self { test, valid, metrics, windows, losses, course }
    }

    pub(crate) fn record(self) -> Record {
        let Self { test, valid, metrics, windows, losses, course } = &self;
        let elapsed = Duration::from_secs(SECONDS) + Duration::from_millis(3);
        let recorded = Recorded { test, timeline: &valid.timeline, metrics, windows, elapsed };
        let figures = figures(metrics, &valid.timeline, elapsed);
        let thresholds = recorded.evaluate(true);
        let asked = Asked {
            timeline: &valid.timeline,
            loads: &valid.loads,
            skip: None,
            runners: 1,
            max_lag: Duration::from_secs(1),
        };
        let used = GeneratorDelta { cpu_seconds: 1.5, ..GeneratorDelta::default() };
        let generator = generator(asked, metrics, &used, &[0], elapsed);
        let load = Load {
            number: 1,
            result: None,
            test,
            timeline: &valid.timeline,
            metrics,
            windows,
            losses,
            started: start(),
            elapsed,
            figures: &figures,
            thresholds: &thresholds,
            breached: None,
            generator: Some(&generator),
            used: &used,
            is_probe: false,
        };
        let epoch = load.epoch(course.clone(), &marks(&events(), start()));
        let workload = workload();
        let outcome = Outcome {
            verdict: Verdict::Failed,
            reason: "ThresholdsBreached".into(),
            message: "http_req_duration{stage:hold} p(95) < 1ms".into(),
            conditions: Vec::new(),
        };
        let autoscaling = AutoscalingResult {
            start_replicas: Some(1),
            peak_replicas: Some(1),
            end_replicas: Some(1),
            ..AutoscalingResult::default()
        };
        Record {
            shown_epoch: Some(1),
            epochs: vec![epoch],
            autoscaling: Some(autoscaling),
            gaps: gaps(&workload),
            workloads: vec![workload],
            warnings: vec!["the steps after the load failed".into()],
            ..Record::new(made_by(), run(), redact::spec(test), environment(), outcome)
        }
    }
}

fn workload() -> ObservedWorkload {
    ObservedWorkload {
        name: "shop".into(),
        kind: "Deployment".into(),
        api_version: "apps/v1".into(),
        until: start() + jiff::SignedDuration::from_secs(60),
        events: events(),
        left_out: std::collections::BTreeMap::new(),
    }
}

fn made_by() -> MadeBy {
    MadeBy { name: "upsurge".into(), version: "0.1.0".into() }
}

fn run() -> Run {
    let end_time = start() + jiff::SignedDuration::from_secs(61);
    Run { name: "shop".into(), namespace: None, uid: None, start_time: start(), end_time }
}

fn environment() -> Environment {
    let generator = Generator { kind: "Command".into(), processes: 1, ..Generator::default() };
    Environment { target: "http://shop:8080".into(), generator, ..Environment::default() }
}

/// The record of the run.
pub(crate) fn record() -> Record {
    Sample::new().record()
}

/// What the run would have written until then: the lines of each part.
pub(crate) fn parts() -> Vec<Vec<Line>> {
    let Sample { valid, test, .. } = Sample::new();
    let begin = Begin {
        format: FORMAT.into(),
        version: VERSION,
        made_by: made_by(),
        run: Run { end_time: start(), ..run() },
        test: redact::spec(&test),
        environment: environment(),
        workload: Some(["shop", "Deployment", "apps/v1"].map(String::from)),
        further: Vec::new(),
    };
    let plan = planned(&valid.timeline);
    let load = LoadBegins { number: 1, start_time: start(), plan, counted_stage: None };
    let mut parts = vec![vec![Line::Begin(Box::new(begin))]];
    let mut course = Course::new(&valid.timeline);
    let mut told = 0;
    for part in 0..SECONDS / 10 {
        let mut news = News { until_ms: (part + 1) * 10_000, ..News::default() };
        for number in part * 10..(part + 1) * 10 {
            let [from, to] = [number, number + 1].map(Duration::from_secs);
            course.add(from, to, &second(number));
            news.metrics.merge(&second(number));
        }
        news.series = course.seconds_from(told);
        told = course.seconds();
        let since = |event: &Event| event.seen.duration_since(start()).as_secs().max(0) as u64 / 10;
        news.events = events().into_iter().filter(|event| since(event) == part).collect();
        let first = (part == 0).then(|| Line::Load(load.clone()));
        parts.push(first.into_iter().chain([Line::News(Box::new(news))]).collect());
    }
    parts
}
