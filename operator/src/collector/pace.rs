// SPDX-License-Identifier: Apache-2.0
//! How often runners report: once per second, and less often when they have so many series in all that taking them would
//! keep the operator from everything else.

use std::time::Duration;

use super::{tally::Tally, view::RunKey};

/// Series per second that are taken.
const SERIES_PER_SECOND: usize = 10_000;
/// Shortest and longest time between two messages of a runner, in seconds.
const SECONDS: [usize; 2] = [1, 10];

/// How many series runners report, as of the last message of each.
#[derive(Debug, Default)]
pub struct Pace(Tally);

impl Pace {
    /// A run begins.
    pub fn enter(&self, run: &RunKey) {
        self.0.enter(run);
    }

    /// A runner has reported so many series.
    pub fn note(&self, run: &RunKey, runner: u32, series: usize) {
        self.0.note(run, runner, series);
    }

    /// A run is over.
    pub fn leave(&self, run: &RunKey) {
        self.0.leave(run);
    }

    /// Time from one message of a runner to its next.
    pub fn interval(&self) -> Duration {
        let ([shortest, longest], (_, series)) = (SECONDS, self.0.sum());
        let seconds = series.div_ceil(SERIES_PER_SECOND).clamp(shortest, longest);
        Duration::from_secs(seconds as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_report_once_per_second_up_to_ten_thousand_series_and_never_less_than_every_ten() {
        let pace = Pace::default();
        let run = |name: &str| RunKey::new("shop", name);
        assert_eq!(pace.interval(), Duration::from_secs(1));
        ["a", "b"].iter().for_each(|name| pace.enter(&run(name)));
        (0..50).for_each(|runner| pace.note(&run("a"), runner, 200));
        assert_eq!(pace.interval(), Duration::from_secs(1));
        pace.note(&run("b"), 0, 1);
        assert_eq!(pace.interval(), Duration::from_secs(2));
        (0..500).for_each(|runner| pace.note(&run("b"), runner, 200));
        assert_eq!(pace.interval(), Duration::from_secs(10));
        pace.leave(&run("b"));
        pace.note(&run("b"), 0, 100_000);
        (0..50).for_each(|runner| pace.note(&run("a"), runner, 10));
        assert_eq!((pace.interval(), pace.0.sum()), (Duration::from_secs(1), (1, 500)));
        pace.leave(&run("a"));
        assert_eq!(pace.0.sum(), (0, 0));
    }
}
