// SPDX-License-Identifier: Apache-2.0
//! Figures of a run, computed from what was observed of its target.
//!
//! Pure, and at the bottom of the workspace: nothing in here reads a clock, speaks to anybody or knows an API type of
//! Upsurge or of Kubernetes, so that the operator and the command can feed it alike, and whoever keeps a log can compute its
//! figures again. [`workload::Workload`] holds all of one workload together; of what nobody feeds yet, the module says who will.
//!
//! ```text
//! observation ◀── latency ◀───────────────────── workload ──▶ usage ──▶ growth
//!      ▲  ▲────── elasticity ◀── limits ◀───────────┘        statistics ◀── growth, scalability       search
//! ```

pub mod elasticity;
pub mod growth;
pub mod latency;
pub mod limits;
pub mod observation;
pub mod scalability;
pub mod search;
pub mod statistics;
pub mod usage;
pub mod workload;
