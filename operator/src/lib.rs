// SPDX-License-Identifier: Apache-2.0
//! The Upsurge operator: controllers, the collector that runners report to, and what records the
//! target. `main.rs` only reads arguments and starts what is here.

pub mod admin;
pub mod args;
pub mod audit;
pub mod backoff;
pub mod cache;
pub mod cluster_version;
pub mod collector;
pub mod context;
pub mod errors;
pub mod events;
pub mod fence;
pub mod leader;
pub mod lease;
pub mod load_test;
pub mod load_test_run;
pub mod metrics;
pub mod naming;
#[cfg(test)]
mod played;
pub mod policy;
pub mod prometheus_checks;
pub mod recording;
pub mod records;
pub mod rollouts;
pub mod run;
pub mod runner_defaults;
pub mod settings;
pub mod shared;
pub mod status;
pub mod stores;
pub mod target_leases;
pub mod telemetry;
pub mod tls;

/// Tests count what is allocated: how much a hostile runner can fill.
#[cfg(test)]
#[global_allocator]
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
