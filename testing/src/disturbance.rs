//! Moments in which the machine did not let anybody work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often a test is begun at most.
pub const ATTEMPTS: u32 = 3;

/// Time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(10);

/// A thread that only looks at the clock: how long it is not let do so tells of the machine, and not of what is tested.
#[derive(Debug)]
pub struct Watch {
    longest: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to look.
    pub fn start() -> Self {
        let (longest, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (noted, ended) = (Arc::clone(&longest), Arc::clone(&over));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let before = Instant::now();
                thread::sleep(LOOK);
                noted.fetch_max(before.elapsed().as_millis() as u64, Ordering::Relaxed);
            }
        });
        Self { longest, over }
    }

    /// The longest time between two looks until now.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
