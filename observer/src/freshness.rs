// SPDX-License-Identifier: Apache-2.0
//! Whether a metrics API that answers still measures: it goes on telling what it measured last when it can't any more.

use jiff::{SignedDuration, Timestamp};

/// Longest time without a new measurement. A pod that was just started is told of after a minute at the latest.
const LONGEST: SignedDuration = SignedDuration::from_secs(90);

/// The newest measurement, and when it was first told.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    newest: Option<Timestamp>,
    since: Option<Timestamp>,
    is_stale: bool,
}

impl Freshness {
    /// Takes the newest measurement of a look, and says why what is measured can't be seen, if so.
    pub fn look(&mut self, newest: Option<Timestamp>, now: Timestamp) -> Result<(), String> {
        if newest > self.newest || self.since.is_none() {
            self.newest = newest;
            self.since = Some(now);
        }
        self.is_stale = now.duration_since(self.since.unwrap_or(now)) > LONGEST;
        if !self.is_stale {
            return Ok(());
        }
        Err(format!(
            "the metrics API (metrics.k8s.io) answers, but has measured nothing new for {} s and more: see to metrics-server",
            LONGEST.as_secs()
        ))
    }

    /// Since when nothing new has been measured, if that is too long ago.
    pub fn stale_since(&self) -> Option<Timestamp> {
        self.since.filter(|_| self.is_stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    #[test]
    fn what_is_told_again_and_again_is_no_measurement() {
        let mut freshness = Freshness::default();
        assert!(freshness.look(None, at(0)).is_ok(), "pods may be too young");
        assert!(freshness.look(Some(at(20)), at(60)).is_ok());
        assert!(freshness.look(Some(at(20)), at(150)).is_ok());
        assert_eq!(freshness.stale_since(), None);
        assert!(freshness.look(Some(at(20)), at(151)).unwrap_err().contains("90 s and more"));
        assert_eq!(
            freshness.stale_since(),
            Some(at(60)),
            "the time in which that was not known yet counts, too"
        );
        assert!(freshness.look(Some(at(145)), at(160)).is_ok(), "it measures again");
        assert_eq!(freshness.stale_since(), None);
    }

    #[test]
    fn without_any_measurement_there_is_nothing_to_see_after_a_while() {
        let mut freshness = Freshness::default();
        assert!(freshness.look(None, at(0)).is_ok());
        assert!(freshness.look(None, at(91)).is_err());
    }
}
