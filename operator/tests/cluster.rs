// SPDX-License-Identifier: Apache-2.0
//! The collector, the record of a target and the leases on targets against a real API server, kubelet and autoscaler.
//!
//! `e2e/cluster/with exec cargo test -p upsurge-operator --test cluster -- --ignored`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "cluster/collector.rs"]
mod collector;
#[path = "cluster/recording.rs"]
mod recording;
#[path = "cluster/space.rs"]
mod space;
#[path = "cluster/targets.rs"]
mod targets;
