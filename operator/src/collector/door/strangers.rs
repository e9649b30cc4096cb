// SPDX-License-Identifier: Apache-2.0
//! Connections over which nobody was let in so far. When there is no place for one more, those that have waited longest
//! are closed: a runner is let in within a moment, and only who has nothing to show waits.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::places::Full;
use crate::collector::line::{Glimpse, Line};

/// Part of an address' strangers that is closed at once: looking for them takes a look at all.
const PART: usize = 8;

/// The strangers, those that came first at the front; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Strangers {
    waiting: Arc<Mutex<VecDeque<(IpAddr, Glimpse)>>>,
}

fn is_waiting((_, line): &(IpAddr, Glimpse)) -> bool {
    line.line().is_some_and(|line| line.is_stranger())
}

impl Strangers {
    /// Somebody has connected.
    pub fn enter(&self, address: IpAddr, line: &Line) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody stays a stranger for long, so what is at the front is soon dropped.
        while waiting.front().is_some_and(|first| !is_waiting(first)) {
            waiting.pop_front();
        }
        waiting.push_back((address, line.glimpse()));
    }

    /// Makes room where there is none: at an address, or where there are most strangers. Gives how many were closed.
    pub fn send_away(&self, full: Full) -> usize {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(is_waiting);
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (address, _) in waiting.iter() {
            *counts.entry(*address).or_default() += 1;
        }
        let crowded = match full {
            Full::Of(address) => counts.get_key_value(&address),
            Full::All => counts.iter().max_by_key(|(_, count)| **count),
        };
        let Some((crowded, count)) = crowded else { return 0 };
        let of_these = waiting.iter().filter(|(address, _)| address == crowded);
        let first: Vec<Line> =
            of_these.take(count.div_ceil(PART)).filter_map(|(_, line)| line.line()).collect();
        first.iter().for_each(Line::end);
        first.len()
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use tokio::time::Instant;

    use super::*;
    use crate::collector::line::Transport;

    fn address(number: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, number).into()
    }

    fn enter(strangers: &Strangers, number: u8) -> Line {
        let line = Line::new(Transport::Plain, Instant::now() + Duration::from_secs(10));
        strangers.enter(address(number), &line);
        line
    }

    #[test]
    fn those_go_first_who_have_waited_longest_where_most_wait() {
        let strangers = Strangers::default();
        let honest = enter(&strangers, 2);
        let crowd: Vec<Line> = (0..20).map(|_| enter(&strangers, 1)).collect();
        let let_in = &crowd[0];
        let_in.let_in();
        assert_eq!(strangers.send_away(Full::All), 3);
        let stays: Vec<bool> = crowd.iter().map(|line| line.until().is_some()).collect();
        assert_eq!(stays[..5], [true, false, false, false, true], "a runner stays");
        assert!(stays[5..].iter().all(|stays| *stays) && honest.until().is_some());
        assert_eq!(strangers.send_away(Full::Of(address(2))), 1);
        assert!(honest.until().is_none());
        assert_eq!(strangers.send_away(Full::Of(address(3))), 0);
    }

    #[test]
    fn nothing_is_remembered_of_those_who_are_gone_or_let_in() {
        let strangers = Strangers::default();
        for number in 0..1_000 {
            let line = enter(&strangers, 1);
            if number % 2 == 0 {
                line.let_in();
            }
        }
        assert!(strangers.waiting.lock().unwrap().len() <= 1);
    }
}
