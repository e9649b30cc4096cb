// SPDX-License-Identifier: Apache-2.0
//! The start barrier: when the load may start, and at which instant.
//!
//! T0 is chosen once all runners are ready (and `before` is done), made durable, and only then given out. An operator
//! that restarts keeps a T0 that some runner has accepted; one that nobody has is chosen anew.

/// Time from the choice of T0 to T0: a runner asks every 100 ms, and the checkpoint must be written first.
pub const LEAD: i64 = 400_000_000;
/// Least time that must be left when T0 is given out, for every runner to ask once more.
pub const LEAST_LEAD: i64 = 200_000_000;
/// Longest lead, however slow the API server is.
const LONGEST_LEAD: i64 = 5_000_000_000;

/// How far the start of the load is. Instants are nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Runners are awaited; an earlier operator may have chosen T0, but nobody is known to have accepted it.
    Gathering,
    /// T0 is chosen and not durable yet.
    Chosen {
        /// T0.
        at: i64,
        /// Time that was given.
        lead: i64,
    },
    /// T0 is durable, and given to who asks.
    Given {
        /// T0.
        at: i64,
    },
}

impl Start {
    /// T0, if it is settled.
    pub fn given(self) -> Option<i64> {
        match self {
            Self::Given { at } => Some(at),
            Self::Gathering | Self::Chosen { .. } => None,
        }
    }

    /// T0 as it goes into the checkpoint.
    pub fn chosen(self) -> Option<i64> {
        match self {
            Self::Gathering => None,
            Self::Chosen { at, .. } | Self::Given { at } => Some(at),
        }
    }

    /// Chooses T0.
    pub fn choose(now: i64) -> Self {
        Self::Chosen { at: now + LEAD, lead: LEAD }
    }

    /// What becomes of it once a checkpoint with that T0 is durable. If writing it took so long that runners
    /// could miss the instant, a later one is chosen, with a longer lead.
    pub fn saved(self, durable: Option<i64>, now: i64) -> Self {
        match self {
            Self::Chosen { at, lead } if durable == Some(at) => {
                if at - now >= LEAST_LEAD {
                    Self::Given { at }
                } else {
                    let lead = (lead * 2).min(LONGEST_LEAD);
                    Self::Chosen { at: now + lead, lead }
                }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_given_only_after_it_is_durable() {
        let start = Start::choose(1_000);
        assert_eq!(start.given(), None);
        assert_eq!(start.saved(None, 2_000), start);
        assert_eq!(start.saved(Some(7), 2_000), start);
        assert_eq!(start.saved(start.chosen(), 2_000), Start::Given { at: 1_000 + LEAD });
    }

    #[test]
    fn a_slow_write_moves_the_instant_and_lengthens_the_lead() {
        let start = Start::choose(0);
        let late = start.saved(start.chosen(), LEAD);
        assert_eq!(late, Start::Chosen { at: 3 * LEAD, lead: 2 * LEAD });
        let mut slow = start;
        for round in 1..20 {
            slow = slow.saved(slow.chosen(), round * 100 * LEAD);
        }
        assert!(matches!(slow, Start::Chosen { lead: LONGEST_LEAD, .. }));
    }
}
