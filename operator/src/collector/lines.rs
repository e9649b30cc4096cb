// SPDX-License-Identifier: Apache-2.0
//! The connections of a run's runners: so many for each, so that one tenant's runners don't keep all places of the door.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use super::line::{Glimpse, Line};

/// Most connections of a runner: it has one, and for a moment two; those of a pod that came before it may linger.
const MOST: usize = 4;

/// Connections by the index of their runner, those that came first at the front.
#[derive(Debug, Default)]
pub struct Lines {
    of_runner: Mutex<HashMap<u32, VecDeque<Glimpse>>>,
}

impl Lines {
    /// A runner was let in over a connection. If it has too many, those that came first are ended.
    pub fn note(&self, runner: u32, line: &Line) {
        let mut all = self.of_runner.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(runner).or_default();
        own.retain(|known| known.line().is_some());
        if own.iter().any(|known| known.line().is_some_and(|known| known.is(line))) {
            return;
        }
        own.push_back(line.glimpse());
        while own.len() > MOST {
            if let Some(first) = own.pop_front().and_then(|first| first.line()) {
                first.end();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{super::line::Transport, *};

    fn line() -> Line {
        Line::new(Transport::Tls, Instant::now() + Duration::from_secs(10))
    }

    #[test]
    fn a_runner_that_connects_too_often_loses_its_first_connections_and_others_none() {
        let lines = Lines::default();
        let (other, many): (Line, Vec<Line>) = (line(), (0..MOST + 2).map(|_| line()).collect());
        lines.note(1, &other);
        for line in &many {
            lines.note(0, line);
            lines.note(0, line);
        }
        let stays: Vec<bool> = many.iter().map(|line| line.until().is_some()).collect();
        assert_eq!(stays, [false, false, true, true, true, true]);
        assert!(other.until().is_some());
        drop(many);
        let again: Vec<Line> = (0..MOST).map(|_| line()).collect();
        again.iter().for_each(|line| lines.note(0, line));
        assert!(again.iter().all(|line| line.until().is_some()), "those that are closed don't count");
    }
}
