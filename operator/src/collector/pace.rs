// SPDX-License-Identifier: Apache-2.0
//! How often runners report: once per second, and less often when they have so many series in all that taking them would
//! keep the operator from everything else.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::view::RunKey;

/// Series per second that are taken.
const SERIES_PER_SECOND: usize = 10_000;
/// Shortest and longest time between two messages of a runner, in seconds.
const SECONDS: [usize; 2] = [1, 10];

/// How many series runners report, as of the last message of each.
#[derive(Debug, Default)]
pub struct Pace {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    of_runs: HashMap<RunKey, HashMap<u32, usize>>,
    all: usize,
}

impl Pace {
    /// A run begins.
    pub fn enter(&self, run: &RunKey) {
        self.lock().of_runs.entry(run.clone()).or_default();
    }

    /// A runner has reported so many series. That of a run that is over counts no more, however late it was read.
    pub fn note(&self, run: &RunKey, runner: u32, series: usize) {
        let mut counted = self.lock();
        let Some(of_run) = counted.of_runs.get_mut(run) else { return };
        let before = of_run.insert(runner, series).unwrap_or_default();
        counted.all = counted.all.saturating_sub(before).saturating_add(series);
    }

    /// A run is over.
    pub fn leave(&self, run: &RunKey) {
        let mut counted = self.lock();
        let series: usize = counted.of_runs.remove(run).unwrap_or_default().into_values().sum();
        counted.all = counted.all.saturating_sub(series);
    }

    /// Time from one message of a runner to its next.
    pub fn interval(&self) -> Duration {
        let [shortest, longest] = SECONDS;
        let seconds = self.lock().all.div_ceil(SERIES_PER_SECOND).clamp(shortest, longest);
        Duration::from_secs(seconds as u64)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!((pace.interval(), pace.lock().all), (Duration::from_secs(1), 500));
        pace.leave(&run("a"));
        assert!(pace.lock().of_runs.is_empty());
    }
}
