//! How often the container was throttled.

use std::{fs, path::PathBuf};

/// Where the kernel mounts cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Scheduling periods of the process's cgroup and those in which it was throttled; zeros where there
/// is no CPU limit.
pub(super) fn throttling() -> (u64, u64) {
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
}
