// SPDX-License-Identifier: Apache-2.0
//! What the machine is, without anything that names it.

/// Today.
pub fn date() -> String {
    jiff::Zoned::now().date().to_string()
}

/// Processor, cores, memory and kernel.
pub fn description() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    describe(&read("/proc/cpuinfo"), &read("/proc/meminfo"), &read("/proc/sys/kernel/osrelease"), cores)
}

fn describe(cpus: &str, memory: &str, kernel: &str, cores: usize) -> String {
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let kibibytes = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let gibibytes = kibibytes.and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0) / 1_048_576.0;
    let virtual_machine = if cpus.contains("hypervisor") { " (virtual)" } else { "" };
    // What stands behind the numbers may name who built the kernel.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{cores} cores of {model}{virtual_machine}, {gibibytes:.0} GiB, Linux {kernel}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_described_by_what_matters() {
        let cpus = "processor\t: 0\nmodel name\t: Xeon at 2.50GHz\nflags\t\t: fpu hypervisor\n";
        let text = describe(cpus, "MemTotal:       24689284 kB\n", "6.1.0-somebody\n", 2);
        assert_eq!(text, "2 cores of Xeon at 2.50GHz (virtual), 24 GiB, Linux 6.1.0");
    }
}
