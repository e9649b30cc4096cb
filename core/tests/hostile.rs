// SPDX-License-Identifier: Apache-2.0
//! What a hostile runner can make the collector do: mutated messages, and histograms that are unpacked, mutated and
//! packed again, are taken or refused, without a panic and within bounded memory.
//!
//! A binary of its own, as all that it allocates is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use peak_alloc::PeakAlloc;
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};
use serde_json::{Value, json};
use upsurge_core::{
    intake::{Batch, Intake, MOST_DELTA_BYTES},
    metrics::{Encoded, EncodedHistogram, Metrics, SeriesKey, Sink, Tags, Trend, names},
    protocol::{Delta, DeltaBatch, Form, Hello, PROTOCOL_VERSION, Readiness, RunnerEnd},
    validate::validate,
};
use upsurge_crds::LoadTestSpec;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What is allowed beside what the histograms of one delta may take.
const BESIDE: usize = 16 * 1024 * 1024;

/// How a message is spoilt.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Cut(Index),
    Repeat(Index, Index),
    Insert(Index, Vec<u8>),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let digits = prop_oneof![
        Just(b"-1".to_vec()),
        Just(b"1e999".to_vec()),
        Just(b"18446744073709551615".to_vec()),
        Just(b"[[[[[[[[".to_vec()),
        Just(b"null".to_vec()),
        prop::collection::vec(any::<u8>(), 1..12),
    ];
    let mutation = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        any::<Index>().prop_map(Mutation::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
        (any::<Index>(), digits).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
    ];
    prop::collection::vec(mutation, 0..4)
}

fn spoilt(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match mutation {
            Mutation::Set(at, byte) => bytes[at.index(length)] = *byte,
            Mutation::Cut(at) => bytes.truncate(at.index(length)),
            Mutation::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, part);
            }
            Mutation::Insert(at, inserted) => {
                let at = at.index(length);
                bytes.splice(at..at, inserted.iter().copied());
            }
        }
    }
    bytes
}

fn test() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://checkout"},
        "scenarios": [{"name": "pay", "steps": [{"request": {"name": "home", "url": "/"}}]}],
        "load": {"constant": {"level": 1, "duration": "1m"}},
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
    metrics.add(key(names::HTTP_REQ_DURATION), &Sink::Trend(trend));
    metrics.add(key(names::HTTP_REQS), &Sink::Counter(399.0));
    metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: 0, total: 399 });
    let key = SeriesKey { metric: names::VUS.into(), tags: Tags::default() };
    metrics.add(key, &Sink::Gauge { value: 1.0, min: 0.0, max: 1.0 });
    let done = Some(RunnerEnd::Completed);
    let delta = Delta { number: 1, to_ms: 1_000, metrics, done, ..Delta::default() };
    DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: "pay-0".into(),
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
    batch.deltas.iter().filter(|delta| intake.take(**delta).is_ok()).count()
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
        before: None,
        wants_plan: true,
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
