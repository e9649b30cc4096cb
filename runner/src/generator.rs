//! How the generator itself fares: CPU time, and how often the container was throttled.
//!
//! A runner without enough CPU measures its own delay; these figures let the analysis see that.

use std::{fs, path::PathBuf};

use upsurge_core::protocol::GeneratorDelta;

/// Where the kernel mounts cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Reads the figures of this process and gives their changes.
#[derive(Debug)]
pub struct GeneratorProbe {
    last: GeneratorDelta,
}

impl Default for GeneratorProbe {
    fn default() -> Self {
        Self { last: read() }
    }
}

impl GeneratorProbe {
    /// What has changed since the last call, or since the probe was made.
    pub fn take(&mut self) -> GeneratorDelta {
        let now = read();
        let delta = GeneratorDelta {
            cpu_seconds: (now.cpu_seconds - self.last.cpu_seconds).max(0.0),
            periods: now.periods.saturating_sub(self.last.periods),
            throttled_periods: now.throttled_periods.saturating_sub(self.last.throttled_periods),
        };
        self.last = now;
        delta
    }
}

fn read() -> GeneratorDelta {
    let (periods, throttled_periods) = throttling();
    GeneratorDelta { cpu_seconds: cpu_seconds(), periods, throttled_periods }
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

/// Scheduling periods of the process's cgroup and those in which it was throttled; zeros where there
/// is no CPU limit.
fn throttling() -> (u64, u64) {
    let found = places().into_iter().find_map(|place| parse(&fs::read_to_string(place).ok()?));
    found.unwrap_or_default()
}

/// Where `cpu.stat` may be, for both versions of cgroups, with and without a cgroup namespace.
fn places() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut places = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            places.push(PathBuf::from(CGROUPS).join(path).join("cpu.stat"));
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            places.push(PathBuf::from(CGROUPS).join(controllers).join(path).join("cpu.stat"));
            places.push(PathBuf::from(CGROUPS).join("cpu").join(path).join("cpu.stat"));
        }
    }
    places.push(PathBuf::from(CGROUPS).join("cpu.stat"));
    places.push(PathBuf::from(CGROUPS).join("cpu/cpu.stat"));
    places
}

fn parse(text: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    };
    Some((field("nr_periods")?, field("nr_throttled")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_read_from_both_versions_of_cgroups() {
        let second = "usage_usec 5\nuser_usec 3\nnr_periods 40\nnr_throttled 7\nthrottled_usec 99\n";
        assert_eq!(parse(second), Some((40, 7)));
        assert_eq!(parse("nr_periods 3\nnr_throttled 0\nthrottled_time 0\n"), Some((3, 0)));
        assert_eq!(parse("usage_usec 5\n"), None);
    }

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
