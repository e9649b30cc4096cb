// SPDX-License-Identifier: Apache-2.0
//! Harness of the end-to-end tests: they see the API, the chart and the images, as users do.
//!
//! A test is a function of [`namespace::with_temp_namespace`], which gives it a namespace of its own on the
//! cluster of `KUBECONFIG`, with the operator installed, and tidies up. Nothing here sleeps for a fixed time: all
//! waits are for a named condition, with a deadline ([`wait`]).

pub mod api;
pub mod certificate;
pub mod cluster;
pub mod collector;
pub mod controller;
pub mod definitions;
pub mod diagnostics;
pub mod disturbance;
pub mod fixtures;
pub mod gitops;
pub mod injection;
pub mod install;
pub mod kept;
pub mod kstatus;
pub mod metrics_api;
pub mod namespace;
pub mod node;
pub mod operator;
pub mod prometheus;
pub mod record;
pub mod rights;
pub mod stamps;
pub mod target;
pub mod telemetry;
pub mod versions;
pub mod wait;
pub mod watcher;
pub mod whole;

pub use namespace::{Context, with_temp_namespace};
