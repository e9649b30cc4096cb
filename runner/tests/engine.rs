//! The load engine against servers whose answers are scripted.

// Clippy sees helpers of tests as production code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/load.rs"]
mod load;
#[path = "support/server.rs"]
mod server;

#[path = "engine/executors.rs"]
mod executors;
#[path = "engine/messages.rs"]
mod messages;
#[path = "engine/pacing.rs"]
mod pacing;
#[path = "engine/steps.rs"]
mod steps;
#[path = "engine/transport.rs"]
mod transport;
