// SPDX-License-Identifier: Apache-2.0
//! How the generator itself fares: CPU time, throttling, and what is left of file descriptors and ports.
//!
//! A runner without enough of them measures its own trouble; these figures let the analysis see that.

mod cgroup;
mod limits;
mod threads;

use upsurge_core::protocol::GeneratorDelta;

pub use self::limits::{is_exhausted, raise_file_limit};
use self::threads::Threads;

/// Reads the figures of this process and gives their changes.
#[derive(Debug)]
pub struct GeneratorProbe {
    last: GeneratorDelta,
    threads: Threads,
}

impl Default for GeneratorProbe {
    fn default() -> Self {
        Self { last: read(), threads: Threads::default() }
    }
}

impl GeneratorProbe {
    /// What has changed since the last call, or since the probe was made. To be called about once per second.
    pub fn take(&mut self) -> GeneratorDelta {
        let mut now = read();
        if now.periods < self.last.periods {
            // Could not be read: without file descriptors nothing can.
            (now.periods, now.throttled_periods) = (self.last.periods, self.last.throttled_periods);
        }
        let load = self.threads.look(cgroup::limit());
        let delta = GeneratorDelta {
            cpu_seconds: (now.cpu_seconds - self.last.cpu_seconds).max(0.0),
            periods: now.periods.saturating_sub(self.last.periods),
            throttled_periods: now.throttled_periods.saturating_sub(self.last.throttled_periods),
            watched_seconds: load.watched,
            saturated_seconds: load.saturated,
            busiest_core: load.busiest,
            files_left: limits::files_left(),
            ports_left: limits::ports_left(),
        };
        self.last = now;
        delta
    }
}

fn read() -> GeneratorDelta {
    let (periods, throttled_periods) = cgroup::throttling();
    GeneratorDelta { cpu_seconds: cpu_seconds(), periods, throttled_periods, ..GeneratorDelta::default() }
}

#[cfg(target_os = "linux")]
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(target_os = "linux"))]
fn cpu_seconds() -> f64 {
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_cpu_time() {
        let mut probe = GeneratorProbe::default();
        let begun = std::time::Instant::now();
        let mut spent = 0.0;
        let mut sum = 0_u64;
        while spent < 0.01 && begun.elapsed().as_secs() < 30 {
            sum = std::hint::black_box((0..100_000_u64).fold(sum, u64::wrapping_add));
            spent += probe.take().cpu_seconds;
        }
        assert!(spent >= 0.01, "only {spent} s of CPU time were seen");
    }
}
