// SPDX-License-Identifier: Apache-2.0
//! What the command does with a cluster: it observes autoscalers, and reads what the operator keeps. It changes nothing.
//!
//! All of it is behind the feature `cluster`; without it `no_cluster.rs` takes this file's place.

mod connect;
mod events;
mod observe;
mod rights;

pub(super) use self::{
    events::run as get,
    observe::{Observation, observe},
};
