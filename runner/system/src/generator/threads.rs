// SPDX-License-Identifier: Apache-2.0
//! How busy the load threads are: each of them owns a core, as far as the machine lets it.

use std::{collections::BTreeMap, fs, time::Instant};

/// Beginning of the names of load threads.
const NAME: &str = "load-";
/// Share of the time from which on a thread has none to spare.
const SATURATED: f64 = 0.95;
/// Shortest time between two looks that says something, in seconds.
const SHORTEST: f64 = 0.2;

/// CPU time of a thread, and time for which it waited for a CPU, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    ran: u64,
    waited: u64,
}

/// Watches the load threads.
#[derive(Debug)]
pub(super) struct Threads {
    at: Instant,
    last: BTreeMap<u32, Times>,
}

/// What was seen of them since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Seconds that were watched.
    pub(super) watched: f64,
    /// Those in which a thread had no time to spare.
    pub(super) saturated: f64,
    /// Highest share of a core that one used.
    pub(super) busiest: f64,
}

impl Default for Threads {
    fn default() -> Self {
        Self { at: Instant::now(), last: read() }
    }
}

impl Threads {
    /// What has happened since the last look; nothing if that is too short ago, which then goes on. With a limit of less
    /// than a core, shares are of that.
    pub(super) fn look(&mut self, limit: Option<f64>) -> Load {
        let seconds = self.at.elapsed().as_secs_f64();
        if seconds < SHORTEST {
            return Load::default();
        }
        let now = read();
        let load = compare(&self.last, &now, seconds * limit.unwrap_or(1.0).min(1.0), seconds);
        (self.at, self.last) = (Instant::now(), now);
        load
    }
}

/// Compares two looks, so many seconds apart, in which a thread could have so many seconds of CPU time.
fn compare(last: &BTreeMap<u32, Times>, now: &BTreeMap<u32, Times>, available: f64, seconds: f64) -> Load {
    let mut load = Load::default();
    for (id, times) in now {
        let Some(before) = last.get(id) else { continue };
        let passed = |now: u64, before: u64| now.saturating_sub(before) as f64 / 1e9;
        let (ran, waited) = (passed(times.ran, before.ran), passed(times.waited, before.waited));
        load.watched = seconds;
        load.busiest = load.busiest.max((ran / available).min(1.0));
        if (ran + waited) / seconds >= SATURATED {
            load.saturated = seconds;
        }
    }
    load
}

/// The load threads of this process by their ids; none where the kernel does not tell.
fn read() -> BTreeMap<u32, Times> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return BTreeMap::new() };
    let times = tasks.flatten().filter_map(|task| {
        let path = task.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        if !name.starts_with(NAME) {
            return None;
        }
        let times = parse(&fs::read_to_string(path.join("schedstat")).ok()?)?;
        Some((task.file_name().to_str()?.parse().ok()?, times))
    });
    times.collect()
}

fn parse(schedstat: &str) -> Option<Times> {
    let mut fields = schedstat.split_whitespace().map(str::parse);
    Some(Times { ran: fields.next()?.ok()?, waited: fields.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn a_thread_that_runs_or_waits_all_the_time_has_none_to_spare() {
        let times = |ran: u64, waited: u64| Times { ran, waited };
        let last = BTreeMap::from([(1, times(0, 0)), (2, times(500, 500))]);
        let now =
            BTreeMap::from([(1, times(600_000_000, 360_000_000)), (2, times(700, 500)), (3, times(9, 9))]);
        let load = compare(&last, &now, 1.0, 1.0);
        assert_eq!(load, Load { watched: 1.0, saturated: 1.0, busiest: 0.6 });
        assert_eq!(compare(&last, &now, 2.0, 2.0), Load { watched: 2.0, saturated: 0.0, busiest: 0.3 });
        // With a limit of 0.6 cores, 0.6 s in 2 s are half of what there is.
        assert_eq!(compare(&last, &now, 1.2, 2.0).busiest, 0.5);
        assert_eq!(compare(&last, &BTreeMap::new(), 1.0, 1.0), Load::default());
        assert_eq!(parse("123 45 6\n"), Some(times(123, 45)));
        assert_eq!(parse("123\n"), None);
    }

    #[test]
    fn a_busy_load_thread_is_seen_as_such_and_an_idle_one_is_not() {
        let done = Arc::new(AtomicBool::new(false));
        let spawn = |name: &str, work: fn()| {
            let done = Arc::clone(&done);
            let run = move || {
                while !done.load(Ordering::Relaxed) {
                    work();
                }
            };
            thread::Builder::new().name(name.into()).spawn(run).unwrap()
        };
        let begun = Instant::now();
        let wait_for = |wanted: fn(&Load) -> bool| {
            let mut threads = Threads::default();
            while begun.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_millis(250));
                let load = threads.look(None);
                if wanted(&load) {
                    return load;
                }
            }
            panic!("never seen");
        };
        let idle = spawn("load-idle", || thread::sleep(Duration::from_millis(5)));
        let load = wait_for(|load| load.watched > 0.0 && load.saturated == 0.0);
        assert!(load.busiest < 0.9, "{load:?}");
        let busy = spawn("load-busy", || {
            std::hint::black_box((0..10_000_u64).fold(0, u64::wrapping_add));
        });
        let load = wait_for(|load| load.saturated > 0.0);
        assert!(load.busiest > 0.0 && load.saturated == load.watched, "{load:?}");
        done.store(true, Ordering::Relaxed);
        [idle, busy].into_iter().for_each(|thread| thread.join().unwrap());
    }
}
