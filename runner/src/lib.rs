//! The load engine of Upsurge, as a library, and the parts of the `upsurge` command.

pub mod agent;
pub mod cli;
pub mod engine;
pub mod files;
pub mod generator;
mod http;
mod output;
mod program;
mod recorder;
pub mod target;
