// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;
use rstest::rstest;
use upsurge_crds::v1alpha1::UsageResult;

use super::*;
use crate::{
    disk::decode,
    model::WorkloadEnvironment,
    sample,
    verify::{Verified, verify},
};

/// A record in which there is something of all that can be left out.
fn record() -> Record {
    let mut record = sample::record();
    let pod = |pod: Option<&str>| UsageResult {
        workload: "shop".into(),
        pod: pod.map(str::to_owned),
        ..UsageResult::default()
    };
    record.usage = vec![pod(None), pod(Some("shop-1")), pod(Some("shop-2"))];
    // Digests don't pack, so without them a record is smaller in spite of the words that say so.
    let images = [
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
        "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6",
    ];
    let image = images.map(|digest| (digest[..8].to_owned(), format!("shop/checkout@sha256:{digest}")));
    let autoscaler = Some(serde_json::json!({"maxReplicas": 5}));
    record.environment.workloads =
        vec![WorkloadEnvironment { images: image.into(), autoscaler, ..WorkloadEnvironment::default() }];
    // A course that can be halved.
    let epoch = &mut record.epochs[0];
    let last = epoch.series.points.last().unwrap().to_ms;
    let empty = |second: u64| Point {
        from_ms: last + second * 1_000,
        to_ms: last + second * 1_000 + 1_000,
        ..Point::default()
    };
    epoch.series.points.extend((0..100).map(empty));
    record
}

fn fitted(most: usize) -> Record {
    decode(&fit(record(), most).unwrap()).unwrap()
}

/// The size of a record with nothing in it that can be left out.
fn smallest() -> usize {
    without_all(record())
}

/// The size of a record without all that can be left out.
fn without_all(mut record: Record) -> usize {
    for step in STEPS {
        while step(&mut record) {}
    }
    record.detail = Detail::Thinned;
    encode(&record, &[]).unwrap().len()
}

#[test]
fn what_fits_stays_as_it_is() {
    let read = fitted(1 << 20);
    assert_eq!(read, record());
    assert_eq!((read.detail, read.error_bound), (Detail::Full, None));
}

#[test]
fn what_tells_least_goes_first_and_no_more_than_it_takes() {
    let full = encode(&record(), &[]).unwrap().len();
    let read = fitted(full - 1);
    assert!(read.detail == Detail::Thinned && read.epochs[0].heat_map.columns.is_empty());
    let folded: Vec<&str> = read.folded.iter().map(|folded| folded.what.as_str()).collect();
    assert_eq!((folded, read.error_bound), (vec!["heatMap"], None));
    assert_eq!((&read.usage, &read.epochs[0].series), (&record().usage, &record().epochs[0].series));
    assert_eq!(read.environment, record().environment);
}

#[test]
fn what_the_verdict_rests_on_is_in_the_smallest_one_and_what_it_tells_adds_up() {
    let (read, whole) = (fitted(smallest()), record());
    assert_eq!((&read.outcome, &read.workloads), (&whole.outcome, &whole.workloads));
    let (thin, epoch) = (&read.epochs[0], &whole.epochs[0]);
    assert_eq!((&thin.accumulators, &thin.thresholds), (&epoch.accumulators, &epoch.thresholds));
    assert_eq!((&thin.figures, &thin.measured.totals), (&epoch.figures, &epoch.measured.totals));
    assert!(thin.measured.requests.iter().all(|request| request.part.latency.is_none()));
    assert!(read.usage.iter().all(|usage| usage.pod.is_none()) && read.usage.len() == 1);
    let setup = &read.environment.workloads[0];
    assert!(setup.images.is_empty() && setup.autoscaler.is_none(), "{setup:?}");
    let Verified { differences, skipped, .. } = verify(&read);
    assert!(differences.is_empty(), "{differences:?}");
    // The distributions of stages and of requests, and the usage that is still told.
    assert_eq!(skipped.len(), 3, "{skipped:?}");
}

#[test]
fn a_record_that_is_too_large_in_any_case_is_not_cut() {
    let most = smallest() - 1;
    let error = fit(record(), most).unwrap_err();
    assert!(matches!(error, FitError::Large { bytes, .. } if bytes > most), "{error}");
    assert!(error.to_string().contains("log of events"));
}

#[rstest]
#[case::once(1)]
#[case::often(3)]
fn joined_points_lose_no_count_and_no_maximum(#[case] times: usize) {
    let mut joined = record().epochs[0].series.clone();
    let whole = joined.clone();
    (0..times).for_each(|_| halve(&mut joined));
    assert_eq!(joined.points.len(), whole.points.len().div_ceil(1 << times));
    assert_eq!(joined.step_seconds, whole.step_seconds << times);
    let sum = |series: &Series, of: fn(&Point) -> u64| series.points.iter().map(of).sum::<u64>();
    let counts: [fn(&Point) -> u64; 3] =
        [|point| point.requests, |point| point.failed, |point| point.started];
    for of in counts {
        assert_eq!(sum(&joined, of), sum(&whole, of));
    }
    let longest =
        |series: &Series| series.points.iter().filter_map(|point| point.latency).map(|one| one.max).max();
    assert_eq!(longest(&joined), longest(&whole));
    let errors = |series: &Series| series.points.iter().flat_map(|point| &point.errors).sum::<u64>();
    assert_eq!(errors(&joined), errors(&whole));
}

#[test]
fn wider_buckets_of_requests_are_within_the_bound_that_is_told() {
    let mut record = record();
    assert!(coarse_requests(&mut record));
    assert_eq!(record.error_bound, Some(COARSE));
    let Verified { differences, skipped, .. } = verify(&record);
    assert!(differences.is_empty(), "{differences:?}");
    assert_eq!(skipped, ["what is told of usage"]);
    record.error_bound = None;
    assert!(!verify(&record).differences.is_empty(), "they did become wider");
    assert!(!coarse_requests(&mut record), "once");
}

fn latencies(record: &Record) -> impl Iterator<Item = Latency> {
    record.epochs[0].series.points.iter().filter_map(|point| point.latency)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn in_whatever_room_no_maximum_no_error_and_no_event_is_lost(
        spikes in prop::collection::vec((any::<prop::sample::Index>(), 1..50_u64, 1..3_600_000_000_u64), 1..6),
        share in 0.0..1.0_f64,
    ) {
        let mut whole = record();
        let points = &mut whole.epochs[0].series.points;
        for (place, failed, longest) in spikes {
            let place = place.index(points.len());
            let point = &mut points[place];
            point.failed += failed;
            match point.errors.first_mut() {
                Some(first) => *first += failed,
                None => point.errors.push(failed),
            }
            let known = point.latency.unwrap_or_default();
            point.latency = Some(Latency { max: known.max.max(longest), ..known });
        }
        let (least, full) = (without_all(whole.clone()), encode(&whole, &[]).unwrap().len());
        let most = least + (full.saturating_sub(least) as f64 * share) as usize;
        let read = decode(&fit(whole.clone(), most).unwrap()).unwrap();
        prop_assert_eq!(latencies(&read).map(|one| one.max).max(), latencies(&whole).map(|one| one.max).max());
        let (thin, epoch) = (&read.epochs[0], &whole.epochs[0]);
        let failed = |series: &Series| series.points.iter().map(|point| point.failed).sum::<u64>();
        let first = |series: &Series| series.points.iter().filter_map(|point| point.errors.first()).sum::<u64>();
        prop_assert_eq!((failed(&thin.series), first(&thin.series)), (failed(&epoch.series), first(&epoch.series)));
        prop_assert_eq!(&thin.series.kinds, &epoch.series.kinds);
        prop_assert_eq!(&read.workloads, &whole.workloads);
        prop_assert_eq!((&read.outcome, &thin.thresholds), (&whole.outcome, &epoch.thresholds));
        prop_assert_eq!((&thin.accumulators, &thin.measured.totals), (&epoch.accumulators, &epoch.measured.totals));
    }
}
