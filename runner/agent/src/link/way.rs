// SPDX-License-Identifier: Apache-2.0
//! Which collector is asked next, and how long it is waited for: the one that the Service chooses, or the leader by its own
//! address.
//!
//! A replica that stands by names the leader. That word is believed for a while and for a few steps, and any failure puts an
//! end to it: the Service is always the way back, whatever was said. No I/O and no clock in here.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How long a leader is asked directly before the Service is asked again.
const BELIEVED_FOR: Duration = Duration::from_secs(60);
/// Leaders that may name one another without any of them leading.
const MOST_STEPS: u32 = 2;

/// Time for the first connection. Short: of a node that was lost the Service knows only later.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// Longest time for one. Hundreds of runners come back at once to an operator that was started anew, and whoever gives up
/// in the middle of a handshake has cost the operator that work and begins again at the end of the line.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3);

/// Whom a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collector {
    /// Whoever is behind the Service.
    OfService,
    /// The operator that was named as leader.
    At(SocketAddr),
}

/// The way to the leader.
#[derive(Debug, Default)]
pub(super) struct Way {
    leader: Option<(SocketAddr, Instant)>,
    /// Leaders named since an answer came.
    steps: u32,
    /// Failures since an answer came.
    failures: u32,
}

impl Way {
    /// Whom to ask now.
    pub(super) fn next(&mut self, now: Instant) -> Collector {
        self.leader = self.leader.filter(|(_, since)| now.saturating_duration_since(*since) < BELIEVED_FOR);
        self.leader.map_or(Collector::OfService, |(address, _)| Collector::At(address))
    }

    /// How long the next connection may take.
    pub(super) fn patience(&self) -> Duration {
        FIRST_PATIENCE.saturating_mul(self.failures.saturating_add(1)).min(LONGEST_PATIENCE)
    }

    /// Who was asked has answered.
    pub(super) fn answered(&mut self) {
        self.steps = 0;
        self.failures = 0;
    }

    /// Who was asked gave no answer, or could not be reached.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.forget();
    }

    /// The Service is asked next.
    fn forget(&mut self) {
        self.leader = None;
        self.steps = 0;
    }

    /// Who was asked does not lead, and says where the leader is. True if that is worth a try.
    pub(super) fn led(&mut self, asked: Collector, leader: Option<SocketAddr>, now: Instant) -> bool {
        let leader = leader.filter(|leader| self.steps < MOST_STEPS && asked != Collector::At(*leader));
        match leader {
            Some(leader) => {
                self.steps += 1;
                self.leader = Some((leader, now));
            }
            None => self.forget(),
        }
        leader.is_some()
    }
}

/// The address in a header, if it is one that can be dialled.
pub(super) fn address(header: &str) -> Option<SocketAddr> {
    let address: SocketAddr = header.trim().parse().ok()?;
    let ip = address.ip();
    (address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_leader_is_asked_directly_for_a_while_and_then_the_service_again() {
        let (mut way, now) = (Way::default(), Instant::now());
        assert_eq!(way.next(now), Collector::OfService);
        assert!(way.led(Collector::OfService, Some(at("10.0.0.7:8080")), now));
        assert_eq!(way.next(now), Collector::At(at("10.0.0.7:8080")));
        way.answered();
        assert_eq!(way.next(now + BELIEVED_FOR / 2), Collector::At(at("10.0.0.7:8080")));
        assert_eq!(way.next(now + BELIEVED_FOR), Collector::OfService);
        assert_eq!(way.next(now), Collector::OfService, "once left, it is not come back to");
    }

    #[test]
    fn failures_and_those_who_know_nothing_lead_back_to_the_service() {
        let (mut way, now) = (Way::default(), Instant::now());
        way.led(Collector::OfService, Some(at("10.0.0.7:8080")), now);
        way.failed();
        assert_eq!(way.next(now), Collector::OfService);
        way.led(Collector::OfService, Some(at("10.0.0.7:8080")), now);
        assert!(!way.led(Collector::At(at("10.0.0.7:8080")), None, now));
        assert_eq!(way.next(now), Collector::OfService);
    }

    #[test]
    fn each_failure_gives_the_next_connection_more_time_until_an_answer_comes() {
        let mut way = Way::default();
        let seconds = |way: &Way| way.patience().as_secs();
        assert_eq!(seconds(&way), 1);
        let with_failures = [(); 4].map(|()| {
            way.failed();
            seconds(&way)
        });
        assert_eq!(with_failures, [2, 3, 3, 3]);
        way.led(Collector::OfService, None, Instant::now());
        assert_eq!(seconds(&way), 3, "a standby's answer is none");
        way.answered();
        assert_eq!(seconds(&way), 1);
    }

    #[test]
    fn nobody_is_followed_in_a_circle() {
        let (mut way, now) = (Way::default(), Instant::now());
        let (one, other) = (at("10.0.0.1:80"), at("10.0.0.2:80"));
        way.led(Collector::OfService, Some(one), now);
        assert!(!way.led(Collector::At(one), Some(one), now), "it names itself");
        assert_eq!(way.next(now), Collector::OfService);
        // Two that name each other.
        assert!(way.led(Collector::OfService, Some(one), now));
        assert!(way.led(Collector::At(one), Some(other), now));
        assert!(!way.led(Collector::At(other), Some(one), now));
        assert_eq!(way.next(now), Collector::OfService);
    }

    #[test]
    fn only_what_can_be_dialled_is_an_address() {
        assert_eq!(address(" 10.0.0.7:8080"), Some(at("10.0.0.7:8080")));
        assert_eq!(address("[fd00::7]:8080"), Some(at("[fd00::7]:8080")));
        for garbage in [
            "",
            "leader",
            "10.0.0.7",
            "10.0.0.7:0",
            "0.0.0.0:80",
            "[::]:80",
            "224.0.0.1:80",
            "http://a:1",
            "fd00::7",
        ] {
            assert_eq!(address(garbage), None, "{garbage:?}");
        }
    }
}
