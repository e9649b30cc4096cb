// SPDX-License-Identifier: Apache-2.0
//! Collects what the cores record: once per interval each swaps its full recorder for an empty one.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc::UnboundedSender;
use upsurge_core::{
    losses::Losses,
    metrics::{Metrics, SeriesKey, Sink, Tags, names},
};

use super::{
    Interval,
    worker::{Collected, Command},
};
use crate::{program::Program, recorder::Recorder};

/// Longest wait for a core. One that does not answer is so busy that it has not looked at its
/// commands for that long; what it recorded comes with a later interval.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Collects from all cores.
#[derive(Debug)]
pub(super) struct Collector {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sources: Vec<Source>,
    /// End of the last interval.
    last: Duration,
}

/// The collector's end of one core.
#[derive(Debug)]
pub(super) struct Source {
    commands: Option<UnboundedSender<Command>>,
    collected: Receiver<Collected>,
    /// The recorder that the core does not have; `None` while it has been asked.
    spare: Option<Box<Recorder>>,
    /// Users at work and users that exist, as last reported.
    levels: [u64; 2],
}

impl Source {
    pub(super) fn new(
        commands: UnboundedSender<Command>,
        collected: Receiver<Collected>,
        program: &Arc<Program>,
    ) -> Self {
        let spare = Some(Box::new(Recorder::new(program)));
        Self { commands: Some(commands), collected, spare, levels: [0; 2] }
    }

    fn ask(&mut self) {
        if let (Some(commands), Some(spare)) = (&self.commands, self.spare.take()) {
            // A core that is gone answers nothing below.
            let _ = commands.send(Command::Collect(spare));
        }
    }
}

/// A gauge over all cores: change of its value, sums of the extremes.
#[derive(Default)]
struct Gauge {
    change: f64,
    min: f64,
    max: f64,
}

impl Gauge {
    fn add(&mut self, before: &mut u64, [value, min, max]: [u64; 3]) {
        self.change += value as f64 - *before as f64;
        self.min += min as f64;
        self.max += max as f64;
        *before = value;
    }

    fn sink(&self) -> Sink {
        Sink::Gauge { value: self.change, min: self.min, max: self.max }
    }
}

impl Collector {
    pub(super) fn new(sources: Vec<Source>, start: Instant) -> Self {
        Self { start, state: Mutex::new(State { sources, last: Duration::ZERO }) }
    }

    /// Takes what was recorded since the last call.
    pub(super) fn collect(&self) -> Interval {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sources.iter_mut().for_each(Source::ask);
        let now = Instant::now();
        let (from, to) = (state.last, now.saturating_duration_since(self.start));
        state.last = to;
        let (mut metrics, mut losses) = (Metrics::default(), Losses::default());
        let (mut users, mut users_max) = (Gauge::default(), Gauge::default());
        for source in &mut state.sources {
            let wait = (now + LONGEST_WAIT).saturating_duration_since(Instant::now());
            let mut collected = match source.collected.recv_timeout(wait) {
                Ok(collected) => collected,
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!("a load thread is too busy to report; its figures come later");
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => continue,
            };
            collected.recorder.fill(self.start, &mut metrics);
            losses.merge(&collected.recorder.losses);
            collected.recorder.clear();
            source.spare = Some(collected.recorder);
            let [at_work, existing] = &mut source.levels;
            users.add(at_work, collected.users);
            users_max.add(existing, collected.users_max);
        }
        for (name, gauge) in [(names::VUS, users), (names::VUS_MAX, users_max)] {
            metrics.add(SeriesKey { metric: name.to_owned(), tags: Tags::default() }, &gauge.sink());
        }
        Interval { from, to, metrics, losses }
    }

    /// Lets the cores go.
    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sources.iter_mut().for_each(|source| source.commands = None);
    }
}
