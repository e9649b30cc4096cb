// SPDX-License-Identifier: Apache-2.0
//! How long to wait before an object that failed is tried again: doubled at each failure in a row.

use std::{collections::HashMap, sync::Mutex, time::Duration};

/// Wait after the first failure.
const FIRST: Duration = Duration::from_millis(250);
/// Longest wait. Active runs are at stake, so it stays short.
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row, by object.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    /// Counts a failure; gives the failures in a row and the time to wait.
    pub fn failed(&self, object: &str) -> (u32, Duration) {
        let mut failures = self.lock();
        let count = failures.entry(object.to_owned()).or_default();
        *count = count.saturating_add(1);
        (*count, spread(wait(*count), object))
    }

    /// Failures in a row so far.
    pub fn failures(&self, object: &str) -> u32 {
        self.lock().get(object).copied().unwrap_or_default()
    }

    /// Forgets the failures of an object: it succeeded, or it is gone.
    pub fn succeeded(&self, object: &str) {
        self.lock().remove(object);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn wait(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.checked_mul(factor).map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// Adds up to a fifth, different for each object, so that objects that failed together are not tried together.
fn spread(wait: Duration, object: &str) -> Duration {
    let hash = object.bytes().fold(5_381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    wait + wait.mul_f64(f64::from(hash % 1_000) / 5_000.0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1, 250)]
    #[case(2, 500)]
    #[case(5, 4_000)]
    #[case(9, 60_000)]
    #[case(500, 60_000)]
    fn waits_double_up_to_a_bound(#[case] failures: u32, #[case] milliseconds: u64) {
        assert_eq!(wait(failures), Duration::from_millis(milliseconds));
    }

    #[test]
    fn a_success_starts_the_count_again() {
        let backoff = Backoff::default();
        assert_eq!(backoff.failed("a").0, 1);
        assert_eq!(backoff.failed("a").0, 2);
        assert_eq!(backoff.failed("b").0, 1);
        backoff.succeeded("a");
        assert_eq!(backoff.failed("a").0, 1);
    }

    #[test]
    fn waits_of_different_objects_differ_by_at_most_a_fifth() {
        let wait = Duration::from_secs(10);
        for object in ["a", "b", "shop/checkout"] {
            let spread = spread(wait, object);
            assert!(spread >= wait && spread <= wait.mul_f64(1.2), "{object} waits {spread:?}");
        }
        assert_ne!(spread(wait, "a"), spread(wait, "b"));
    }
}
