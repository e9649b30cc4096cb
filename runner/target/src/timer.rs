// SPDX-License-Identifier: Apache-2.0
//! Waiting to a tenth of a millisecond.
//!
//! Tokio's timer wheel has slots of a millisecond and is late by half of one on average, which would
//! shift every scripted percentile. This timer is one thread that sleeps in the kernel until the next
//! deadline, and wakes the task that waits for it. Both wake-ups take their time (0.1 to 0.4 ms on an idle
//! virtual machine), so it wakes by as much ahead as it sees them take, and the task spins for what is left.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

/// Longest time that a task is woken ahead, and so that it spins.
const LONGEST_LEAD: u64 = 400_000;
/// How far one wake-up moves the lead, in nanoseconds: small against the lead, so that it settles.
const LEAD_STEP: u64 = 4_000;

/// A handle to the timer; the thread ends when the last one is gone.
#[derive(Debug)]
pub(super) struct Timer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Time by which tasks are woken ahead, in nanoseconds: the median of what waking takes.
    lead: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    numbered: u64,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    deadline: Instant,
    number: u64,
    waker: Waker,
}

impl Timer {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        thread::Builder::new().name("timer".into()).spawn(move || ours.run())?;
        Ok(Self(shared))
    }

    /// Waits until an instant; never wakes before it.
    pub(super) fn until(&self, deadline: Instant) -> Until<'_> {
        Until { timer: self, deadline, called: None, waker: None }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn lead(&self) -> Duration {
        Duration::from_nanos(self.lead.load(Ordering::Relaxed))
    }

    /// Learns from a wake-up that was late or early. Races lose a step, which does not matter.
    fn learn(&self, late: bool) {
        let lead = self.lead.load(Ordering::Relaxed);
        let lead = if late { (lead + LEAD_STEP).min(LONGEST_LEAD) } else { lead.saturating_sub(LEAD_STEP) };
        self.lead.store(lead, Ordering::Relaxed);
    }

    fn add(&self, deadline: Instant, waker: Waker) {
        let mut queue = self.lock();
        let first = queue.entries.peek().is_none_or(|Reverse(next)| deadline < next.deadline);
        queue.numbered += 1;
        let number = queue.numbered;
        queue.entries.push(Reverse(Entry { deadline, number, waker }));
        drop(queue);
        if first {
            self.changed.notify_one();
        }
    }

    fn run(&self) {
        let mut due = Vec::new();
        let mut queue = self.lock();
        while !queue.closed {
            let now = Instant::now();
            while queue.entries.peek().is_some_and(|Reverse(next)| next.deadline <= now) {
                due.extend(queue.entries.pop().map(|Reverse(entry)| entry.waker));
            }
            if !due.is_empty() {
                // Woken without the lock: a task that runs at once may want to wait again.
                drop(queue);
                due.drain(..).for_each(Waker::wake);
                queue = self.lock();
                continue;
            }
            let next = queue.entries.peek().map(|Reverse(next)| next.deadline.saturating_duration_since(now));
            queue = match next {
                Some(wait) => match self.changed.wait_timeout(queue, wait) {
                    Ok((queue, _)) => queue,
                    Err(poisoned) => poisoned.into_inner().0,
                },
                None => self.changed.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
    }
}

/// Future of [`Timer::until`].
#[derive(Debug)]
pub(super) struct Until<'a> {
    timer: &'a Timer,
    deadline: Instant,
    /// When the timer is to call, ahead of the deadline.
    called: Option<Instant>,
    waker: Option<Waker>,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let called = self.called.is_some_and(|at| now >= at);
        if called {
            self.timer.0.learn(now > self.deadline);
        }
        if called || now >= self.deadline {
            while Instant::now() < self.deadline {
                std::hint::spin_loop();
            }
            return Poll::Ready(());
        }
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            let at = self.deadline.checked_sub(self.timer.0.lead()).unwrap_or(self.deadline);
            self.called = Some(at);
            self.waker = Some(context.waker().clone());
            self.timer.0.add(at, context.waker().clone());
        }
        Poll::Pending
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.deadline, self.number).cmp(&(other.deadline, other.number))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_wait_ends_early_and_waits_end_in_order() {
        let timer = Timer::start().unwrap();
        let start = Instant::now();
        let wait = |milliseconds| {
            let deadline = start + Duration::from_millis(milliseconds);
            let until = timer.until(deadline);
            async move {
                until.await;
                assert!(Instant::now() >= deadline);
                Instant::now()
            }
        };
        let (last, first, middle) = tokio::join!(wait(30), wait(5), wait(20));
        assert!(first < middle && middle < last);
    }
}
