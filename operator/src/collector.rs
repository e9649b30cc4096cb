// SPDX-License-Identifier: Apache-2.0
//! The collector: what runner pods speak to, and where their figures are merged and made durable.
//!
//! [`Sessions`] holds one session per run under way. The session itself ([`session`]) is a pure state
//! machine; authentication, HTTP and the checkpoint are around it. Once opened, a session starts its runners by itself and
//! needs no reconcile until something changed ([`Sessions::changes`]).

mod admission;
mod authentication;
mod binding;
mod budget;
mod cell;
mod checkpoint;
mod door;
mod exposed;
mod figures;
mod folding;
mod heard;
mod line;
mod lines;
mod memory;
mod pace;
mod prepared;
mod rations;
mod receive;
mod routes;
mod session;
mod sessions;
mod shelf;
mod single_flight;
mod start;
mod store;
mod storing;
mod tally;
mod totals;
mod version;
mod view;
mod writer;

pub use door::serve;
pub use figures::{Figures, TestKey};
pub use folding::Folding;
pub use memory::Memory;
pub use routes::router;
pub use session::{EpochFigures, Finished, Problem};
pub use sessions::{SessionError, Sessions};
pub use store::discard;
pub use view::{EpochsView, RunKey, RunnerView, SessionConfig, SessionSnapshot, TurnedView};
