// SPDX-License-Identifier: Apache-2.0
//! Scheduled freezes: stretches of time in which no response leaves.

use std::time::Duration;

use super::config::Freeze;

/// When a response that is ready at `at` (from the start of the service) may leave.
pub(super) fn leaves_at(freezes: &[Freeze], at: Duration) -> Duration {
    let mut at = at;
    // A freeze may end within another one.
    while let Some(end) = freezes.iter().find_map(|freeze| end_of(freeze, at)) {
        at = end;
    }
    at
}

/// End of the freeze that holds at an instant.
fn end_of(freeze: &Freeze, at: Duration) -> Option<Duration> {
    let mut start = freeze.at.0;
    let since = at.checked_sub(start)?;
    if let Some(every) = freeze.every.map(|span| span.0).filter(|every| !every.is_zero()) {
        // Whole nanoseconds: a float would shift freezes of a long-lived service.
        let into_round = since.as_nanos() % every.as_nanos();
        start = at.saturating_sub(Duration::from_nanos(u64::try_from(into_round).unwrap_or(u64::MAX)));
    }
    let end = start + freeze.lasts.0;
    (at < end).then_some(end)
}

#[cfg(test)]
mod tests {
    use upsurge_crds::v1alpha1::TimeSpan;

    use super::*;

    fn freeze(at: u64, lasts: u64, every: Option<u64>) -> Freeze {
        let span = TimeSpan::from_millis;
        Freeze { at: span(at), lasts: span(lasts), every: every.map(span) }
    }

    fn leaves(freezes: &[Freeze], at: u64) -> u128 {
        leaves_at(freezes, Duration::from_millis(at)).as_millis()
    }

    #[test]
    fn a_response_waits_for_the_end_of_a_freeze() {
        let once = [freeze(1_000, 500, None)];
        assert_eq!(
            [leaves(&once, 999), leaves(&once, 1_000), leaves(&once, 1_499), leaves(&once, 1_500)],
            [999, 1_500, 1_500, 1_500]
        );
        assert_eq!(leaves(&once, 9_000), 9_000);
    }

    #[test]
    fn a_freeze_comes_back() {
        let again = [freeze(1_000, 500, Some(2_000))];
        assert_eq!(
            [leaves(&again, 3_100), leaves(&again, 2_900), leaves(&again, 5_499)],
            [3_500, 2_900, 5_500]
        );
    }

    #[test]
    fn freezes_add_up_where_they_overlap() {
        let both = [freeze(1_000, 500, None), freeze(1_400, 1_000, None)];
        assert_eq!(leaves(&both, 1_200), 2_400);
    }
}
