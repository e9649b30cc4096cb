// SPDX-License-Identifier: Apache-2.0
//! Runs a tool as a child process and says what it cost: CPU time as the kernel accounts for it when the child
//! is waited for (user and system, all threads, to the microsecond), and resident memory from /proc.
//!
//! Tool and server have a core of their own where there are two: figures are then per core by construction,
//! and the scheduler moves neither of them.

mod memory;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};

#[cfg(feature = "cluster")]
pub use memory::peak;
pub use memory::{cpu_seconds, resident};

/// Which core a process is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// The first one.
    Tool,
    /// The last one.
    Server,
    /// None.
    Any,
}

/// What a run cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// User and system time.
    pub cpu: Duration,
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The command, bound to a core and with as many descriptors as are allowed.
pub fn confined(command: &Command, core: Core) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut script = String::from("ulimit -n \"$(ulimit -H -n)\"; exec ");
    match core {
        Core::Tool if cores > 1 => script.push_str("taskset -c 0 "),
        Core::Server if cores > 1 => script.push_str(&format!("taskset -c {} ", cores - 1)),
        _ => {}
    }
    script.push_str("\"$0\" \"$@\"");
    let mut confined = Command::new("/bin/bash");
    confined.arg("-c").arg(script).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => confined.env(name, value),
            None => confined.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        confined.current_dir(directory);
    }
    confined
}

/// A tool under way; it is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    name: String,
    directory: PathBuf,
}

impl Running {
    /// Starts a tool whose output goes to files in the directory.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(name: &str, command: &Command, core: Core, directory: &Path) -> Result<Self> {
        let child = confined(command, core)
            .stdin(Stdio::null())
            .stdout(File::create(directory.join("stdout"))?)
            .stderr(File::create(directory.join("stderr"))?)
            .spawn()
            .with_context(|| format!("can't start {name}"))?;
        Ok(Self { child, name: name.to_owned(), directory: directory.to_owned() })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still under way.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it wrote to standard error so far.
    pub fn errors(&self) -> String {
        self.read("stderr").unwrap_or_default()
    }

    /// Waits for its end; it is an error when it takes longer than the limit.
    ///
    /// CPU time is that of all children that end meanwhile: nothing else may be waited for if it matters.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn finish(mut self, limit: Duration) -> Result<Cost> {
        let before = children()?;
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("{} did not end within {limit:?}:\n{}", self.name, self.errors());
            }
            thread::sleep(Duration::from_millis(20));
        };
        let cpu = children()?.saturating_sub(before);
        Ok(Cost { cpu, code: status.code(), stdout: self.read("stdout")?, stderr: self.read("stderr")? })
    }

    fn read(&self, name: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(self.directory.join(name))?).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many instructions a command takes, counted by callgrind, on the tool's core: a figure that the machine's moods
/// don't change.
///
/// # Errors
/// When it can't be started, doesn't end, or nothing is counted.
pub fn instructions(valgrind: &Path, command: &Command, directory: &Path, limit: Duration) -> Result<u64> {
    let mut counted = Command::new(valgrind);
    counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--"]);
    counted.arg(command.get_program()).args(command.get_args());
    let cost = Running::start("callgrind", &counted, Core::Tool, directory)?.finish(limit)?;
    collected(&cost.stderr).with_context(|| format!("callgrind counted nothing:\n{}", cost.stderr))
}

/// `==123== Collected : 456`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected :"))?.1.trim().parse().ok()
}

/// CPU time of all children that were waited for.
fn children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let microseconds = |time: nix::sys::time::TimeVal| {
        u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0)
    };
    Ok(Duration::from_micros(microseconds(usage.user_time()) + microseconds(usage.system_time())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_count_is_found() {
        let text = "==7== Callgrind, a call-graph generating cache profiler\n==7== \n==7== Events    : Ir\n==7== Collected : 12345678\n";
        assert_eq!((collected(text), collected("==7== oops")), (Some(12_345_678), None));
    }

    #[test]
    fn the_cpu_time_of_a_child_is_that_of_its_whole_family() {
        let directory = std::env::temp_dir().join(format!("upsurge-bench-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut command = Command::new("/bin/bash");
        command.args(["-c", "echo out; echo err >&2; (for ((i = 0; i < 200000; i++)); do :; done); exit 3"]);
        let running = Running::start("loop", &command, Core::Tool, &directory).unwrap();
        let cost = running.finish(Duration::from_secs(60)).unwrap();
        assert_eq!((cost.code, cost.stdout.as_str(), cost.stderr.as_str()), (Some(3), "out\n", "err\n"));
        assert!(cost.cpu > Duration::from_millis(5), "{:?}", cost.cpu);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
