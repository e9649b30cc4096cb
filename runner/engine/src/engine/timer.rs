// SPDX-License-Identifier: Apache-2.0
//! Waiting to the microsecond: one kernel timer per core that wakes the event loop.
//!
//! The runtime's own timers tick once per millisecond and fire late by one on average; a generator
//! that paces with those measures its own clock. Waiters stand in a heap, the kernel timer is set to
//! the earliest. On systems without timerfd the runtime's timer is used.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::BinaryHeap,
    future::poll_fn,
    io,
    task::{Poll, Waker},
    time::Instant,
};

/// The timer of one core.
#[derive(Debug)]
pub(crate) struct Timer {
    waiting: RefCell<BinaryHeap<Reverse<Waiter>>>,
    rings: Cell<u64>,
    /// Whether those whose time has come are being asked what they wait for next.
    turning: Cell<bool>,
    alarm: alarm::Alarm,
}

#[derive(Debug)]
struct Waiter {
    until: Instant,
    waker: Waker,
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.until.cmp(&other.until)
    }
}

impl Timer {
    /// A timer of the current runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: RefCell::default(),
            rings: Cell::new(0),
            turning: Cell::new(false),
            alarm: alarm::Alarm::new()?,
        })
    }

    /// Waits until an instant; not at all if it has passed.
    pub(crate) async fn wait_until(&self, until: Instant) {
        let mut registered: Option<Waker> = None;
        poll_fn(|context| {
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            // Polled again for another reason: the place in the heap stays good unless the task moved.
            if registered.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
                registered = Some(context.waker().clone());
                self.register(until, context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// How often it has rung: as long as that stays the same, nobody's time has come.
    pub(crate) fn rings(&self) -> u64 {
        self.rings.get()
    }

    fn register(&self, until: Instant, waker: Waker) {
        let mut waiting = self.waiting.borrow_mut();
        let earliest = waiting.peek().is_none_or(|Reverse(first)| until < first.until);
        waiting.push(Reverse(Waiter { until, waker }));
        if earliest && !self.turning.get() {
            self.alarm.set(until);
        }
    }

    /// Wakes waiters when their time has come; runs as long as the core does.
    pub(crate) async fn run(&self) -> io::Result<()> {
        loop {
            self.alarm.ring().await?;
            self.rings.set(self.rings.get() + 1);
            self.wake_due();
            // Whoever was woken mostly waits for the next instant at once. Setting the alarm after that is one system call
            // per ring instead of two: they are in the queue of the event loop before this task is.
            self.turning.set(true);
            let mut asked = false;
            poll_fn(|context| {
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            self.turning.set(false);
            if let Some(Reverse(first)) = self.waiting.borrow().peek() {
                self.alarm.set(first.until);
            }
        }
    }

    fn wake_due(&self) {
        let now = Instant::now();
        let mut waiting = self.waiting.borrow_mut();
        while waiting.peek().is_some_and(|Reverse(first)| first.until <= now) {
            if let Some(Reverse(due)) = waiting.pop() {
                due.waker.wake();
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod alarm {
    use std::{io, os::fd::OwnedFd, time::Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    /// A kernel timer.
    #[derive(Debug)]
    pub(super) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        #[expect(
            deprecated,
            reason = "its successor must be called as unsafe; an `OwnedFd` keeps what that asks for: it stays the same open file"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            AsyncFd::with_interest(timer, Interest::READABLE).map(Self)
        }

        /// Rings once at that instant, instead of what was set before.
        pub(super) fn set(&self, at: Instant) {
            // Zero would turn the timer off.
            let wait = at.saturating_duration_since(Instant::now()).max(std::time::Duration::from_nanos(1));
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos().into() };
            let setting = Itimerspec { it_interval: zero, it_value: once };
            if let Err(error) = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &setting) {
                tracing::error!(%error, "can't set the pacing timer");
            }
        }

        pub(super) async fn ring(&self) -> io::Result<()> {
            // How often it has rung is not read: it rings anew each time it is set, and reading would be one more
            // system call per ring, and another to find that there is nothing more.
            self.0.readable().await?.clear_ready();
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod alarm {
    use std::{cell::Cell, io, time::Instant};

    use tokio::sync::Notify;

    /// The runtime's timer.
    #[derive(Debug, Default)]
    pub(super) struct Alarm {
        at: Cell<Option<Instant>>,
        changed: Notify,
    }

    impl Alarm {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self::default())
        }

        pub(super) fn set(&self, at: Instant) {
            self.at.set(Some(at));
            self.changed.notify_one();
        }

        pub(super) async fn ring(&self) -> io::Result<()> {
            loop {
                let Some(at) = self.at.get() else {
                    self.changed.notified().await;
                    continue;
                };
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {
                        self.at.set(None);
                        return Ok(());
                    }
                    () = self.changed.notified() => {}
                }
            }
        }
    }
}
