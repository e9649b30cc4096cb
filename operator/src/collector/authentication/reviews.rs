// SPDX-License-Identifier: Apache-2.0
//! Reviews that are remembered. No I/O; time is given.
//!
//! Good and refused tokens have a place each: however many are refused, the good ones stay known. A token itself is
//! never kept, only its digest.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Denied, Identity};

/// A token's digest.
pub type Key = [u8; 32];

/// Longest time for which a good review counts, if the token lasts longer.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long a refusal counts.
const REFUSED: Duration = Duration::from_secs(30);
/// Most good reviews that are remembered: as many as there may be runners.
const MOST_GOOD: usize = 8_192;
/// Most refusals that are remembered.
const MOST_REFUSED: usize = 2_048;

/// What is known of tokens.
#[derive(Debug, Default)]
pub struct Reviews {
    good: HashMap<Key, (Instant, Identity)>,
    refused: HashMap<Key, (Instant, Denied)>,
}

impl Reviews {
    /// What is known of a token.
    pub fn get(&self, key: &Key, now: Instant) -> Option<Result<Identity, Denied>> {
        if let Some((_, identity)) = self.good.get(key).filter(|(until, _)| now < *until) {
            return Some(Ok(identity.clone()));
        }
        let refused = self.refused.get(key).filter(|(until, _)| now < *until);
        refused.map(|(_, denied)| Err(denied.clone()))
    }

    /// Remembers a review of a token that expires after `left`. That one could not be had is not remembered.
    pub fn keep(&mut self, key: Key, reviewed: &Result<Identity, Denied>, left: Duration, now: Instant) {
        match reviewed {
            Ok(identity) => {
                make_room(&mut self.good, MOST_GOOD, now);
                self.good.insert(key, (now + left.min(LONGEST), identity.clone()));
            }
            Err(Denied::Unavailable(_)) => {}
            Err(denied) => {
                make_room(&mut self.refused, MOST_REFUSED, now);
                self.refused.insert(key, (now + REFUSED, denied.clone()));
            }
        }
    }

    /// A pod is gone: its tokens count no more.
    pub fn forget_pod(&mut self, uid: &str) {
        self.good.retain(|_, (_, identity)| identity.pod.uid != uid);
    }
}

/// Drops what counts no more, and if that is not enough what counts for the shortest time.
fn make_room<V>(known: &mut HashMap<Key, (Instant, V)>, most: usize, now: Instant) {
    if known.len() < most {
        return;
    }
    known.retain(|_, (until, _)| now < *until);
    // An eighth at once: looking for the one that goes first takes a look at all of them.
    while known.len() > most - most / 8 {
        let mut ends: Vec<Instant> = known.values().map(|(until, _)| *until).collect();
        let (_, last, _) = ends.select_nth_unstable(known.len() - (most - most / 8) - 1);
        let last = *last;
        let before = known.len();
        known.retain(|_, (until, _)| *until > last);
        if known.len() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::session::Pod;

    fn identity(uid: &str) -> Identity {
        Identity { namespace: "shop".into(), pod: Pod { name: "run-0".into(), uid: uid.into() } }
    }

    fn key(number: usize) -> Key {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_flood_of_garbage_pushes_out_no_good_token_and_takes_bounded_memory() {
        let (mut reviews, now) = (Reviews::default(), Instant::now());
        reviews.keep(key(0), &Ok(identity("a")), HOUR, now);
        for number in 1..50_000 {
            let refused = Err(Denied::Unauthenticated("no".into()));
            reviews.keep(key(number), &refused, HOUR, now + Duration::from_millis(number as u64 / 10));
            assert!(reviews.refused.len() <= MOST_REFUSED);
        }
        assert_eq!(reviews.get(&key(0), now), Some(Ok(identity("a"))));
        assert!(reviews.get(&key(49_999), now).is_some_and(|known| known.is_err()));
        for number in 1..20_000 {
            reviews.keep(key(number), &Ok(identity("b")), HOUR, now);
            assert!(reviews.good.len() <= MOST_GOOD);
        }
    }

    #[test]
    fn a_review_counts_until_the_token_expires_or_the_pod_is_gone() {
        let (mut reviews, now) = (Reviews::default(), Instant::now());
        reviews.keep(key(1), &Ok(identity("a")), Duration::from_secs(60), now);
        reviews.keep(key(2), &Ok(identity("b")), HOUR, now);
        assert!(reviews.get(&key(1), now + Duration::from_secs(59)).is_some());
        assert_eq!(reviews.get(&key(1), now + Duration::from_secs(60)), None);
        assert!(reviews.get(&key(2), now + LONGEST / 2).is_some());
        assert_eq!(reviews.get(&key(2), now + LONGEST), None, "not for ever");
        reviews.forget_pod("b");
        assert_eq!(reviews.get(&key(2), now), None);
        reviews.keep(key(3), &Err(Denied::Unavailable("later".into())), HOUR, now);
        assert_eq!(reviews.get(&key(3), now), None, "it may be had a moment later");
    }
}
