// SPDX-License-Identifier: Apache-2.0
//! The pure domain of Upsurge: from a spec to a plan, from recorded figures to a verdict.
//!
//! No I/O, no clock, no Kubernetes client and no async in here; everything is a function of its
//! arguments, so that runner, operator and command line can't disagree.

pub mod autoscaling;
pub mod bottleneck;
pub mod calendar;
pub mod checks;
pub mod comparison;
pub mod contract;
pub mod epochs;
pub mod expression;
pub mod field_error;
pub mod files;
pub mod findings;
pub mod format;
pub mod html;
pub mod http;
pub mod implied;
pub mod intake;
pub mod judged;
pub mod losses;
pub mod metrics;
pub mod outcome;
pub mod outputs;
pub mod pinning;
pub mod plan;
pub mod pod;
pub mod points;
pub mod policy;
pub mod protocol;
pub mod report;
pub mod resource;
pub mod results;
pub mod scarce;
pub mod scenario;
pub mod series;
pub mod single;
pub mod slices;
pub mod soak;
pub mod suggest;
pub mod target_lease;
pub mod template;
pub mod thresholds;
pub mod usage;
pub mod validate;
pub mod verdict;
