// SPDX-License-Identifier: Apache-2.0
//! Which old runs go, and when the next one does. Pure.

use std::{cmp::Reverse, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{History, Kept, Verdict},
};

use super::{age_key, is_active};
use crate::{records::stays, stores};

/// The finished runs that are not kept any more, oldest first. Never an active one, nor one that is to be kept, which does not count. One
/// whose record is on its way to a store goes later: the Job that takes it there would go with the run.
pub fn outdated(history: &History, runs: &[LoadTestRun], now: Timestamp) -> Vec<String> {
    let kinds = finished(history, runs).into_iter();
    let gone = kinds.flat_map(|Finished { runs, count, max_age }| {
        let is_old = |run: &&LoadTestRun| max_age.is_some_and(|most| age(run, now) >= most);
        let old = runs.iter().copied().take(count).filter(is_old);
        // The runs are the newest first.
        let mut gone: Vec<&LoadTestRun> = old.chain(runs.iter().copied().skip(count)).collect();
        gone.reverse();
        gone
    });
    gone.map(|run| run.name_any()).collect()
}

/// Time until the next finished run is too old to be kept, if one will be.
pub fn next_outdated(history: &History, runs: &[LoadTestRun], now: Timestamp) -> Option<Duration> {
    let kinds = finished(history, runs).into_iter();
    let left = kinds.filter_map(|Finished { runs, count, max_age }| {
        let most = max_age?;
        runs.iter()
            .take(count)
            .map(|run| most.saturating_sub(age(run, now)))
            .filter(|left| !left.is_zero())
            .min()
    });
    left.min()
}

/// The finished runs of one outcome, the newest first, and how many and how long they are kept.
struct Finished<'a> {
    runs: Vec<&'a LoadTestRun>,
    count: usize,
    max_age: Option<Duration>,
}

fn finished<'a>(history: &History, runs: &'a [LoadTestRun]) -> [Finished<'a>; 2] {
    let passed =
        |run: &&LoadTestRun| run.status.as_ref().and_then(|status| status.verdict) == Some(Verdict::Passed);
    let may_go = |run: &&LoadTestRun| {
        let is_over = !is_active(run) && run.metadata.deletion_timestamp.is_none();
        is_over && !stays(&run.metadata) && !stores::is_outstanding(run)
    };
    let finished = || runs.iter().filter(may_go);
    let sorted = |mut runs: Vec<&'a LoadTestRun>| {
        runs.sort_by_key(|run| Reverse(age_key(run)));
        runs
    };
    let [of_passed, of_others] = history.counts().map(|count| usize::try_from(count).unwrap_or_default());
    let max_age = |kept: &Kept| kept.max_age.map(|span| span.0);
    [
        Finished {
            runs: sorted(finished().filter(passed).collect()),
            count: of_passed,
            max_age: max_age(&history.passed),
        },
        Finished {
            runs: sorted(finished().filter(|run| !passed(run)).collect()),
            count: of_others,
            max_age: max_age(&history.not_passed),
        },
    ]
}

/// Time since a run finished; of one that does not say when, since it was made.
fn age(run: &LoadTestRun, now: Timestamp) -> Duration {
    let finished = run.status.as_ref().and_then(|status| status.completion_time.as_ref());
    let since = finished.or(run.metadata.creation_timestamp.as_ref()).map_or(now, |time| time.0);
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
