// SPDX-License-Identifier: Apache-2.0
//! The Kubernetes API of Upsurge: resource types, their schemas and the names shared by all parts.
//!
//! Everything here is data. Nothing in this crate talks to a cluster or decides a verdict; the
//! field documentation is the user documentation of the resources (`kubectl explain loadtest`).

pub mod conditions;
pub mod internal;
pub mod manifests;
pub mod names;
pub mod read;
pub mod reference;
pub mod schemas;
pub mod v1alpha1;
pub mod words;

pub use v1alpha1::{LoadTest, LoadTestRun, LoadTestRunSpec, LoadTestSpec};
