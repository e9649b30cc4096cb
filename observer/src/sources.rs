// SPDX-License-Identifier: Apache-2.0
//! What objects say, as facts; one file per kind. None of these keeps what was before: what is news, [`crate::told`] knows.

pub mod autoscalers;
pub mod endpoints;
pub mod failures;
pub mod keda;
pub mod pods;
pub mod readings;
pub mod requests;
pub mod resources;
pub mod usage;
pub mod workload;
