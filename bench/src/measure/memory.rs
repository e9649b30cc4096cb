// SPDX-License-Identifier: Apache-2.0
//! Memory and CPU time of a process that is under way.

use anyhow::{Context as _, Result};

/// What the kernel counts CPU time in, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory in bytes.
///
/// # Errors
/// When the process is gone.
pub fn resident(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .with_context(|| format!("process {process} is gone"))?;
    kibibytes(&status, "VmRSS:").map(|value| value * 1024.0).context("no VmRSS: the process has ended")
}

/// The most that resident memory ever was, in bytes.
///
/// # Errors
/// When the process is gone.
pub fn peak(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .with_context(|| format!("process {process} is gone"))?;
    kibibytes(&status, "VmHWM:").map(|value| value * 1024.0).context("no VmHWM: the process has ended")
}

/// CPU time so far, of the process itself.
///
/// # Errors
/// When the process is gone.
pub fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .with_context(|| format!("process {process} is gone"))?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND).context("no times in its stat")
}

fn kibibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn ticks(stat: &str) -> Option<f64> {
    // The name, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_understood() {
        let status = "Name:\tupsurge\nVmPeak:\t  900 kB\nVmRSS:\t   12345 kB\nThreads:\t1\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(12_345.0));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 17 4 0 0 20 0 1 0 100 1000 10";
        assert_eq!(ticks(stat), Some(21.0));
    }

    #[test]
    fn this_process_uses_memory() {
        let now = resident(std::process::id()).unwrap();
        assert!(now > 100_000.0 && peak(std::process::id()).unwrap() >= 100_000.0);
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
    }
}
