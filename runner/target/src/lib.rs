// SPDX-License-Identifier: Apache-2.0
//! `upsurge target`: an HTTP service whose behaviour is known exactly, to test load tests against.
//!
//! Latency follows a scripted distribution to about a tenth of a millisecond; CPU work, kept memory,
//! errors, a concurrency limit, freezes, and contention among replicas can be added. `/healthz`, `/readyz`, `/metrics` and `/__stats` are
//! not affected by any of it. It belongs into tests and demos, not in front of users.

pub mod config;
mod freeze;
mod handler;
mod latency;
mod numbers;
mod peers;
mod route;
mod scope;
mod server;
mod stats;
mod timer;
mod tls;
mod work;

pub use config::TargetConfig;
pub use server::{Server, TargetError, start};
