// SPDX-License-Identifier: Apache-2.0
//! Failed requests that were in flight while pods of the target were ending.
//!
//! A pod is ending from one second before it was asked to (what Kubernetes stamps is whole seconds, by another clock)
//! until one second after its last container had ended. Requests are known by bins of time: those count that overlap
//! an ending wherever in their bins they were, and those that might are told apart. Nothing is said about causes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use upsurge_crds::v1alpha1::RequestsWhileScalingDown;
use upsurge_figures::{
    latency::scale_downs_with_pods,
    observation::{Class, Log, PodLife, Source, lives},
};

use super::{replicas::seconds_between, unseen::unseen};
use crate::{
    losses::{LossKind, Losses, Lost},
    metrics::{Metrics, Selector, names},
};

/// By how much stamps of pods may differ from the operator's clock.
const SLACK: SignedDuration = SignedDuration::from_secs(1);

/// A stretch of time, in milliseconds from T0.
type Stretch = (i64, i64);

/// Looks which of the requests that were lost between `start` and `end` coincide with pods that were ending; `None` if no
/// pod ended, as far as is known.
pub fn while_ending(
    log: &Log,
    losses: &Losses,
    metrics: &Metrics,
    start: Timestamp,
    end: Timestamp,
) -> Option<RequestsWhileScalingDown> {
    let lives = lives(log.events());
    let during: Vec<&PodLife> = lives.iter().filter(|pod| ends_within(pod, start, end)).collect();
    let unseen = not_seen(log, start, end);
    if during.is_empty() && (unseen.is_empty() || losses.total() == 0) {
        return None;
    }
    let (begin, after) = (|pod: &PodLife| begin(pod, start), |at: Timestamp| after(at, start));
    // A pod of which it is not known when it ended was ending at least at the moment in which it was asked to.
    let sure = during.iter().filter_map(|pod| Some((begin(pod)?, after(pod.stopped.or(pod.terminating)?))));
    let sure: Vec<Stretch> = sure.collect();
    // Once it is gone it is not ending any more.
    let maybe =
        during.iter().filter_map(|pod| Some((begin(pod)?, pod.stopped.or(pod.gone).map_or(i64::MAX, after))));
    let maybe: Vec<Stretch> = maybe.collect();
    let (mut kinds, mut uncertain) = (BTreeMap::<LossKind, u64>::new(), 0_u64);
    for lost in losses.iter() {
        if sure.iter().any(|stretch| surely_in(&lost, *stretch)) {
            let sum = kinds.entry(lost.kind).or_default();
            *sum = sum.saturating_add(lost.count);
        } else if maybe.iter().any(|stretch| maybe_in(&lost, *stretch)) {
            uncertain = uncertain.saturating_add(lost.count);
        }
    }
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Some(RequestsWhileScalingDown {
        requests: number(kinds.values().fold(0, |sum, count| sum.saturating_add(*count))),
        kinds: kinds.into_iter().map(|(kind, count)| (kind.as_str().into(), number(count))).collect(),
        failed: number(metrics.rate(names::HTTP_REQ_FAILED, &Selector::default()).0),
        pods: i32::try_from(during.len()).unwrap_or(i32::MAX),
        uncertain: (uncertain > 0).then(|| number(uncertain)),
        gaps: unseen.into_iter().chain(gaps(&during, losses, metrics)).collect(),
    })
}

/// How many requests were lost while the pods of each scale-down were ending, by when it was decided. One of which it is not known when
/// all of its pods ended is left out, and so are all if it is not known when some requests were lost.
pub fn while_each_ended(
    log: &Log,
    losses: &Losses,
    metrics: &Metrics,
    start: Timestamp,
) -> BTreeMap<Timestamp, i64> {
    if untold(losses, metrics) > 0 {
        return BTreeMap::new();
    }
    let downs = scale_downs_with_pods(log).into_iter();
    let known = downs.filter_map(|(down, pods)| {
        let stretch = |pod: &PodLife| Some((begin(pod, start)?, after(pod.stopped?, start)));
        let stretches: Vec<Stretch> = pods.iter().map(stretch).collect::<Option<_>>()?;
        let are_all = usize::try_from(down.from.abs_diff(down.to)) == Ok(stretches.len());
        let own = losses.iter().filter(|lost| stretches.iter().any(|stretch| surely_in(lost, *stretch)));
        let count = own.fold(0, |sum: u64, lost| sum.saturating_add(lost.count));
        are_all.then(|| (down.decided, number(count)))
    });
    known.collect()
}

/// Milliseconds of the load.
fn milliseconds(at: Timestamp, start: Timestamp) -> i64 {
    i64::try_from(at.duration_since(start).as_millis()).unwrap_or(if at > start { i64::MAX } else { 0 })
}

/// When a pod began to end, if that is known.
fn begin(pod: &PodLife, start: Timestamp) -> Option<i64> {
    Some(milliseconds(pod.terminating?.saturating_sub(SLACK).unwrap_or(Timestamp::MIN), start))
}

/// When one that has ended at that instant surely was no longer ending.
fn after(at: Timestamp, start: Timestamp) -> i64 {
    milliseconds(at.saturating_add(SLACK).unwrap_or(Timestamp::MAX), start)
}

/// Whether a pod was ending at a time of the load, as far as is known.
fn ends_within(pod: &PodLife, start: Timestamp, end: Timestamp) -> bool {
    let begun = pod.terminating.or(pod.seen_going).is_some_and(|at| at <= end);
    begun && pod.stopped.or(pod.gone).or(pod.seen_going).is_none_or(|at| at >= start)
}

/// For how long nobody saw which pods were ending.
fn not_seen(log: &Log, start: Timestamp, end: Timestamp) -> Vec<String> {
    let blind: f64 =
        unseen(log, Source::Pods, start, end).iter().map(|gap| seconds_between(gap.from, gap.to)).sum();
    let gap = (blind > 0.0).then(|| format!("pods were not seen for {blind:.0} s of the load"));
    let left = log.left_out().get(&Class::Pods).is_some_and(|left| left.from <= end && left.to > start);
    let left = left.then(|| "there were more pods than are kept: some are left out".into());
    gap.into_iter().chain(left).collect()
}

/// Wherever in its bins a request began and ended, it was under way within the stretch.
fn surely_in(lost: &Lost, (from, to): Stretch) -> bool {
    number(lost.begin.1) <= to && number(lost.end.0) >= from
}

/// Somewhere in its bins it may have been.
fn maybe_in(lost: &Lost, (from, to): Stretch) -> bool {
    number(lost.begin.0) <= to && number(lost.end.1) >= from
}

fn number(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

/// What is not known, and why.
fn gaps(during: &[&PodLife], losses: &Losses, metrics: &Metrics) -> Vec<String> {
    let all = during.len();
    let count = |unknown: fn(&PodLife) -> bool| during.iter().filter(|pod| unknown(pod)).count();
    let (begins, ends) = (
        count(|pod| pod.terminating.is_none()),
        count(|pod| pod.terminating.is_some() && pod.stopped.is_none()),
    );
    let mut gaps = Vec::new();
    if begins > 0 {
        gaps.push(format!(
            "when {begins} of {all} pods were asked to end is not known: they went while nobody watched"
        ));
    }
    if ends > 0 {
        gaps.push(format!(
            "when {ends} of {all} pods ended is not known: it was not told before they were gone"
        ));
    }
    let untold = untold(losses, metrics);
    if untold > 0 {
        gaps.push(format!("of {untold} requests that were lost it is not known when they were under way"));
    }
    if losses.is_coarse() {
        gaps.push(format!(
            "so many requests were lost that their times are known to {} s only",
            losses.width() as f64 / 1e3
        ));
    }
    gaps
}

/// Lost requests of which nobody told when they were under way, as older runners don't.
fn untold(losses: &Losses, metrics: &Metrics) -> u64 {
    let of_kind = |kind: &str| {
        metrics.count(names::REQUEST_ERRORS, &Selector { check: Some(kind.into()), ..Selector::default() })
    };
    let counted = LossKind::ERRORS.iter().map(|kind| of_kind(kind)).sum::<f64>() as u64;
    counted.saturating_sub(losses.total())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rstest::rstest;
    use upsurge_figures::observation::{Event, Life, What};

    use super::*;
    use crate::metrics::{SeriesKey, Sink, Tags};

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
    }

    /// Pods by when they were asked to end and ended, in seconds from T0. One of which the first is not known was found to be gone
    /// at 20 s.
    fn observed(pods: &[(Option<i64>, Option<i64>)]) -> Log {
        let mut log = Log::default();
        log.push(Event::found(at(-60_000), What::Listed { source: Source::Pods }));
        for (index, (terminating, ended)) in pods.iter().enumerate() {
            let pod = |life| What::Pod { pod: format!("checkout-{index}"), life };
            let live =
                |second: &i64, life| Event::live(at(second * 1_000), pod(life)).stamped(at(second * 1_000));
            let steps = [
                terminating.as_ref().map(|second| live(second, Life::Terminating)),
                ended.as_ref().map(|second| live(second, Life::Stopped)),
                terminating.is_none().then(|| Event::found(at(20_000), pod(Life::Gone))),
            ];
            steps.into_iter().flatten().for_each(|event| log.push(event));
        }
        log
    }

    /// Requests by begin, end and kind, and as many failures of other kinds as asked for.
    fn lost(requests: &[(u64, u64, LossKind)], others: u64) -> (Losses, Metrics) {
        let (mut losses, mut metrics) = (Losses::default(), Metrics::default());
        for (begin, end, kind) in requests {
            losses.record(Duration::from_millis(*begin), Duration::from_millis(*end), *kind);
            let tags = Tags { check: Some(kind.as_str().into()), ..Tags::default() };
            metrics.add(SeriesKey { metric: names::REQUEST_ERRORS.into(), tags }, &Sink::Counter(1.0));
        }
        let failed = requests.len() as u64 + others;
        let key = SeriesKey { metric: names::HTTP_REQ_FAILED.into(), ..SeriesKey::default() };
        metrics.add(key, &Sink::Rate { passes: failed, total: 10_000 });
        (losses, metrics)
    }

    fn found(log: &Log, (losses, metrics): &(Losses, Metrics)) -> RequestsWhileScalingDown {
        while_ending(log, losses, metrics, at(0), at(60_000)).unwrap()
    }

    #[rstest]
    #[case::within(12_000, 12_400, 1)]
    #[case::begun_before(1_000, 12_000, 1)]
    #[case::still_under_way_after(12_000, 59_000, 1)]
    #[case::all_around_it(1_000, 59_000, 1)]
    #[case::over_a_moment_before(1_000, 8_890, 0)]
    #[case::over_as_it_begins(1_000, 9_000, 1)]
    #[case::begun_as_it_ends(15_850, 30_000, 1)]
    #[case::begun_a_moment_after(16_110, 30_000, 0)]
    #[case::long_before(1_000, 2_000, 0)]
    fn a_request_counts_if_it_was_in_flight_while_a_pod_ended(
        #[case] begin: u64,
        #[case] end: u64,
        #[case] requests: i64,
    ) {
        // Asked to end at 10 s, ended at 15 s: from 9 s to 16 s.
        let observation = observed(&[(Some(10), Some(15))]);
        let found = found(&observation, &lost(&[(begin, end, LossKind::Reset)], 4));
        assert_eq!(
            (found.requests, found.failed, found.pods, found.gaps.len()),
            (requests, 5, 1, 0),
            "{found:?}"
        );
    }

    #[test]
    fn a_target_that_drops_its_connections_when_told_to_end_is_found_with_every_request() {
        // Three pods are scaled down one after the other; each closes the four requests that it has in work when the
        // signal comes, leaves one without an answer, and refuses one that comes just afterwards.
        let observation = observed(&[(Some(10), Some(11)), (Some(25), Some(26)), (Some(40), Some(41))]);
        let requests: Vec<_> = [10_300_u64, 25_700, 40_999]
            .into_iter()
            .flat_map(|signal| {
                let reset = (0..4).map(move |number| (signal - 100 * number, signal, LossKind::Reset));
                let late = [
                    (signal + 20, signal + 21, LossKind::Refused),
                    (signal - 5, signal + 30_000, LossKind::Unanswered),
                ];
                reset.chain(late)
            })
            .collect();
        let found = found(&observation, &lost(&requests, 0));
        assert_eq!((found.requests, found.failed, found.pods), (18, 18, 3));
        let kinds =
            [("no answer", 3), ("refused", 3), ("reset", 12)].map(|(kind, count)| (kind.to_owned(), count));
        assert_eq!((found.kinds, found.uncertain, found.gaps), (kinds.into(), None, vec![]));
    }

    #[test]
    fn what_is_not_known_is_told_and_not_guessed() {
        let request = (30_000, 30_100, LossKind::Reset);
        let never_seen = found(&observed(&[(None, None), (Some(10), Some(11))]), &lost(&[request], 0));
        assert_eq!((never_seen.requests, never_seen.uncertain), (0, None));
        assert!(never_seen.gaps[0].starts_with("when 1 of 2 pods were asked to end"), "{never_seen:?}");
        let never_ended = found(&observed(&[(Some(10), None)]), &lost(&[request], 0));
        assert_eq!((never_ended.requests, never_ended.uncertain), (0, Some(1)));
        assert!(never_ended.gaps[0].starts_with("when 1 of 1 pods ended"), "{never_ended:?}");
        let (_, metrics) = lost(&[request], 0);
        let untold = found(&observed(&[(Some(30), Some(31))]), &(Losses::default(), metrics));
        assert_eq!((untold.requests, untold.gaps.len()), (0, 1), "an old runner tells no times: {untold:?}");
    }

    #[test]
    fn each_scale_down_has_the_requests_that_were_lost_while_its_own_pods_ended() {
        // 3 → 2 at 10 s, 2 → 1 at 30 s.
        let log = |ended: Option<i64>| {
            let mut events = observed(&[(Some(10), Some(15)), (Some(30), ended)]).events().to_vec();
            let asked =
                |(second, replicas): (i64, u32)| Event::live(at(second * 1_000), What::Asked { replicas });
            events.extend([(0, 3), (10, 2), (30, 1)].map(asked));
            events.sort_by_key(|event| event.seen);
            let mut log = Log::default();
            events.into_iter().for_each(|event| log.push(event));
            log
        };
        let during_both = (12_000, 31_000, LossKind::Unanswered);
        let requests = [
            (12_000, 12_400, LossKind::Reset),
            during_both,
            (31_000, 31_100, LossKind::Refused),
            (31_500, 31_600, LossKind::Refused),
            (50_000, 50_100, LossKind::Reset),
        ];
        let (losses, metrics) = lost(&requests, 0);
        let each = |log: &Log| Vec::from_iter(while_each_ended(log, &losses, &metrics, at(0)));
        assert_eq!(each(&log(Some(35))), [(at(10_000), 2), (at(30_000), 3)]);
        assert_eq!(each(&log(None)), [(at(10_000), 2)], "when the second one ended is not known");
        let untold = while_each_ended(&log(Some(35)), &Losses::default(), &metrics, at(0));
        assert!(untold.is_empty(), "an old runner tells no times: {untold:?}");
    }

    #[test]
    fn without_a_pod_that_ended_during_the_load_there_is_nothing_to_tell() {
        let (losses, metrics) = lost(&[(30_000, 30_100, LossKind::Reset)], 0);
        let tell = |log: &Log| while_ending(log, &losses, &metrics, at(0), at(60_000));
        assert_eq!(tell(&observed(&[])), None);
        assert_eq!(tell(&observed(&[(Some(70), Some(71))])), None);
        assert_eq!(tell(&observed(&[(Some(-9), Some(-5))])), None);
    }

    #[test]
    fn where_nobody_saw_the_pods_it_is_not_known_that_none_ended() {
        let (losses, metrics) = lost(&[(30_000, 30_100, LossKind::Reset)], 0);
        let mut log = observed(&[]);
        let lost = What::Lost { source: Source::Pods, message: "the watch broke".into() };
        log.push(Event::live(at(25_000), lost));
        log.push(Event::live(at(37_000), What::Listed { source: Source::Pods }));
        let tell = |losses: &Losses| while_ending(&log, losses, &metrics, at(0), at(60_000));
        assert_eq!(tell(&losses).unwrap().gaps, ["pods were not seen for 12 s of the load"]);
        assert_eq!(tell(&Losses::default()), None, "nothing was lost, whatever pods did");
    }

    proptest! {
        #[test]
        fn requests_that_fail_at_random_are_claimed_up_to_the_true_overlap_and_no_further(
            pods in prop::collection::vec((0..60_i64, 0..10_i64), 1..6),
            requests in prop::collection::vec((0..60_000_u64, 0..3_000_u64), 0..2_000),
        ) {
            let pods: Vec<_> = pods.iter().map(|(asked, took)| (Some(*asked), Some(asked + took))).collect();
            let requests: Vec<_> =
                requests.iter().map(|(begin, length)| (*begin, begin + length, LossKind::Reset)).collect();
            let overlaps = |(begin, end, _): &&(u64, u64, LossKind)| {
                pods.iter().any(|(asked, ended)| {
                    let (from, to) = (asked.unwrap() * 1_000 - 1_000, ended.unwrap() * 1_000 + 1_000);
                    number(*begin) <= to && number(*end) >= from
                })
            };
            let truth = requests.iter().filter(overlaps).count() as i64;
            let found = found(&observed(&pods), &lost(&requests, 0));
            prop_assert!(found.requests <= truth, "{} claimed of {truth}", found.requests);
            prop_assert!(found.requests + found.uncertain.unwrap_or(0) >= truth);
        }
    }
}
