// SPDX-License-Identifier: Apache-2.0
//! The record of a run: its form ([`model`]), how it is kept on disk ([`disk`], [`journal`]), and what is computed from it again.
//!
//! Reports, comparison and the page read the record and nothing else. All but [`disk`] and the writer of [`journal`] is pure; no cluster,
//! no network and no clock in here.

pub mod csv;
pub mod disk;
pub mod fit;
pub mod journal;
pub mod measure;
pub mod model;
pub mod note;
pub mod observed;
pub mod recover;
pub mod redact;
#[cfg(test)]
mod sample;
pub mod schema;
pub mod speedup;
pub mod thin;
pub mod verify;

pub use model::Record;
pub use upsurge_figures::observation::Event;
