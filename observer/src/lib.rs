// SPDX-License-Identifier: Apache-2.0
//! Observation of a workload and its autoscaler: what Kubernetes shows, told as events of [`upsurge_figures::observation`].
//!
//! Pure in the middle: [`Observer`] takes what watches show, with the observer's time, and says what is news. The edge is
//! [`observe()`], which watches until it is dropped. Nothing is concluded here and nothing is kept: whoever is told writes the
//! log and feeds the folds. Operator and command share this crate, so it knows no API type of Upsurge.
//!
//! ```text
//! watch, poll, find ──▶ Seen ──▶ Observer ──▶ sources (objects → facts) ──▶ Told (facts → events) ──▶ whoever listens
//! ```

mod client;
mod fact;
mod find;
mod freshness;
mod glance;
mod observe;
mod observer;
mod poll;
pub mod prune;
mod quantity;
mod seen;
mod setup;
mod sources;
mod target;
mod told;
mod watch;
mod words;

pub use client::client;
pub use find::{FindError, Found, find};
pub use glance::{Glance, glance};
pub use observe::observe;
pub use observer::Observer;
pub use quantity::quantity;
pub use seen::{Change, Seen};
pub use setup::{Setup, SharedSetup};
pub use sources::{
    autoscalers::{FALLBACK, ONLY_ONE, PAUSED},
    keda::targets as scaled_object_targets,
    requests::MissingRequest,
};
pub use target::Target;
pub use words::plain;
