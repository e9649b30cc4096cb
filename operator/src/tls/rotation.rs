// SPDX-License-Identifier: Apache-2.0
//! When authorities are made, and when they follow each other. Pure.
//!
//! Runners are told the authorities when their Job is made, and never again. So the one that comes next is made, and told,
//! long before it signs anything: [`Authorities`] are always the present one, the next one, and the one before, which a replica
//! may show for a moment after the others don't. An authority lives three periods: it is known for one, signs for one, and
//! has one to spare. Whoever was told of the authorities therefore accepts, for a whole period at least, whatever the
//! collector shows: no rotation needs to know which runs are under way.

use std::time::Duration;

use jiff::Timestamp;

use super::{Unusable, authority::Authority};

/// The authorities at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Certificate of the one before, as PEM.
    pub previous: Option<String>,
    /// The one that signs.
    pub current: Authority,
    /// The one that will.
    pub next: Authority,
}

/// What is found where the authorities are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Something that can't be used.
    Broken(Unusable),
    /// Authorities.
    Some(Authorities),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What is found is as it should be.
    Keep,
    /// What is found is lost or spoilt, but remembered: write it back, so that runs go on.
    Restore,
    /// It is the next one's turn.
    Rotate,
    /// All begins anew: what runners were told before does not help them any more.
    Begin,
}

/// A third of an authority's life.
pub fn period(lifetime: Duration) -> Duration {
    lifetime / 3
}

/// What is to be done about what is found, where something else may be remembered.
pub fn decide(found: &Found, remembered: Option<&Authorities>, now: Timestamp, lifetime: Duration) -> Step {
    let (authorities, is_kept) = match (found, remembered) {
        (Found::Some(authorities), _) => (authorities, true),
        (Found::Nothing | Found::Broken(_), Some(authorities)) => (authorities, false),
        (Found::Nothing | Found::Broken(_), None) => return Step::Begin,
    };
    match authorities.next.is_valid(now) {
        false => Step::Begin,
        true if authorities.is_due(now, lifetime) => Step::Rotate,
        true if is_kept => Step::Keep,
        true => Step::Restore,
    }
}

impl Authorities {
    /// The first ones.
    ///
    /// # Errors
    /// When they can't be made.
    pub fn begin(now: Timestamp, lifetime: Duration) -> Result<Self, Unusable> {
        let (current, next) = (Authority::make(now, lifetime)?, Authority::make(now, lifetime)?);
        Ok(Self { previous: None, current, next })
    }

    /// Those that follow.
    ///
    /// # Errors
    /// When the next one can't be made.
    pub fn rotated(self, now: Timestamp, lifetime: Duration) -> Result<Self, Unusable> {
        let previous = Some(self.current.certificate().to_owned());
        Ok(Self { previous, current: self.next, next: Authority::make(now, lifetime)? })
    }

    /// What runners are told: certificates as PEM.
    pub fn told(&self) -> String {
        let certificates = [Some(self.current.certificate()), Some(self.next.certificate())];
        certificates.into_iter().chain([self.previous.as_deref()]).flatten().collect()
    }

    /// Whether it is the next one's turn: it has been known for a period, or the present one does not count any more. The
    /// period is that of its own life, should the setting have been a shorter one when it was made.
    fn is_due(&self, now: Timestamp, lifetime: Duration) -> bool {
        let own = self.next.expires().duration_since(self.next.made());
        let lifetime = Duration::try_from(own).map_or(lifetime, |own| own.min(lifetime));
        let known = now.duration_since(self.next.made());
        Duration::try_from(known).is_ok_and(|known| known >= period(lifetime)) || !self.current.is_valid(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn begun() -> Authorities {
        Authorities::begin(at(0), LIFETIME).unwrap()
    }

    fn broken() -> Found {
        Found::Broken(Unusable::Missing("next.key".into()))
    }

    #[rstest]
    #[case::fresh(Found::Some(begun()), None, 0, Step::Keep)]
    #[case::not_yet_due(Found::Some(begun()), None, 99, Step::Keep)]
    #[case::due(Found::Some(begun()), None, 100, Step::Rotate)]
    #[case::late(Found::Some(begun()), None, 299, Step::Rotate)]
    #[case::too_late(Found::Some(begun()), None, 300, Step::Begin)]
    #[case::by_a_clock_that_was_wrong(Found::Some(begun()), None, -90_000, Step::Begin)]
    #[case::by_a_clock_that_is_a_bit_slow(Found::Some(begun()), None, -60, Step::Keep)]
    #[case::nothing(Found::Nothing, None, 0, Step::Begin)]
    #[case::nothing_usable(broken(), None, 0, Step::Begin)]
    #[case::taken_away(Found::Nothing, Some(begun()), 50, Step::Restore)]
    #[case::spoilt(broken(), Some(begun()), 50, Step::Restore)]
    #[case::taken_away_and_due(Found::Nothing, Some(begun()), 100, Step::Rotate)]
    #[case::taken_away_for_too_long(broken(), Some(begun()), 300, Step::Begin)]
    #[case::another_one_wrote(Found::Some(begun()), Some(begun()), 50, Step::Keep)]
    fn what_is_done_follows_from_what_is_found_and_when(
        #[case] found: Found,
        #[case] remembered: Option<Authorities>,
        #[case] second: i64,
        #[case] expected: Step,
    ) {
        assert_eq!(decide(&found, remembered.as_ref(), at(second), LIFETIME), expected);
    }

    #[test]
    fn the_next_one_signs_and_the_one_before_is_still_told() {
        let begun = begun();
        let rotated = begun.clone().rotated(at(100), LIFETIME).unwrap();
        assert_eq!(rotated.current, begun.next);
        assert!(rotated.told().contains(begun.current.certificate()));
        let again = rotated.clone().rotated(at(200), LIFETIME).unwrap();
        assert!(!again.told().contains(begun.current.certificate()), "two periods are enough");
        assert_eq!(again.told().matches("BEGIN CERTIFICATE").count(), 3);
    }

    #[test]
    fn another_setting_holds_for_the_authorities_that_follow() {
        let (begun, longer) = (begun(), LIFETIME * 1_000);
        let step = |authorities: &Authorities, second, lifetime| {
            decide(&Found::Some(authorities.clone()), None, at(second), lifetime)
        };
        assert_eq!(step(&begun, 30, LIFETIME / 10), Step::Rotate);
        // The first two don't last as long as the others will.
        assert_eq!(step(&begun, 99, longer), Step::Keep);
        assert_eq!(step(&begun, 100, longer), Step::Rotate);
        let rotated = begun.rotated(at(100), longer).unwrap();
        assert_eq!(step(&rotated, 299, longer), Step::Keep);
        assert_eq!(step(&rotated, 300, longer), Step::Rotate);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Whoever was told of the authorities at some time trusts, for a period, what any replica shows: one that looks
        /// at once, or one that shows what was found at its last look.
        #[test]
        fn who_was_told_trusts_what_is_shown_for_a_period(pauses in prop::collection::vec(1_i64..=100, 1..25)) {
            let period = i64::try_from(period(LIFETIME).as_secs()).unwrap();
            let (mut now, mut kept) = (0, begun());
            let mut shown_before = kept.current.clone();
            let mut told = vec![(now, kept.told())];
            for pause in pauses {
                now += pause;
                match decide(&Found::Some(kept.clone()), None, at(now), LIFETIME) {
                    Step::Keep => {}
                    Step::Rotate => {
                        shown_before = kept.current.clone();
                        kept = kept.rotated(at(now), LIFETIME).unwrap();
                    }
                    step => panic!("{step:?} after {now} s"),
                }
                told.push((now, kept.told()));
                let is_known = |authority: &Authority, told: &str| told.contains(authority.certificate());
                prop_assert!(kept.current.is_valid(at(now)) && kept.next.is_valid(at(now)));
                for (when, told) in told.iter().filter(|(when, _)| now <= when + period) {
                    prop_assert!(is_known(&kept.current, told), "told at {when}, shown at {now}");
                }
                // Who is told just now may meet a replica that has not looked since.
                prop_assert!(is_known(&shown_before, &kept.told()));
            }
        }
    }
}
