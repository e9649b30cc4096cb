// SPDX-License-Identifier: Apache-2.0
//! The load engine against servers whose answers are scripted.

// Clippy sees helpers of tests as production code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "engine/broken_http2.rs"]
mod broken_http2;
#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/load.rs"]
mod load;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/raw.rs"]
mod raw;
#[path = "support/server.rs"]
mod server;

#[path = "engine/alone.rs"]
mod alone;
#[path = "engine/cases.rs"]
mod cases;
#[path = "engine/data.rs"]
mod data;
#[path = "engine/executors.rs"]
mod executors;
#[path = "engine/flow.rs"]
mod flow;
#[path = "engine/held.rs"]
mod held;
#[path = "engine/messages.rs"]
mod messages;
#[path = "engine/network.rs"]
mod network;
#[path = "engine/once.rs"]
mod once;
#[path = "engine/pacing.rs"]
mod pacing;
#[path = "engine/policy.rs"]
mod policy;
#[path = "engine/reports.rs"]
mod reports;
#[path = "engine/series.rs"]
mod series;
#[path = "engine/sharing.rs"]
mod sharing;
#[path = "engine/steps.rs"]
mod steps;
#[path = "engine/transport.rs"]
mod transport;
#[path = "engine/turning.rs"]
mod turning;
#[path = "engine/values.rs"]
mod values;
#[path = "engine/verify.rs"]
mod verify;
#[path = "engine/volume.rs"]
mod volume;
#[path = "engine/written.rs"]
mod written;
