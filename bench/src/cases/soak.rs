// SPDX-License-Identifier: Apache-2.0
//! Half an hour at half of one core: does resident memory stay where it is?

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

use super::{Bench, Name};
use crate::{
    measure::{Core, cpu_seconds, resident},
    number::number,
    peers::{Job, Pace, Task},
    results::{Case, Goal},
    statistics::{Line, line},
};

/// How long, unless asked otherwise.
pub const MINUTES: u32 = 30;
/// Iterations per second, to begin with, to find out what one costs.
const PROBE_RATE: u32 = 1000;
const PROBE_SECONDS: u32 = 10;
/// How often the rate is found anew: an iteration costs less among many.
const PROBES: usize = 3;
/// The share of a core that is aimed at.
const SHARE: f64 = 0.5;
const INTERVAL: Duration = Duration::from_secs(5);
/// The part of the time in which caches, pools and histograms may still fill: of half an hour, twenty minutes are judged.
const WARM_UP_SHARE: f64 = 1.0 / 3.0;
/// Growth that no run is long enough to suffer from, in KiB per minute.
const TOLERATED: f64 = 0.5;
/// Standstills of the server, and of the generator, in the first quarter of that: all users are at work at once then, and
/// histograms see long times, as whenever the machine stands still. What that takes is taken once, and is no growth.
const HOLDS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Lets a process do nothing for a while.
fn hold(process: u32, time: Duration) -> Result<()> {
    let process = Pid::from_raw(i32::try_from(process)?);
    kill(process, Signal::SIGSTOP)?;
    thread::sleep(time);
    Ok(kill(process, Signal::SIGCONT)?)
}

/// The upper end of the interval of a slope, if that is above nothing at all.
fn growth(line: &Line) -> f64 {
    if line.slope <= line.margin { 0.0 } else { line.slope + line.margin }
}

/// Measures it.
pub fn measure(bench: &Bench, minutes: u32) -> Result<Case> {
    let Some(tool) = bench.tools(Name::Soak).next() else { bail!("upsurge is not built") };
    let mut rate = PROBE_RATE;
    for _ in 0..PROBES {
        let probe = bench.run(tool, PROBE_SECONDS, Task::Shop { pace: Pace::Rate(rate) })?;
        let used = probe.run.cost.cpu.as_secs_f64() / f64::from(PROBE_SECONDS);
        rate = (f64::from(rate) * SHARE / used).max(1.0) as u32;
    }
    eprintln!("bench: soak: {minutes} min at {rate} iterations/s");

    let (url, seconds) = (bench.server.url(), minutes * 60);
    let task = Task::Shop { pace: Pace::Rate(rate) };
    let job = Job { url: &url, directory: &bench.directory, seconds, task };
    bench.server.take()?;
    let mut running = tool.start(&job, Core::Tool)?;
    let started = Instant::now();
    let (mut memory, mut cpu) = (Vec::new(), 0.0);
    let apart = Duration::from_secs(u64::from(seconds)).mul_f64(WARM_UP_SHARE / 4.0) / HOLDS.len() as u32;
    for (number, time) in (1..).zip(HOLDS) {
        thread::sleep((apart * number).saturating_sub(started.elapsed()));
        hold(bench.server.id(), time)?;
        hold(running.id(), time)?;
    }
    loop {
        thread::sleep(INTERVAL);
        if !running.is_running()? || started.elapsed() >= Duration::from_secs(u64::from(seconds)) {
            break;
        }
        cpu = cpu_seconds(running.id())? / started.elapsed().as_secs_f64();
        memory.push((started.elapsed().as_secs_f64() / 60.0, resident(running.id())? / 1024.0));
    }
    let cost = running.finish(Duration::from_secs(90))?;
    let said = tool.said(&job, &cost)?;
    let requests = bench.server.take()?.requests;
    let settled: Vec<(f64, f64)> =
        memory.iter().copied().filter(|(minute, _)| *minute >= WARM_UP_SHARE * f64::from(minutes)).collect();
    let (Some(found), Some(first), Some(last)) = (line(&settled), settled.first(), settled.last()) else {
        bail!("too short: {} samples", settled.len())
    };

    let how = format!(
        "The scenario of three steps at {rate} iterations/s by up to 100 users for {minutes} min, a rate that took half of one core just before. Resident memory is read every \
         {} s; a straight line is laid through the last two thirds of the time. Before, server and generator stand \
         still three times, one after the other, so that all users are at work at once and long times are seen. The margin is that of a 95 % \
         interval and allows for samples that depend on those before them. The goal is met if the interval holds 0; else its end counts.",
        INTERVAL.as_secs()
    );
    let mut case = bench.case(Name::Soak, "Memory over time", how);
    case.rounds = 1;
    case.columns = ["figure", "value"].map(str::to_owned).into();
    let mut row = |name: &str, value: String| case.rows.push(vec![name.to_owned(), value]);
    row("requests", number(requests as f64));
    row("failed requests", number(said.failed as f64));
    row("dropped iterations", number(said.dropped.unwrap_or(0) as f64));
    row("CPU, share of one core", number(cpu));
    row("resident memory at the beginning, MiB", number(first.1 / 1024.0));
    row("resident memory at the end, MiB", number(last.1 / 1024.0));
    row("slope, KiB per minute", format!("{} ± {}", number(found.slope), number(found.margin)));
    let what = format!(
        "{minutes} min at half of one core: growth of resident memory, if it is told apart from none"
    );
    case.goals.extend(Goal::new(what, "KiB/min", TOLERATED, &[growth(&found)]));
    case.samples = json!({"memoryKibibytesByMinute": memory, "line": found, "rate": rate, "said": said});
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_what_the_interval_does_not_leave_to_chance() {
        let of = |slope, margin| growth(&Line { slope, margin });
        assert_eq!([of(0.3, 0.4), of(-2.0, 0.1), of(0.0, 0.0)], [0.0; 3]);
        assert_eq!(of(0.5, 0.25), 0.75);
    }
}
