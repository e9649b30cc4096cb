// SPDX-License-Identifier: Apache-2.0
//! Moments in which the machine did not let anybody work.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(10);

/// A thread that only looks at the clock: how long it is not let do so tells of the machine, and not of what is tested.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
}

/// What the thread saw.
#[derive(Debug)]
struct Seen {
    last: Instant,
    longest: Duration,
}

impl Watch {
    /// Begins to look.
    pub fn start() -> Self {
        let seen = Arc::new(Mutex::new(Seen { last: Instant::now(), longest: Duration::ZERO }));
        let over = Arc::<AtomicBool>::default();
        let (noted, ended) = (Arc::clone(&seen), Arc::clone(&over));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
                let mut seen = noted.lock().unwrap();
                let now = Instant::now();
                (seen.longest, seen.last) = (seen.longest.max(now - seen.last), now);
            }
        });
        Self { seen, over }
    }

    /// The longest time between two looks until now; also when whoever asks is awake before the thread is.
    pub fn longest(&self) -> Duration {
        let seen = self.seen.lock().unwrap();
        seen.longest.max(seen.last.elapsed())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
