//! The load engine against servers whose answers are scripted.

#[path = "support/load.rs"]
mod load;
#[path = "support/server.rs"]
mod server;

#[path = "engine/pacing.rs"]
mod pacing;
#[path = "engine/steps.rs"]
mod steps;
#[path = "engine/transport.rs"]
mod transport;
