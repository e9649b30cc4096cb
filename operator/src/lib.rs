//! The Upsurge operator: controllers, the collector that runners report to, and the samplers that
//! watch the target. `main.rs` only reads arguments and starts what is here.

pub mod collector;
pub mod prometheus_checks;
pub mod sampling;
