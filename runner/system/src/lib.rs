// SPDX-License-Identifier: Apache-2.0
//! What a runner takes from the system that it runs on: the files of a test, and how the generator itself fares.

pub mod files;
pub mod generator;
