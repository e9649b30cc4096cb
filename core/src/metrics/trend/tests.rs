// SPDX-License-Identifier: Apache-2.0
//! The form on the wire: what ours write is read back, and nothing else is taken.

use std::{collections::BTreeSet, io::Write as _, mem::discriminant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use hdrhistogram::serialization::Serializer as _;
use proptest::prelude::*;

use super::*;

fn trend(values: &[(u64, u64)]) -> Trend {
    let mut trend = Trend::default();
    values.iter().for_each(|(value, count)| trend.record_many(Duration::from_micros(*value), *count));
    trend
}

fn encoded(trend: &Trend) -> Encoded {
    serde_json::from_value(serde_json::to_value(trend).unwrap()).unwrap()
}

/// A histogram with these parts.
fn made(header: [u64; 6], length: Option<u32>, counts: &[u8], after: &[u8]) -> String {
    let [cookie, offset, digits, low, high, ratio] = header;
    let mut plain = Vec::new();
    plain.extend((cookie as u32).to_be_bytes());
    plain.extend(length.unwrap_or(counts.len() as u32).to_be_bytes());
    [offset, digits].into_iter().for_each(|word| plain.extend((word as u32).to_be_bytes()));
    [low, high, ratio].into_iter().for_each(|word| plain.extend(word.to_be_bytes()));
    plain.extend(counts);
    plain.extend(after);
    packed(&plain)
}

fn packed(plain: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    enveloped(&encoder.finish().unwrap())
}

fn enveloped(compressed: &[u8]) -> String {
    let mut bytes = 0x1c84_9314_u32.to_be_bytes().to_vec();
    bytes.extend((compressed.len() as u32).to_be_bytes());
    bytes.extend(compressed);
    STANDARD.encode(bytes)
}

/// What a histogram of ours begins with.
const OURS: [u64; 6] = [0x1c84_9313, 0, 3, 1, 2047, 1.0_f64.to_bits()];

fn with(at: usize, value: u64) -> [u64; 6] {
    let mut header = OURS;
    header[at] = value;
    header
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_recorded_is_read_back(
        values in prop::collection::vec((0_u64..10_000_000_000, 1_u64..1 << 33), 0..60),
    ) {
        let trend = trend(&values);
        let read: Trend = serde_json::from_str(&serde_json::to_string(&trend).unwrap()).unwrap();
        prop_assert_eq!(&read, &trend);
        prop_assert!((read.sum() - trend.sum()).abs() <= trend.sum() * 1e-12);
    }

    #[test]
    fn values_that_are_no_times_are_read_back(values in prop::collection::vec(any::<f64>(), 0..60)) {
        let mut trend = Trend::default();
        values.into_iter().filter(|value| value.is_finite()).for_each(|value| trend.record_value(value));
        let read: Trend = serde_json::from_str(&serde_json::to_string(&trend).unwrap()).unwrap();
        prop_assert_eq!(&read, &trend);
    }
}

proptest! {
    #[test]
    fn what_was_recorded_is_read_back_in_binary(
        values in prop::collection::vec((0_u64..10_000_000_000, 1_u64..1 << 57), 0..60),
    ) {
        let trend = trend(&values);
        let read = rmp_serde::from_slice::<Trend>(&rmp_serde::to_vec_named(&trend).unwrap());
        prop_assert_eq!(&read.unwrap(), &trend);
    }

    #[test]
    fn the_plain_form_is_that_of_hdrhistogram(values in prop::collection::vec((0_u64..4_000_000_000, 1_u64..1 << 40), 1..60)) {
        let trend = trend(&values);
        let mut histogram = hdrhistogram::Histogram::<u64>::new(DIGITS).unwrap();
        histogram.auto(true);
        trend.buckets().for_each(|(value, count)| histogram.record_n(value, count).unwrap());
        let mut theirs = Vec::new();
        hdrhistogram::serialization::V2Serializer::new().serialize(&histogram, &mut theirs).unwrap();
        let ours = wire::encode(&trend.buckets);
        // But for the highest value that a histogram says it can hold.
        prop_assert_eq!((&ours[..24], &ours[32..]), (&theirs[..24], &theirs[32..]));
        // The compressed form is read by others.
        let EncodedHistogram::Text(text) = encoded(&trend).histogram else { unreachable!() };
        let bytes = STANDARD.decode(text).unwrap();
        let read = hdrhistogram::serialization::Deserializer::new().deserialize::<u64, _>(&mut bytes.as_slice()).unwrap();
        prop_assert_eq!(&read, &histogram);
        prop_assert!(read.high() < 2 * trend.buckets().last().unwrap().0.max(1_024), "{}", read.high());
    }
}

#[test]
fn plain_histograms_that_ours_do_not_write_are_refused() {
    let good = wire::encode(&trend(&[(5_000, 3), (20_000, 1)]).buckets);
    let decode = |bytes: Vec<u8>| wire::decode(&EncodedHistogram::Binary(bytes));
    assert!(decode(good.clone()).is_ok());
    assert_eq!(decode(Vec::new()).unwrap_err(), WireError::Cut);
    assert_eq!(decode(good[..good.len() - 1].to_vec()).unwrap_err(), WireError::Cut);
    assert_eq!(decode([good.clone(), vec![0]].concat()).unwrap_err(), WireError::Trailing);
    for at in [0, 8, 12, 16, 24, 32] {
        let mut wrong = good.clone();
        wrong[at] ^= 0x40;
        assert!(matches!(decode(wrong), Err(WireError::Header { .. })), "byte {at}");
    }
}

/// One of each kind of histogram that is refused.
fn refused() -> Vec<(&'static str, String)> {
    let long = "A".repeat(2_000_000);
    let mut cut = STANDARD.decode(made(OURS, None, &[2], &[])).unwrap();
    cut.pop();
    let cut_with_length = {
        let mut bytes = cut.clone();
        let length = (bytes.len() - 8) as u32;
        bytes[4..8].copy_from_slice(&length.to_be_bytes());
        STANDARD.encode(bytes)
    };
    let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    vec![
        ("longer than any", long),
        ("no base64", "?".into()),
        ("nothing", String::new()),
        ("another form", STANDARD.encode([0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 0])),
        ("a wrong length", STANDARD.encode(&cut)),
        ("compressed data that ends early", cut_with_length),
        ("no compressed data", enveloped(b"not zlib")),
        ("another first word", made(with(0, 0x1c84_9303), None, &[2], &[])),
        ("an offset", made(with(1, 1), None, &[2], &[])),
        ("other digits", made(with(2, 5), None, &[2], &[])),
        ("another lowest value", made(with(3, 2), None, &[2], &[])),
        ("a highest value beyond all", made(with(4, u64::MAX), None, &[2], &[])),
        ("another ratio", made(with(5, 2.0_f64.to_bits()), None, &[2], &[])),
        ("4 GiB of counts", made(OURS, Some(u32::MAX), &[2], &[])),
        ("fewer counts than it says", made(OURS, Some(400), &[2], &[])),
        ("more after the counts", made(OURS, None, &[2], &[0])),
        ("half a count", made(OURS, None, &[0x80], &[])),
        ("counts beyond the last bucket", made(OURS, None, &[0xff, 0xff, 0xff, 0x7f, 2], &[])),
        ("a single empty bucket as a run", made(OURS, None, &[1, 2], &[])),
        ("two runs of empty buckets", made(OURS, None, &[3, 3, 2], &[])),
        ("an end of empty buckets", made(OURS, None, &[2, 3], &[])),
        ("more than can be counted", made(OURS, None, &[most, most, most].concat(), &[])),
        ("nothing at all in it", made(OURS, None, &[], &[])),
    ]
}

#[test]
fn what_ours_do_not_write_is_refused_and_each_reason_is_met() {
    let mut kinds = BTreeSet::new();
    for (what, histogram) in refused() {
        let error = wire::decode(&EncodedHistogram::Text(histogram)).expect_err(what);
        assert!(error.to_string().len() < 200, "{what}: {error}");
        kinds.insert(format!("{error:?}").split([' ', '(', '{']).next().unwrap().to_owned());
    }
    let all = [
        "Beyond",
        "Compression",
        "Cookie",
        "Cut",
        "Encoding",
        "Form",
        "Header",
        "Length",
        "Long",
        "Overflow",
        "Trailing",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn range_and_sum_must_be_those_of_the_records() {
    let good = encoded(&trend(&[(5_000, 3), (20_000, 1)]));
    assert!(Trend::from_wire(&good).is_ok());
    let none = encoded(&Trend::default());
    assert!(Trend::from_wire(&none).is_ok());
    let range = TrendError::Range { count: 0, min: 0, max: 0 };
    let sum = TrendError::Sum { count: 0, min: 0, max: 0, sum: 0.0 };
    for (what, wrong, expected) in [
        ("min above max", Encoded { min: 30_000, ..good.clone() }, &range),
        ("no range", Encoded { min: u64::MAX, max: 0, ..good.clone() }, &range),
        ("a range of nothing", Encoded { min: 0, ..none.clone() }, &range),
        ("a sum that is no number", Encoded { sum: f64::NAN, ..good.clone() }, &sum),
        ("an infinite sum", Encoded { sum: f64::INFINITY, ..good.clone() }, &sum),
        ("a negative sum", Encoded { sum: -1.0, ..good.clone() }, &sum),
        ("a sum that is too large", Encoded { sum: 1e9, ..good.clone() }, &sum),
        ("a sum of nothing", Encoded { sum: 1.0, ..none.clone() }, &sum),
    ] {
        let error = Trend::from_wire(&wrong).expect_err(what);
        assert_eq!(discriminant(&error), discriminant(expected), "{what}: {error}");
    }
}

proptest! {
    #[test]
    fn a_coarse_trend_counts_the_same_and_is_off_by_no_more_than_it_says(
        values in prop::collection::vec((0..3_600_000_000_u64, 1..50_u64), 1..200),
        small in prop::collection::vec((0..5_000_u64, 1..50_u64), 0..200),
    ) {
        let exact = trend(&[values, small].concat());
        let coarse = exact.coarse();
        prop_assert_eq!((coarse.count(), coarse.min(), coarse.max()), (exact.count(), exact.min(), exact.max()));
        prop_assert_eq!(coarse.sum(), exact.sum());
        for percent in [0.0, 1.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0] {
            let (told, found) = (exact.percentile(percent), coarse.percentile(percent));
            prop_assert!(told <= found && found <= told * (1.0 + COARSE), "{}: {} of {}", percent, found, told);
        }
        prop_assert_eq!(&coarse.coarse(), &coarse, "once is enough");
        let read = Trend::from_wire(&encoded(&coarse)).unwrap();
        prop_assert_eq!(read, coarse);
    }
}
