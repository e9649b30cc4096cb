// SPDX-License-Identifier: Apache-2.0
//! What was observed of one workload and its autoscaler, as a log of events.
//!
//! Whoever observes (the operator, by `upsurge_observer`) writes one [`Log`] per workload and hands each [`Event`] to
//! the folds (`elasticity`, `limits`) as it comes, so that no figure depends on what a bounded log has left out. A
//! [`Tracker`] says what is known after an event; [`levels()`] is the same over time, for whoever has only the log.
//! What is not known is `None`, never a guess.

mod bounds;
mod clock;
mod event;
mod levels;
mod lines;
mod log;
mod pods;
#[cfg(test)]
mod tests;
mod tracker;
mod usage;

pub use clock::{Clock, Stamper};
pub use event::{
    Autoscaler, Condition, Event, LONGEST_TEXT, Life, Reading, Scaling, Source, What, shortened,
};
pub use levels::levels;
pub use lines::{LineError, VERSION, read_lines, to_line};
pub use log::{Class, LeftOut, Log};
pub use pods::{PodLife, PodStamps, lives};
pub use tracker::{Levels, PodState, Tracker};
pub use usage::{Amount, ContainerUsage, PodUsage};
