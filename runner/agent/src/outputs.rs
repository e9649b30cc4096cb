// SPDX-License-Identifier: Apache-2.0
//! The servers that the test wants its figures pushed to, besides the collector. Whatever they do, the load and what the
//! collector is told go on as without them; how they fare is told with the deltas.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use upsurge_core::{outputs::OutputReport, results::Unanswered};
use upsurge_engine::Interval;
use upsurge_output::{Runner, RunnerOutputs};

use super::{config::AgentConfig, prepare::Prepared};

/// Where figures are pushed to, until the load has ended; nowhere by default.
#[derive(Default)]
pub(super) struct Pushing {
    outputs: RefCell<Option<RunnerOutputs>>,
    unanswered: Unanswered,
    /// What was told last.
    told: RefCell<Vec<OutputReport>>,
    /// How they ended.
    ended: RefCell<Vec<OutputReport>>,
    /// Whether nothing is recorded any more.
    is_closed: Cell<bool>,
}

impl Pushing {
    /// Begins; the load starts at a time of the operator's clock, in nanoseconds since the epoch.
    pub(super) fn start(config: &AgentConfig, prepared: &Prepared, start: i64) -> Self {
        let outputs = RunnerOutputs::start(&Runner {
            namespace: &config.namespace,
            run: &config.run,
            pod: &config.pod,
            index: config.runner,
            test: &prepared.test,
            start: Timestamp::from_nanosecond(i128::from(start)).unwrap_or_else(|_| Timestamp::now()),
            headers: &config.output_headers,
            reach: Arc::new(prepared.valid.http.reach.clone()),
        });
        Self {
            outputs: RefCell::new(outputs),
            unanswered: Unanswered::of(&prepared.test),
            told: RefCell::default(),
            ended: RefCell::default(),
            is_closed: Cell::default(),
        }
    }

    /// Hands on what was recorded, with its unanswered requests counted as everywhere. Waits for nobody.
    pub(super) fn post(&self, interval: &Interval) {
        if let Some(outputs) = self.outputs.borrow_mut().as_mut() {
            match self.unanswered.counted(&interval.metrics) {
                Some(metrics) => outputs.post(&Interval { metrics, ..interval.clone() }),
                None => outputs.post(interval),
            }
        }
    }

    /// How they fare, if that is new.
    pub(super) fn news(&self) -> Vec<OutputReport> {
        let now = match self.outputs.borrow().as_ref() {
            Some(outputs) => outputs.so_far(),
            None => self.ended.borrow().clone(),
        };
        if now == *self.told.borrow() {
            return Vec::new();
        }
        self.told.replace(now.clone());
        now
    }

    /// Whether there are any that have not handed on all.
    pub(super) fn is_awaited(&self) -> bool {
        self.outputs.borrow().is_some()
    }

    /// Whether the load has ended, and what was left of it was handed on.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// The load has ended: lets them hand on what they have, for so long at most.
    pub(super) async fn close(&self, within: Duration) {
        self.is_closed.set(true);
        let outputs = self.outputs.borrow_mut().take();
        if let Some(outputs) = outputs
            && let Ok(ended) = spawn_blocking(move || outputs.finish(within)).await
        {
            self.ended.replace(ended);
        }
    }
}

/// An interval of no time, so many milliseconds from the start of the load.
pub(super) fn nothing(milliseconds: u64) -> Interval {
    let now = Duration::from_millis(milliseconds);
    Interval { from: now, to: now, ..Interval::default() }
}
