// SPDX-License-Identifier: Apache-2.0
//! What tests of several crates share: real servers, each started for one test on a loopback address and gone
//! with it, and an eye on the machine.
//!
//! Only for tests: whatever goes wrong here panics, with what there is to know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "only tests use it")]

mod disturbance;
pub mod pages;
mod prometheus;
mod python;
mod servers;

pub use disturbance::Watch;
pub use prometheus::Prometheus;
pub use python::recomputed;
pub use servers::HttpServer;
