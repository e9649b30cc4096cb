// SPDX-License-Identifier: Apache-2.0
//! How often the record of a run could not be written, and what follows from that. Pure.

use std::time::{Duration, Instant};

use super::Keeping;

/// Wait after the first failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Time from the first failure until the last try begins. The verdict waits that long, and for as long as the first and the last try take.
/// Where failures come at once, the last try is the sixth.
const PATIENCE: Duration = Duration::from_secs(31);
/// Longest text of a reason.
const LONGEST: usize = 400;

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    tries: u32,
    why: String,
    is_given_up: bool,
    first: Instant,
    again: Instant,
}

impl Failures {
    /// One more. A lasting one is not worth another try.
    pub fn after(before: Option<&Self>, why: &str, is_lasting: bool, now: Instant) -> Self {
        let tries = before.map_or(0, |before| before.tries).saturating_add(1);
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX));
        let first = before.map_or(now, |before| before.first);
        let last = first + PATIENCE;
        let (is_given_up, again) = (is_lasting || now >= last, last.min(now + wait.min(PATIENCE)));
        Self { tries, why: why.chars().take(LONGEST).collect(), is_given_up, first, again }
    }

    /// What is to be done now.
    pub fn keeping(&self, now: Instant) -> Keeping {
        let why = self.why.clone();
        if self.is_given_up {
            return Keeping::GivenUp { tries: self.tries, why };
        }
        match self.again.saturating_duration_since(now) {
            Duration::ZERO => Keeping::Due,
            wait => Keeping::Waits { why, wait },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_tried_again_after_ever_longer_waits_and_then_given_up() {
        let begin = Instant::now();
        let (mut now, mut failures, mut waits) = (begin, None, Vec::new());
        loop {
            let after = Failures::after(failures.as_ref(), "quota", false, now);
            match after.keeping(now) {
                Keeping::Waits { why, wait } => {
                    assert_eq!(why, "quota");
                    now += wait;
                    assert_eq!(after.keeping(now), Keeping::Due);
                    waits.push(wait.as_secs());
                }
                given_up => {
                    assert_eq!(given_up, Keeping::GivenUp { tries: 6, why: "quota".into() });
                    break;
                }
            }
            failures = Some(after);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16]);
    }

    /// An API server that does not answer makes each try take long: the verdict must not wait for six of them.
    #[test]
    fn slow_tries_are_fewer_and_the_last_one_begins_as_soon_as_with_fast_ones() {
        let (begin, try_takes) = (Instant::now(), Duration::from_secs(25));
        let (mut now, mut failures) = (begin + try_takes, None);
        let tries = loop {
            let after = Failures::after(failures.as_ref(), "no answer", false, now);
            match after.keeping(now) {
                Keeping::GivenUp { tries, .. } => break tries,
                Keeping::Waits { wait, .. } => now += wait + try_takes,
                Keeping::Due => now += try_takes,
                Keeping::Off => unreachable!("it is on"),
            }
            failures = Some(after);
        };
        assert_eq!(tries, 3);
        assert!(now - begin <= PATIENCE + 2 * try_takes, "{:?}", now - begin);
    }

    #[test]
    fn what_will_be_the_same_each_time_is_given_up_at_once() {
        let now = Instant::now();
        let failures = Failures::after(None, &"x".repeat(1_000), true, now);
        assert_eq!(failures.keeping(now), Keeping::GivenUp { tries: 1, why: "x".repeat(LONGEST) });
    }
}
