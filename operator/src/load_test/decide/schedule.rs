// SPDX-License-Identifier: Apache-2.0
//! How a test stands with its schedule. Pure.
//!
//! All that is remembered is `status.nextScheduleTime`: a time that is past and still stands there has not been answered. It
//! is taken away while a test is suspended, and does not count once the schedule has no such time any more. So nothing is
//! made up for after either, and after a long time without an operator there is one run, for the latest time.

use jiff::Timestamp;
use upsurge_core::calendar::Calendar;
use upsurge_crds::LoadTest;

/// How a test stands with its schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The time that a run is due for.
    pub due: Option<Timestamp>,
    /// The time that was passed over, because its deadline is over.
    pub missed: Option<Timestamp>,
    /// The time that is shown as the next one as long as nothing is started.
    pub next: Option<Timestamp>,
    /// The next time that is still to come.
    pub following: Option<Timestamp>,
}

/// Looks where a test stands. Its schedule was checked; one that can't be read is never due.
pub fn standing(test: &LoadTest, now: Timestamp) -> Standing {
    let calendar = test.spec.schedule.as_ref().filter(|_| !test.spec.suspend);
    let Some((schedule, calendar)) =
        calendar.and_then(|schedule| Some((schedule, Calendar::of(schedule).ok()?)))
    else {
        return Standing::default();
    };
    let status = test.status.clone().unwrap_or_default();
    let [last, next] =
        [status.last_schedule_time, status.next_schedule_time].map(|time| time.map(|time| time.0));
    // A clock that was set back must not bring a time that was answered.
    let following = calendar.after(last.map_or(now, |last| last.max(now)));
    let Some(first) = next.filter(|next| *next <= now && calendar.has(*next)) else {
        return Standing { next: following, following, ..Standing::default() };
    };
    let latest = calendar.latest(first, now);
    let late = now.duration_since(latest).unsigned_abs();
    if schedule.starting_deadline.is_some_and(|most| late > most.0) {
        return Standing { missed: Some(latest), next: following, following, ..Standing::default() };
    }
    Standing { due: Some(latest), missed: None, next: Some(first), following }
}
