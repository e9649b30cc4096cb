// SPDX-License-Identifier: Apache-2.0
//! What a hostile runner can make the collector do: mutated messages, and histograms that are unpacked, mutated and
//! packed again, are taken or refused, without a panic and within bounded memory.
//!
//! A binary of its own, as all that it allocates is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "hostile/mutations.rs"]
mod mutations;

use std::{
    io::{Read as _, Write as _},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use peak_alloc::PeakAlloc;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use upsurge_core::{
    intake::{Batch, Intake, MOST_DELTA_BYTES},
    losses::{LossKind, Losses},
    metrics::{Encoded, EncodedHistogram, Metrics, SeriesKey, Sink, Tags, Trend, names},
    protocol::{
        AfterOutcome, BeforeOutcome, CheckAnswer, Counts, Delta, DeltaBatch, Form, Hello, Introduction,
        PROTOCOL_VERSION, Readiness, RunnerEnd, Slice,
    },
    series::{Course, SeriesAnswer},
    thresholds::{Windowed, Windows},
    validate::validate,
};
use upsurge_crds::LoadTestSpec;

use self::mutations::{mutations, spoilt};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// All that is allocated is counted, so one test after the other.
static ALONE: Mutex<()> = Mutex::new(());

/// What is allowed beside what the histograms of one delta may take.
const BESIDE: usize = 16 * 1024 * 1024;

fn test() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://checkout"},
        "scenarios": [{"name": "pay", "steps": [{"request": {"name": "home", "url": "/"}}]}],
        "load": {"constant": {"level": 1, "duration": "1m"}},
        "thresholds": [
            {"metric": "http_reqs", "condition": "count < 900", "window": "1s"},
            {"metric": "http_req_duration{request:home}", "condition": "max < 9s", "window": "2s"},
        ],
    }))
    .unwrap()
}

fn message() -> DeltaBatch {
    let mut trend = Trend::default();
    (1..400_u64).for_each(|number| trend.record_many(Duration::from_micros(number * number * 7), number % 5));
    let tags = Tags {
        request: Some("home".into()),
        status: Some(200),
        method: Some("GET".into()),
        ..Tags::default()
    };
    let key = |metric: &str| SeriesKey { metric: metric.into(), tags: tags.clone() };
    let mut metrics = Metrics::default();
    let durations = trend.clone();
    metrics.add(key(names::HTTP_REQ_DURATION), &Sink::Trend(trend));
    metrics.add(key(names::HTTP_REQS), &Sink::Counter(399.0));
    metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: 0, total: 399 });
    let key = SeriesKey { metric: names::VUS.into(), tags: Tags::default() };
    metrics.add(key, &Sink::Gauge { value: 1.0, min: 0.0, max: 1.0 });
    let slice = |from_ms| Slice {
        from_ms,
        to_ms: from_ms + 500,
        requests: 200.0,
        failed: 3,
        durations: durations.clone(),
        counts: Counts { started: 199, ..Counts::default() },
        windows: [(0, Sink::Counter(200.0)), (1, Sink::Trend(durations.clone()))].into(),
    };
    let mut losses = Losses::default();
    for (begin, kind) in [(100, LossKind::Reset), (400, LossKind::Unanswered)] {
        losses.record(Duration::from_millis(begin), Duration::from_millis(begin + 300), kind);
    }
    let delta = Delta {
        number: 2,
        first: Some(1),
        to_ms: 1_000,
        metrics,
        losses,
        slices: vec![slice(0), slice(500)],
        done: Some(RunnerEnd::Completed),
        after: Some(AfterOutcome { result: Err("request \"tidy up\" got 503".into()), verified: None }),
        checks: Some(vec![CheckAnswer::Value("17.5".into()), CheckAnswer::Problem("no such host".into())]),
        series: vec![
            SeriesAnswer::Course(Course::of([0, 9], 1, [(0.0, 17.5)])),
            SeriesAnswer::Problem("no such host".into()),
        ],
        ..Delta::default()
    };
    DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: "pay-0".into(),
        epoch: 1,
        start: 5,
        started_at: 6,
        session: Some(3),
        deltas: vec![delta],
    }
}

/// Does something, and gives back how much memory it took at most.
fn measured<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let done = act();
    (done, ALLOCATED.peak_usage().saturating_sub(before))
}

fn received(intake: &Intake, bytes: &[u8]) -> usize {
    received_as(Form::Json, intake, bytes)
}

fn received_as(form: Form, intake: &Intake, bytes: &[u8]) -> usize {
    let Ok(batch) = Batch::read(form, bytes) else { return 0 };
    let taken = batch.deltas.iter().filter_map(|delta| intake.take(*delta).ok());
    // What is taken is what is merged next.
    taken.filter(|taken| keep(taken.delta.clone())).count()
}

/// Merges a delta as the collector does.
fn keep(delta: Delta) -> bool {
    let windowed = Windowed::of(&test());
    let mut windows = Windows::default();
    let Ok(sums) = windowed.sums(&delta.metrics) else { return false };
    windowed.add_sums(&mut windows, &sums);
    delta.slices.iter().for_each(|slice| windowed.add_slice(&mut windows, slice));
    let mut losses = Losses::default();
    losses.merge(&delta.losses);
    windows.bytes() < MOST_DELTA_BYTES
}

fn unpacked(histogram: &str) -> Vec<u8> {
    let mut plain = Vec::new();
    ZlibDecoder::new(&STANDARD.decode(histogram).unwrap()[8..]).read_to_end(&mut plain).unwrap();
    plain
}

fn packed(plain: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    let compressed = encoder.finish().unwrap();
    let mut bytes = 0x1c84_9314_u32.to_be_bytes().to_vec();
    bytes.extend((compressed.len() as u32).to_be_bytes());
    bytes.extend(compressed);
    STANDARD.encode(bytes)
}

/// A message whose histogram is another one.
fn with_histogram(message: &Value, histogram: String) -> Vec<u8> {
    let mut message = message.clone();
    let series = message["deltas"][0]["metrics"].as_array_mut().unwrap();
    let trend = series.iter_mut().find(|series| series[1].get("trend").is_some()).unwrap();
    trend[1]["trend"]["histogram"] = json!(histogram);
    message.to_string().into_bytes()
}

#[test]
fn nothing_that_is_sent_breaks_the_collector_or_fills_its_memory() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let test = test();
    let intake = Intake::of(&test, &validate(&test).unwrap());
    let message = serde_json::to_value(message()).unwrap();
    let good = message.to_string().into_bytes();
    assert_eq!(received(&intake, &good), 1, "the message that is mutated is a good one");
    let histogram = {
        let series = message["deltas"][0]["metrics"].as_array().unwrap();
        let trend = series.iter().find_map(|series| series[1].get("trend")).unwrap();
        match serde_json::from_value::<Encoded>(trend.clone()).unwrap().histogram {
            EncodedHistogram::Text(text) => text,
            EncodedHistogram::Binary(_) => panic!("no text"),
        }
    };
    let plain = unpacked(&histogram);
    assert_eq!(
        received(&intake, &with_histogram(&message, packed(&plain))),
        1,
        "packing again changes nothing"
    );

    let mut runner = TestRunner::new(ProptestConfig::with_cases(1_500));
    let most = MOST_DELTA_BYTES + BESIDE;
    runner
        .run(&(mutations(), mutations()), |(outer, inner)| {
            for bytes in [
                spoilt(good.clone(), &outer),
                with_histogram(&message, packed(&spoilt(plain.clone(), &inner))),
                with_histogram(
                    &message,
                    String::from_utf8_lossy(&spoilt(histogram.clone().into_bytes(), &inner)).into(),
                ),
            ] {
                let (_, peak) = measured(|| received(&intake, &bytes));
                // What a mutation leaves small takes little.
                prop_assert!(peak < BESIDE, "{} bytes took {peak}", bytes.len());
            }
            Ok(())
        })
        .unwrap();

    let binary = self::message().write(Form::Binary).unwrap();
    assert_eq!(received_as(Form::Binary, &intake, &binary), 1, "the message that is mutated is a good one");
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1_500));
    runner
        .run(&mutations(), |mutations| {
            let bytes = spoilt(binary.clone(), &mutations);
            let (_, peak) = measured(|| received_as(Form::Binary, &intake, &bytes));
            prop_assert!(peak < BESIDE, "{} bytes took {peak}", bytes.len());
            Ok(())
        })
        .unwrap();
    // Lengths of 4 GiB in a handful of bytes: of a list, a map, a text and a string of bytes.
    for claim in [0xdd, 0xdf, 0xdb, 0xc6] {
        let mut bytes = vec![0x81, 0xa6];
        bytes.extend(b"deltas");
        bytes.extend([claim, 0xff, 0xff, 0xff, 0xff, 0x00]);
        let (taken, peak) = measured(|| received_as(Form::Binary, &intake, &bytes));
        assert!(taken == 0 && peak < BESIDE, "{peak} bytes");
    }

    let hello = Hello {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: "pay-0".into(),
        sent_at: 1,
        readiness: Readiness::Failed { reason: "a".into(), message: "b".into() },
        accepted_start: Some(4),
        before: Some(BeforeOutcome {
            result: Ok(json!({"token": "abc", "ids": [1, {"deep": [null, 2.5]}]})
                .as_object()
                .unwrap()
                .clone()),
        }),
        wants_plan: true,
        epoch: 1,
    };
    let good = serde_json::to_vec(&hello).unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1_500));
    runner
        .run(&mutations(), |mutations| {
            let bytes = spoilt(good.clone(), &mutations);
            let (_, peak) = measured(|| {
                let hello = serde_json::from_slice::<Hello>(&bytes);
                hello.is_ok_and(|hello| Intake::check_hello(&hello.readiness, hello.before.as_ref()).is_ok())
            });
            prop_assert!(peak < BESIDE, "{} bytes took {peak}", bytes.len());
            Ok(())
        })
        .unwrap();

    // The first words of whatever version, in either form.
    for (form, good) in
        [(Form::Json, &good), (Form::Json, &message.to_string().into_bytes()), (Form::Binary, &binary)]
    {
        assert_eq!(Introduction::read(form, good).unwrap().pod, "pay-0");
        let mut runner = TestRunner::new(ProptestConfig::with_cases(500));
        runner
            .run(&mutations(), |mutations| {
                let bytes = spoilt(good.clone(), &mutations);
                let (_, peak) = measured(|| Introduction::read(form, &bytes).is_ok());
                prop_assert!(peak < BESIDE, "{} bytes took {peak}", bytes.len());
                Ok(())
            })
            .unwrap();
    }

    // What claims much: gigabytes in the header, zeros that compress to nothing, and wide histograms without end.
    let mut claiming = plain.clone();
    claiming[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    let bomb = packed(&vec![0; 64 * 1024 * 1024]);
    for histogram in [packed(&claiming), bomb] {
        let bytes = with_histogram(&message, histogram);
        let (taken, peak) = measured(|| received(&intake, &bytes));
        assert!(taken == 0 && peak < BESIDE, "{peak} bytes");
    }
    let mut wide = Trend::default();
    (0..3_600_000_000_u64)
        .step_by(50_000)
        .for_each(|time| wide.record_many(Duration::from_micros(time), 70_000));
    let wide = json!({"trend": wide});
    let series: Vec<Value> = (0..1_000)
        .map(|status| json!([{"metric": names::HTTP_REQ_DURATION, "request": "home", "status": status, "error_code": 1000}, wide]))
        .collect();
    let mut heavy = message.clone();
    heavy["deltas"][0]["metrics"] = json!(series);
    let heavy = heavy.to_string().into_bytes();
    let (taken, peak) = measured(|| received(&intake, &heavy));
    assert!(taken == 0 && peak < most + 2 * heavy.len(), "{peak} bytes for {} bytes", heavy.len());
}

/// What selects the one series that there is by so many subsets of its tags.
fn selecting(thresholds: usize) -> LoadTestSpec {
    let selector = |number: usize| {
        let tags = [("request", "home"), ("method", "GET"), ("stage", "constant"), ("scenario", "pay")];
        let chosen = tags.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1).map(|(_, tag)| tag);
        let mut selector: Value = chosen.map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let custom = (4..8).filter(|bit| number >> bit & 1 == 1).map(|bit| (format!("tag{bit}"), json!("a")));
        selector["tags"] = custom.collect();
        selector
    };
    let threshold = |number: usize| {
        json!({"metric": "http_req_duration", "condition": "max < 9", "selector": selector(2 * number + 1),
               "ratioTo": {"selector": selector(2 * number + 2)}})
    };
    let mut test = serde_json::to_value(test()).unwrap();
    test["thresholds"] = (0..thresholds).map(threshold).collect();
    serde_json::from_value(test).unwrap()
}

#[test]
fn what_thresholds_keep_of_one_series_is_bounded_and_counted() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wide = Trend::default();
    let times = (0..100_000_u64).step_by(20).chain((100_000..3_600_000_000).step_by(50_000));
    times.for_each(|time| wide.record_many(Duration::from_micros(time), 70_000));
    let text = |name: &str| Some(name.to_owned());
    let tags = Tags {
        request: text("home"),
        method: text("GET"),
        stage: text("constant"),
        scenario: text("pay"),
        custom: (4..8).map(|bit| (format!("tag{bit}"), "a".to_owned())).collect(),
        ..Tags::default()
    };
    let mut metrics = Metrics::default();
    metrics.add(SeriesKey { metric: names::HTTP_REQ_DURATION.into(), tags }, &Sink::Trend(wide));
    let windowed = Windowed::of(&selecting(100));
    let (refused, peak) = measured(|| windowed.sums(&metrics).is_err());
    assert!(refused && peak < MOST_DELTA_BYTES, "{peak} bytes");

    let windowed = Windowed::of(&selecting(10));
    let mut windows = Windows::default();
    let before = ALLOCATED.current_usage();
    {
        let sums = windowed.sums(&metrics).unwrap();
        (0..3).for_each(|_| windowed.add_sums(&mut windows, &sums));
    }
    let kept = ALLOCATED.current_usage().saturating_sub(before);
    // Allocators and trees take more than what is in them, though not twice as much.
    assert!(
        kept / 2 < windows.bytes() && windows.bytes() < 2 * kept,
        "{kept} bytes, said to be {}",
        windows.bytes()
    );
}
