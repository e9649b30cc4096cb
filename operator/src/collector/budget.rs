// SPDX-License-Identifier: Apache-2.0
//! How much of the API server's storage checkpoints use: so many bytes per second over all runs, shared fairly.
//!
//! Each version of a checkpoint stays in etcd until it is compacted, so what counts there is what is written over minutes,
//! however many runs there are. Whoever has waited longest since its last checkpoint is next. Runs lose nothing by
//! waiting: runners keep what no checkpoint holds, merged. The one thing that is not made to wait is a checkpoint on
//! which the start or the end of a run depends; the others pay for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::view::RunKey;

/// Bytes per second over all runs: 96 KiB as etcd has them, in base64. With what could not wait, it stays below 100.
pub const RATE: f64 = 96.0 * 1024.0 * 3.0 / 4.0;
/// What may be written at once after a time in which nothing was.
const BURST: f64 = 4.0 * RATE;
/// What a checkpoint counts at least: each is a request to the API server too.
const LEAST: f64 = RATE / 4.0;
/// However much could not wait, the others wait no longer for it than a minute.
const MOST_OWED: f64 = -60.0 * RATE;
/// Shortest and longest wait until the next look.
const LOOKS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// What has been used, and who waits. No clock: times are those of the caller, from the same beginning.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What may be written now; less than nothing after a large checkpoint.
    left: f64,
    /// As of when.
    at: Duration,
    /// When each run was written last, as far as it was.
    written: BTreeMap<RunKey, Duration>,
    /// Who waits, by when they were written last.
    waiting: BTreeSet<(Option<Duration>, RunKey)>,
    /// Runs that are under way. A last word of one that is over counts no more.
    open: BTreeSet<RunKey>,
}

impl Ledger {
    /// A run begins.
    pub fn enter(&mut self, run: &RunKey) {
        self.open.insert(run.clone());
    }

    /// Whether it is a run's turn; if not, when to ask again.
    pub fn ask(&mut self, run: &RunKey, now: Duration) -> Result<(), Duration> {
        self.refill(now);
        if !self.open.contains(run) {
            return Err(LOOKS[1]);
        }
        self.waiting.insert((self.written.get(run).copied(), run.clone()));
        if self.left > 0.0 && self.waiting.first().is_some_and(|(_, longest)| longest == run) {
            return Ok(());
        }
        let missing = Duration::from_secs_f64((1.0 - self.left).max(0.0) / RATE);
        Err(missing.clamp(LOOKS[0], LOOKS[1]))
    }

    /// A checkpoint of a run is written now, in its turn or because it can't wait.
    pub fn spend(&mut self, run: &RunKey, bytes: usize, now: Duration) {
        self.refill(now);
        self.left = (self.left - (bytes as f64).max(LEAST)).max(MOST_OWED);
        self.withdraw(run);
        if self.open.contains(run) {
            self.written.insert(run.clone(), now);
        }
    }

    /// A run does not wait any more.
    pub fn withdraw(&mut self, run: &RunKey) {
        self.waiting.remove(&(self.written.get(run).copied(), run.clone()));
    }

    /// A run is over.
    pub fn leave(&mut self, run: &RunKey) {
        self.withdraw(run);
        self.written.remove(run);
        self.open.remove(run);
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        self.left = (self.left + passed.as_secs_f64() * RATE).min(BURST);
    }
}

/// The budget of all sessions.
#[derive(Debug)]
pub struct Budget {
    begun: Instant,
    ledger: Mutex<Ledger>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { begun: Instant::now(), ledger: Mutex::new(Ledger { left: BURST, ..Ledger::default() }) }
    }
}

impl Budget {
    /// Waits for a run's turn. Whoever gives up waiting says so by [`Self::withdraw`].
    pub async fn turn(&self, run: &RunKey) {
        loop {
            let asked = self.lock().ask(run, self.begun.elapsed());
            let Err(wait) = asked else { return };
            sleep(wait).await;
        }
    }

    /// A run begins.
    pub fn enter(&self, run: &RunKey) {
        self.lock().enter(run);
    }

    /// A run does not wait for its turn any more.
    pub fn withdraw(&self, run: &RunKey) {
        self.lock().withdraw(run);
    }

    /// A checkpoint of a run is written.
    pub fn spend(&self, run: &RunKey, bytes: usize) {
        self.lock().spend(run, bytes, self.begun.elapsed());
    }

    /// A run is over.
    pub fn leave(&self, run: &RunKey) {
        self.lock().leave(run);
    }

    /// When a checkpoint of a run was last paid for.
    #[cfg(test)]
    pub fn written(&self, run: &RunKey) -> Option<Duration> {
        self.lock().written.get(run).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_millis(200);

    fn key(run: usize) -> RunKey {
        RunKey::new("shop", format!("run-{run:03}"))
    }

    /// One of so many runs, of which nothing was written for a while.
    fn ledger(runs: usize) -> Ledger {
        let mut ledger = Ledger { left: BURST, ..Ledger::default() };
        (0..runs).for_each(|run| ledger.enter(&key(run)));
        ledger
    }

    /// All runs always have something to write; gives when each was written, and how much.
    fn play(sizes: &[usize], length: Duration) -> Vec<(Duration, usize, usize)> {
        let (mut ledger, mut written, mut now) = (Ledger::default(), Vec::new(), Duration::ZERO);
        (0..sizes.len()).for_each(|run| ledger.enter(&key(run)));
        while now < length {
            for (run, size) in sizes.iter().enumerate() {
                if ledger.ask(&key(run), now).is_ok() {
                    ledger.spend(&key(run), *size, now);
                    written.push((now, run, *size));
                }
            }
            now += STEP;
        }
        written
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_rate_is_kept_and_each_run_is_written_every_minute_where_they_fit(
            sizes in prop::collection::vec(1_usize..900 * 1024, 1..30),
        ) {
            let length = Duration::from_secs(300);
            let written = play(&sizes, length);
            // Over any time from one write to another.
            let largest = *sizes.iter().max().unwrap() as f64;
            for (first, (begin, ..)) in written.iter().enumerate() {
                let mut bytes = 0.0;
                for (end, _, size) in &written[first..] {
                    bytes += *size as f64;
                    let time = (*end - *begin + STEP).as_secs_f64();
                    prop_assert!(bytes <= BURST + largest + time * RATE, "{bytes} bytes in {time} s");
                }
            }
            // A round takes as long as what all write.
            let round: f64 = sizes.iter().map(|size| (*size as f64).max(LEAST)).sum::<f64>() / RATE;
            let longest = Duration::from_secs_f64(round * 1.1 + 1.0 + sizes.len() as f64 * STEP.as_secs_f64());
            for run in 0..sizes.len() {
                let times: Vec<Duration> =
                    written.iter().filter(|(_, of, _)| *of == run).map(|(at, ..)| *at).collect();
                let gaps = std::iter::once(Duration::ZERO).chain(times.iter().copied()).zip(times.iter().copied());
                for (one, next) in gaps {
                    prop_assert!(next - one <= longest, "run {run} waited {:?}, a round is {round} s", next - one);
                }
                prop_assert!(longest >= length || !times.is_empty());
            }
        }
    }

    #[test]
    fn as_etcd_has_them_checkpoints_take_less_than_100_kib_per_second() {
        const SIZE: usize = 37 * 1024;
        let (mut ledger, mut bytes, length) = (Ledger::default(), 0, Duration::from_secs(1_200));
        (0..20).for_each(|run| ledger.enter(&key(run)));
        let steps = (0_usize..).map(|step| (step, STEP * step as u32));
        for (step, now) in steps.take_while(|(_, now)| *now < length) {
            for run in 0..20 {
                // Every two seconds there is one that can't wait.
                let is_urgent = step.is_multiple_of(10) && step / 10 % 20 == run;
                if is_urgent || ledger.ask(&key(run), now).is_ok() {
                    ledger.spend(&key(run), SIZE, now);
                    bytes += SIZE;
                }
            }
        }
        let rate = bytes as f64 * 4.0 / 3.0 / 1024.0 / length.as_secs_f64();
        assert!((90.0..100.0).contains(&rate), "{rate} KiB/s in base64");
    }

    #[test]
    fn a_large_run_does_not_keep_small_ones_from_their_turn() {
        let mut sizes = vec![20 * 1024; 19];
        sizes.push(900 * 1024);
        let written = play(&sizes, Duration::from_secs(120));
        let count = |of: usize| written.iter().filter(|(_, run, _)| *run == of).count();
        assert!(count(0) >= 6 && count(0).abs_diff(count(19)) <= 1, "{} against {}", count(0), count(19));
    }

    #[test]
    fn what_can_t_wait_is_paid_for_by_all() {
        let mut ledger = ledger(2);
        ledger.spend(&key(0), BURST as usize + 2 * RATE as usize, Duration::ZERO);
        assert_eq!(ledger.ask(&key(1), Duration::ZERO), Err(LOOKS[1]));
        assert_eq!(ledger.ask(&key(1), Duration::from_millis(1_999)), Err(LOOKS[0]));
        assert_eq!(ledger.ask(&key(1), Duration::from_millis(2_100)), Ok(()));
        (0..1_000).for_each(|_| ledger.spend(&key(0), 900 * 1024, Duration::from_millis(2_200)));
        assert_eq!(
            ledger.ask(&key(1), Duration::from_secs(63)),
            Ok(()),
            "nobody waits for longer than a minute"
        );
    }

    #[test]
    fn a_run_that_is_over_holds_up_nobody() {
        let mut ledger = ledger(2);
        let now = Duration::from_secs(1);
        assert_eq!(ledger.ask(&key(0), now), Ok(()));
        assert!(ledger.ask(&key(1), now).is_err(), "the other one is first");
        ledger.leave(&key(0));
        assert_eq!(ledger.ask(&key(1), now), Ok(()));
        ledger.leave(&key(1));
        // A last word, said by whoever does not know it yet.
        assert!(ledger.ask(&key(0), now).is_err());
        ledger.spend(&key(0), 1, now);
        assert!(ledger.waiting.is_empty() && ledger.written.is_empty());
    }

    #[tokio::test]
    async fn many_who_wait_all_get_their_turn_and_the_rate_is_kept() {
        let budget = std::sync::Arc::new(Budget::default());
        (0..10).for_each(|run| budget.enter(&key(run)));
        let begun = Instant::now();
        let tasks: Vec<_> = (0..10)
            .map(|run| {
                let budget = budget.clone();
                tokio::spawn(async move {
                    budget.turn(&key(run)).await;
                    budget.spend(&key(run), 60 * 1024);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let took = begun.elapsed().as_secs_f64();
        assert!((1.3..20.0).contains(&took), "{took} s for 300 KiB more than may be written at once");
    }
}
