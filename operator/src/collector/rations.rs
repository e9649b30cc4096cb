// SPDX-License-Identifier: Apache-2.0
//! How much may be asked of the API server because of those who knock: reviews of tokens, and looks at runs that have no
//! session. No I/O; time is given.
//!
//! What a token says of itself is not believed. A namespace is charged only for pods that the watch shows, by name and UID:
//! who is no friend of that namespace knows no UID of it. All others share one ration, whatever they claim, and all
//! together have one too, so that many namespaces don't make a flood.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Questions per second, and at once.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    at_once: f64,
}

/// Of one namespace, and of all strangers. Right after a restart nothing was listed, and the runners of a large run are
/// strangers that come all at once.
const OF_ONE: Rate = Rate { per_second: 50.0, at_once: 600.0 };
/// Of all.
const OF_ALL: Rate = Rate { per_second: 200.0, at_once: 2_400.0 };
/// Most namespaces that are remembered with nothing to remember of them.
const MOST_NAMESPACES: usize = 1_024;

/// What may still be asked.
#[derive(Debug, Default)]
pub struct Rations {
    left: Mutex<Left>,
}

#[derive(Debug, Default)]
struct Left {
    of_all: Option<Ration>,
    /// Strangers have none.
    of_namespace: HashMap<Option<String>, Ration>,
}

#[derive(Clone, Copy, Debug)]
struct Ration {
    rate: Rate,
    left: f64,
    at: Instant,
}

impl Rations {
    /// Whether one more question may be asked now, because of a pod of that namespace that is known, or because of a
    /// stranger.
    pub fn take(&self, namespace: Option<&str>, now: Instant) -> bool {
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Left { of_all, of_namespace } = &mut *all;
        if of_namespace.len() > MOST_NAMESPACES {
            of_namespace.retain(|_, ration| ration.at(now) < OF_ONE.at_once);
        }
        let own = of_namespace.entry(namespace.map(str::to_owned));
        // One's own is spent also if there is nothing left for all: nobody gets more of that by trying more often.
        own.or_insert_with(|| Ration::full(OF_ONE, now)).take(now)
            && of_all.get_or_insert_with(|| Ration::full(OF_ALL, now)).take(now)
    }
}

impl Ration {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, left: rate.at_once, at: now }
    }

    fn at(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * self.rate.per_second).min(self.rate.at_once)
    }

    fn take(&mut self, now: Instant) -> bool {
        let left = self.at(now);
        let is_enough = left >= 1.0;
        (self.left, self.at) = (if is_enough { left - 1.0 } else { left }, now.max(self.at));
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(rations: &Rations, namespace: Option<&str>, now: Instant) -> usize {
        (0..5_000).filter(|_| rations.take(namespace, now)).count()
    }

    #[test]
    fn strangers_share_one_ration_and_each_namespace_has_its_own() {
        let (rations, now) = (Rations::default(), Instant::now());
        assert_eq!(taken(&rations, None, now), 600, "500 runners that nobody has seen yet come at once");
        assert_eq!(taken(&rations, Some("shop"), now), 600, "others are not held up");
        assert_eq!(taken(&rations, None, now + Duration::from_secs(2)), 100);
        assert_eq!(taken(&rations, None, now + Duration::from_secs(3_600)), 600);
    }

    #[test]
    fn many_namespaces_together_ask_no_more_than_there_is_for_all() {
        let (rations, now) = (Rations::default(), Instant::now());
        let flood = |now| -> usize {
            (0..100_u32)
                .map(|number| number.to_string())
                .map(|name| (0..700).filter(|_| rations.take(Some(&name), now)).count())
                .sum()
        };
        assert_eq!(flood(now), 2_400);
        assert_eq!(flood(now + Duration::from_secs(1)), 200);
    }

    #[test]
    fn who_has_asked_little_is_served_also_during_a_flood_of_others() {
        let (rations, begin) = (Rations::default(), Instant::now());
        // Twenty namespaces that try a thousand times per second, and one that tries once.
        let mut got = 0;
        for tick in 0..20_000_u64 {
            let now = begin + Duration::from_millis(tick);
            for number in 0..20 {
                rations.take(Some(&format!("hostile-{number}")), now);
            }
            if tick % 997 == 0 {
                got += usize::from(rations.take(Some("shop"), now));
            }
        }
        assert!(got >= 5, "{got} of 21 tries");
    }

    #[test]
    fn nothing_is_remembered_of_namespaces_that_ask_no_more() {
        let (rations, now) = (Rations::default(), Instant::now());
        for number in 0..5_000_u64 {
            assert!(rations.take(Some(&number.to_string()), now + Duration::from_secs(number)));
        }
        let left = rations.left.lock().unwrap();
        assert!(left.of_namespace.len() <= MOST_NAMESPACES + 1, "{}", left.of_namespace.len());
    }
}
