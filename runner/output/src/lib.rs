// SPDX-License-Identifier: Apache-2.0
//! Where the figures of a running load go besides the screen: files and servers.
//!
//! Each output has a thread and a mailbox of its own. Posting never waits: an output that is behind gets
//! intervals merged into one, so it loses resolution but no counts, and the load never notices.

mod csv;
mod destination;
mod mailbox;
mod otlp;
mod push;
mod remote_write;
mod room;
mod runner;
mod statistic;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use upsurge_core::outputs::OutputReport;
use upsurge_engine::Interval;

pub use self::{
    csv::CsvFile,
    destination::{Destination, Header, Pushing, Tag, TagsError, check_tags},
    mailbox::Mailbox,
    runner::{Runner, RunnerOutputs},
    statistic::{Statistic, TrendWindow},
};

/// Something that takes the intervals of a load.
pub trait Output: Send + 'static {
    /// Takes an interval. May take its time; `mailbox` says when it has to hurry.
    ///
    /// # Errors
    /// When what was taken so far is not whole any more.
    fn take(&mut self, interval: &Interval, mailbox: &Mailbox) -> Result<(), OutputError>;

    /// Hands on what is left. Called once, when the last interval was taken.
    ///
    /// # Errors
    /// When it can't.
    fn finish(&mut self, mailbox: &Mailbox) -> Result<(), OutputError>;

    /// Whether the run is not whole without it.
    fn essential(&self) -> bool {
        false
    }

    /// Samples that arrived.
    fn delivered(&self) -> u64 {
        0
    }

    /// Samples that reached nobody.
    fn lost(&self) -> u64 {
        0
    }
}

/// Why an output is not whole.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file can't be written.
    #[error("can't write to {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A server did not take what was pushed.
    #[error("{place} did not take the {what}: {message}")]
    Undelivered {
        /// The server.
        place: String,
        /// What was pushed.
        what: &'static str,
        /// What it said, or what went wrong.
        message: String,
    },
    /// No connection to a server comes about.
    #[error("{place} can't be reached: {message}")]
    Unreachable {
        /// The server.
        place: String,
        /// What went wrong.
        message: String,
    },
    /// There is no way to speak to servers.
    #[error("can't set up an HTTP client: {0}")]
    Setup(String),
    /// The end has to be waited for no longer.
    #[error("was not done in time")]
    Late,
    /// No thread.
    #[error("can't start: {0}")]
    Thread(#[source] io::Error),
}

/// Time that an output gets to give up by itself.
const GRACE: Duration = Duration::from_millis(500);

/// How an output ended.
#[derive(Debug)]
pub struct Outcome {
    /// The output, as it was asked for.
    pub name: String,
    /// Whether the run is not whole without it.
    pub essential: bool,
    /// The first thing that went wrong.
    pub error: Option<OutputError>,
    /// Samples that arrived.
    pub delivered: u64,
    /// Samples that reached nobody.
    pub lost: u64,
    /// Intervals that were merged with others because the output was behind.
    pub merged: u64,
}

/// All outputs of a load.
#[derive(Default)]
pub struct Outputs {
    running: Vec<Running>,
}

struct Running {
    name: String,
    essential: bool,
    mailbox: Arc<Mailbox>,
    so_far: Arc<Mutex<OutputReport>>,
    ended: Receiver<(Option<OutputError>, u64)>,
}

impl Outputs {
    /// Starts an output.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn add(&mut self, name: String, mut output: impl Output) -> Result<(), OutputError> {
        let (mailbox, essential) = (Arc::<Mailbox>::default(), output.essential());
        let (sender, ended) = channel();
        let ours = Arc::clone(&mailbox);
        let so_far = Arc::<Mutex<OutputReport>>::default();
        let told = Arc::clone(&so_far);
        let thread = thread::Builder::new().name("output".into()).spawn(move || {
            let mut error = None;
            while let Some(interval) = ours.next() {
                if let Err(wrong) = output.take(&interval, &ours) {
                    error.get_or_insert(wrong);
                }
                tell(&told, &output, error.as_ref());
            }
            if let Err(wrong) = output.finish(&ours) {
                error.get_or_insert(wrong);
            }
            tell(&told, &output, error.as_ref());
            // Nobody listens any more when it took too long.
            let _ = sender.send((error, output.lost()));
        });
        thread.map_err(OutputError::Thread)?;
        self.running.push(Running { name, essential, mailbox, so_far, ended });
        Ok(())
    }

    /// How each output fares so far, in the order in which they were added.
    pub fn so_far(&self) -> Vec<OutputReport> {
        self.running.iter().map(|output| lock(&output.so_far).clone()).collect()
    }

    /// Hands an interval to all outputs, without waiting for any.
    pub fn post(&self, interval: &Interval) {
        let interval = Arc::new(interval.clone());
        self.running.iter().for_each(|output| output.mailbox.post(&interval));
    }

    /// Lets all outputs hand on what they have, for so long at most.
    pub fn finish(self, within: Duration) -> Vec<Outcome> {
        let until = Instant::now() + within;
        self.running.iter().for_each(|output| output.mailbox.close(until));
        let until = until + GRACE;
        let ended = self.running.into_iter().map(|Running { name, essential, mailbox, so_far, ended }| {
            let (error, lost) = match ended.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(ended) => ended,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    (Some(OutputError::Late), lock(&so_far).lost)
                }
            };
            let delivered = lock(&so_far).delivered;
            Outcome { name, essential, error, delivered, lost, merged: mailbox.merged() }
        });
        ended.collect()
    }
}

fn tell(told: &Mutex<OutputReport>, output: &impl Output, error: Option<&OutputError>) {
    let (delivered, lost) = (output.delivered(), output.lost());
    *lock(told) = OutputReport { delivered, lost, others: 0, problem: error.map(ToString::to_string) };
}

fn lock(report: &Mutex<OutputReport>) -> std::sync::MutexGuard<'_, OutputReport> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
