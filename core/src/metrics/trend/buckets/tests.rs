// SPDX-License-Identifier: Apache-2.0

use hdrhistogram::Histogram;
use proptest::prelude::*;

use super::*;

fn reference() -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap();
    histogram.auto(true);
    histogram
}

/// Values of all magnitudes, sometimes much of them.
fn values() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let value = (0_u32..49, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1));
    prop::collection::vec((value, counts()), 0..200)
}

/// Few that are added up, and such as need more than 16 bits with or without others.
fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1_u64..5, 1 => 1_u64 << 15..1 << 17, 1 => 1_u64..1 << 40]
}

fn filled(values: &[(u64, u64)]) -> Buckets {
    let mut buckets = Buckets::default();
    values.iter().for_each(|(value, count)| buckets.record(*value, *count));
    buckets
}

proptest! {
    #[test]
    fn counts_and_quantiles_are_those_of_hdrhistogram(values in values(), share in 0.0..=1.0_f64) {
        let (buckets, mut reference) = (filled(&values), reference());
        values.iter().for_each(|(value, count)| reference.record_n(*value, *count).unwrap());
        prop_assert_eq!(buckets.total(), reference.len());
        let expected: Vec<_> = reference
            .iter_recorded()
            .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect();
        prop_assert_eq!(buckets.recorded().collect::<Vec<_>>(), expected);
        if !values.is_empty() {
            for share in [0.0, 0.5, 0.95, 0.99, 0.999, 1.0, share] {
                prop_assert_eq!(buckets.quantile(share), reference.value_at_quantile(share), "{}", share);
            }
        }
    }

    #[test]
    fn merging_gives_what_one_would_have_that_saw_everything(one in values(), other in values()) {
        let mut merged = filled(&one);
        merged.merge(&filled(&other));
        let all: Vec<_> = one.into_iter().chain(other).collect();
        prop_assert_eq!(merged, filled(&all));
    }

    #[test]
    fn what_was_cleared_is_as_good_as_new(before in values(), between in values(), after in values()) {
        let mut reused = filled(&before);
        for values in [&between, &after] {
            reused.clear();
            prop_assert_eq!(&reused, &Buckets::default());
            values.iter().for_each(|(value, count)| reused.record(*value, *count));
            prop_assert_eq!(&reused, &filled(values));
        }
    }
}

fn made(buckets: &Buckets) -> usize {
    let made = buckets.blocks.iter().flatten().count();
    assert_eq!(buckets.made, made, "as many as it believes");
    made
}

fn received(values: &[(u64, u64)]) -> Buckets {
    let mut buckets = Buckets::of_others();
    values.iter().for_each(|(value, count)| buckets.record(*value, *count));
    buckets
}

#[test]
fn memory_comes_to_rest_as_soon_as_there_is_much_to_count() {
    let mut buckets = Buckets::default();
    (0..2_000).for_each(|number| buckets.record(300 + number % 50, 1));
    assert_eq!(made(&buckets), 2, "all in the blocks that were there before");
    buckets.record(20_000, 1);
    assert_eq!(made(&buckets), 208);
    (0..4_194_304).step_by(61).for_each(|value| buckets.record(value, 100_000));
    assert_eq!(made(&buckets), 208);
    buckets.record(60_000_000, 1);
    assert_eq!((made(&buckets), made(&buckets.clone())), (209, 209));
    // So it stays from one busy interval to the next, and one that is not gives back what it did not use.
    buckets.clear();
    assert_eq!(made(&buckets), 209);
    buckets.record(300, 1);
    buckets.clear();
    assert_eq!(made(&buckets), 1);
}

#[test]
fn what_is_received_needs_no_more_than_its_values_do() {
    let received = received(&[(300, 2_000), (20_000, 1_000)]);
    assert_eq!(made(&received), 2);
    let mut sum = Buckets::default();
    (0..3).for_each(|_| sum.merge(&received));
    sum.merge(&self::received(&[(60_000, 1)]));
    assert_eq!((made(&sum), sum.total()), (3, 9_001));
    // But who adds up what it recorded itself comes to rest as the recorders do.
    let mut sum = Buckets::default();
    (0..3).for_each(|value| sum.merge(&filled(&[(300 + value, 900), (20_000 * value, 1)])));
    assert_eq!(made(&sum), 208);
}

#[test]
fn what_is_only_kept_needs_no_more_than_its_values_do() {
    let busy = filled(&[(300, 2_000), (20_000, 1_000), (9, 1 << 40)]);
    let kept = busy.clone().compact();
    assert!(made(&busy) > 200 && made(&kept) == 3, "{} blocks", made(&kept));
    assert_eq!(kept, busy);
}

#[test]
fn a_slow_answer_among_few_costs_a_block_until_the_next_interval_but_one() {
    let mut buckets = Buckets::default();
    (0..900).for_each(|number| buckets.record(256 + number % 64, 1));
    buckets.record(3_600_000_000, 1);
    assert_eq!(made(&buckets), 2);
    buckets.clear();
    buckets.record(256, 1);
    buckets.clear();
    assert_eq!((made(&buckets), buckets.blocks.len()), (1, 5));
}

#[test]
fn what_carries_take_is_known_before_however_many_are_added_at_once() {
    let filled =
        |count: u64| received(&(0..100_000).step_by(7).map(|value| (value, count)).collect::<Vec<_>>());
    for (kept, added, times) in [(0, 40_000, 2), (40_000, 40_000, 1), (65_000, 300, 2), (70_000, 1, 9)] {
        let (mut kept, added) = (if kept == 0 { Buckets::of_others() } else { filled(kept) }, filled(added));
        let (before, growth) = (kept.bytes(), kept.growth(&added) * times);
        (0..times).for_each(|_| kept.merge(&added));
        let grown = kept.bytes() - before;
        assert!(grown <= growth, "{grown} of {growth} bytes");
        // Carries cost a few times as much as counts, and not many times.
        assert!(kept.bytes() < 6 * added.bytes(), "{} of {} bytes", kept.bytes(), added.bytes());
    }
}

#[test]
fn counts_of_any_size_are_kept() {
    let given = [(5, 65_535), (5, 2), (9, 1 << 40), (9, 65_536), (1_000_000, 65_536)];
    let mut buckets = filled(&given);
    let expected = vec![(5, 65_537), (9, (1 << 40) + 65_536), (1_000_447, 65_536)];
    assert_eq!(buckets.recorded().collect::<Vec<_>>(), expected);
    let mut twice = buckets.clone();
    assert_eq!(twice, buckets);
    twice.merge(&buckets);
    let doubled: Vec<_> = expected.iter().map(|(value, count)| (*value, 2 * count)).collect();
    assert_eq!((twice.recorded().collect::<Vec<_>>(), twice.total()), (doubled, 2 * buckets.total()));
    twice.record(5, u64::MAX);
    assert!(twice.recorded().next().is_some_and(|(_, count)| count > u64::MAX / 2), "no wrapping");
    buckets.clear();
    assert_eq!(buckets, Buckets::default());
}
