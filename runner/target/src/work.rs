// SPDX-License-Identifier: Apache-2.0
//! Work that costs something: CPU time and memory.

use std::{hint::black_box, sync::Mutex, thread::available_parallelism, time::Duration};

use tokio::sync::Semaphore;

/// Burns CPU time and keeps memory.
#[derive(Debug)]
pub(super) struct Work {
    /// One permit per CPU: work beyond that waits in line, as in a service with a worker pool.
    cpus: Semaphore,
    kept: Mutex<Vec<Box<[u8]>>>,
}

impl Work {
    pub(super) fn new() -> Self {
        Self {
            cpus: Semaphore::new(available_parallelism().map_or(1, usize::from)),
            kept: Mutex::new(Vec::new()),
        }
    }

    /// Uses that much CPU time of a thread of its own, so that connections are still served.
    pub(super) async fn burn(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        // The semaphore is never closed, and the task can't panic.
        let Ok(_permit) = self.cpus.acquire().await else { return };
        let _ = tokio::task::spawn_blocking(move || burn(time)).await;
    }

    /// Keeps that many bytes for as long as the service lives.
    pub(super) fn keep(&self, bytes: usize) {
        if bytes > 0 {
            // Written to, so that the pages are really there.
            let block = vec![0xa5; bytes].into_boxed_slice();
            self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(block);
        }
    }
}

fn burn(time: Duration) {
    let begin = thread_time();
    let mut value = 1_u64;
    while thread_time().saturating_sub(begin) < time {
        for _ in 0..1_000 {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// CPU time of this thread, so that time in which the kernel runs others does not count as work.
#[cfg(target_os = "linux")]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Elsewhere time on the clock has to do.
#[cfg(not(target_os = "linux"))]
fn thread_time() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn burning_uses_at_least_the_time_asked_for() {
        let begin = Instant::now();
        burn(Duration::from_millis(20));
        assert!(begin.elapsed() >= Duration::from_millis(20));
    }
}
