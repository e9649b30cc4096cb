// SPDX-License-Identifier: Apache-2.0
//! The stand-in for a load engine: it hands over a known second of figures for each second of the load.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::LocalBoxFuture};
use tokio::{
    sync::Notify,
    time::{Instant as TokioInstant, sleep_until},
};
use upsurge_agent::Generator;
use upsurge_core::{
    losses::Losses,
    metrics::{Metrics, SeriesKey, Sink, Tags, names},
};
use upsurge_engine::{EngineConfig, Interval};

use super::{
    content::{Content, VARIANTS},
    ledger::Ledger,
};

/// What the seconds of a test depend on: the number of its requests and the name of its stage.
type Kind = (usize, String);

/// The seconds of tests, which runners of a test share.
#[derive(Clone, Debug, Default)]
pub struct Contents(Arc<Mutex<HashMap<Kind, Arc<Content>>>>);

impl Contents {
    /// Those of the test that a runner was given.
    pub fn of(&self, config: &EngineConfig) -> Arc<Content> {
        let steps = config.test.scenarios.iter().flatten().map(|scenario| scenario.steps.len()).sum();
        let stage = config.valid.timeline.stages.first().map_or(String::new(), |stage| stage.name.clone());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((steps, stage.clone())).or_insert_with(|| Arc::new(Content::new(steps, &stage))).clone()
    }
}

/// One runner's seconds.
pub struct Seconds {
    ledger: Ledger,
    namespace: String,
    run: String,
    runner: u64,
    content: Arc<Content>,
    begin: Instant,
    length: Duration,
    /// Seconds that were handed over.
    given: Cell<u64>,
    /// End of what was handed over, from the begin.
    until: Cell<Duration>,
    lag: Cell<Option<Duration>>,
    stopped: Cell<bool>,
    stop: Notify,
}

impl Seconds {
    /// Begins when the load does.
    pub fn new(
        config: &EngineConfig,
        content: Arc<Content>,
        ledger: Ledger,
        (namespace, run, runner): (String, String, u32),
    ) -> Self {
        Self {
            ledger,
            namespace,
            run,
            runner: u64::from(runner),
            content,
            begin: config.start,
            length: config.valid.timeline.duration(),
            given: Cell::default(),
            until: Cell::default(),
            lag: Cell::default(),
            stopped: Cell::default(),
            stop: Notify::new(),
        }
    }

    /// The current number of users: one from the first second on, none at the end.
    fn users(&self, is_first: bool, is_last: bool) -> Sink {
        let change = f64::from(u8::from(is_first)) - f64::from(u8::from(is_last));
        Sink::Gauge { value: change, min: if is_last { 0.0 } else { 1.0 }, max: 1.0 }
    }
}

impl Generator for Seconds {
    fn wait(&self) -> LocalBoxFuture<'_, ()> {
        async {
            if self.stopped.get() {
                return;
            }
            tokio::select! {
                () = self.stop.notified() => {}
                () = async {
                    sleep_until(TokioInstant::from_std(self.begin)).await;
                    if self.lag.get().is_none() {
                        self.lag.set(Some(self.begin.elapsed()));
                    }
                    sleep_until(TokioInstant::from_std(self.begin + self.length)).await;
                } => {}
            }
        }
        .boxed_local()
    }

    fn collect(&self) -> Interval {
        let (from, to) = (self.until.get(), self.begin.elapsed().min(self.length).max(self.until.get()));
        let (given, due) = (self.given.get(), to.as_secs().max(self.given.get()));
        let (mut counts, mut metrics) = ([0; VARIANTS], Metrics::default());
        for second in given..due {
            let variant = (self.runner + second) as usize % VARIANTS;
            counts[variant] += 1;
            metrics.merge(self.content.second(variant));
        }
        let is_last = to == self.length || self.stopped.get();
        if due > given || is_last {
            let key = SeriesKey { metric: names::VUS.to_owned(), tags: Tags::default() };
            metrics.add(key, &self.users(given == 0, is_last));
        }
        self.given.set(due);
        self.until.set(to);
        self.ledger.note(&self.namespace, &self.run, &self.content, &counts, to.saturating_sub(from));
        Interval { from, to, metrics, losses: Losses::default() }
    }

    fn aborted(&self) -> Option<String> {
        None
    }

    fn start_lag(&self) -> Option<Duration> {
        self.lag.get()
    }

    fn stop(&self) {
        self.stopped.set(true);
        self.stop.notify_one();
    }
}
