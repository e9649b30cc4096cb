// SPDX-License-Identifier: Apache-2.0
//! The container's CPU limit, and how often it was throttled.

use std::{fs, path::PathBuf};

/// Where the kernel mounts cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Scheduling periods of the process's cgroup and those in which it was throttled; zeros where there
/// is no CPU limit.
pub(super) fn throttling() -> (u64, u64) {
    read("cpu.stat", parse).unwrap_or_default()
}

/// Cores that the process's cgroup may use; `None` where there is no CPU limit.
pub(super) fn limit() -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    // The second version of cgroups, then the first.
    read("cpu.max", |text| Some(quota(text))).unwrap_or_else(|| {
        let (quota, period) = (read("cpu.cfs_quota_us", number)?, read("cpu.cfs_period_us", number)?);
        (quota > 0.0 && period > 0.0).then_some(quota / period)
    })
}

/// Reads `cpu.max`, as `2000 100000` or `max 100000`.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period) = (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?);
    (period > 0.0).then_some(quota / period)
}

fn read<T>(file: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    places(file).into_iter().find_map(|place| parse(&fs::read_to_string(place).ok()?))
}

/// Where a file of the cgroup may be, for both versions of cgroups, with and without a cgroup namespace.
fn places(file: &str) -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut places = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            places.push(PathBuf::from(CGROUPS).join(path).join(file));
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            places.push(PathBuf::from(CGROUPS).join(controllers).join(path).join(file));
            places.push(PathBuf::from(CGROUPS).join("cpu").join(path).join(file));
        }
    }
    places.push(PathBuf::from(CGROUPS).join(file));
    places.push(PathBuf::from(CGROUPS).join("cpu").join(file));
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
    fn a_limit_is_a_number_of_cores() {
        assert_eq!(quota("2000 100000\n"), Some(0.02));
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(quota("max 100000\n"), None);
        assert_eq!(quota(""), None);
        assert!(limit().is_none_or(|cores| cores > 0.0));
    }
}
