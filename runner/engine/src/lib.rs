// SPDX-License-Identifier: Apache-2.0
//! The load engine: a test compiled to a program, the threads that carry it out, and what they record.
//!
//! Front ends make tests for it and commands run it; it knows of neither, nor of Kubernetes, verdicts or output.

mod engine;
mod program;
mod recorder;

pub use self::engine::{
    Engine, EngineConfig, EngineError, Interval, Progress, Traced, TracedRequest, Unready, check,
    default_threads, preflight, run_after, run_before, run_verify,
};
