// SPDX-License-Identifier: Apache-2.0
//! The record that a finished run leaves in its namespace, from which reports are made.
//!
//! `document` makes it of what the operator holds at the end of a run, `budget` says which older ones go to make room, and [`Keeper`]
//! writes it. It is written before the status says that the run is finished, and so before its checkpoint goes: an operator that takes over
//! in between writes it again. No record is ever read here, and none is kept in memory: what has to be known of many stands in their
//! metadata. A record that can't be written changes no verdict.

mod budget;
mod document;
mod error;
mod failures;
#[cfg(test)]
pub(crate) mod fixtures;
mod keeper;
mod series;

use std::time::Duration;

use kube::core::ObjectMeta;
use upsurge_crds::names::annotations::{BASELINE, KEEP};

pub use self::{
    document::{Ended, document},
    error::KeepError,
    failures::Failures,
    keeper::{Keeper, Packed},
};

/// How far the record of a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// None is to be kept.
    Off,
    /// It is to be written now.
    #[default]
    Due,
    /// It could not be written, and that is tried again after a while.
    Waits {
        /// Why, in words.
        why: String,
        /// How long that is.
        wait: Duration,
    },
    /// It can't be had, and nobody tries again.
    GivenUp {
        /// How often it was tried.
        tries: u32,
        /// Why, in words.
        why: String,
    },
}

/// Whether a run is to be kept, with its record, whatever else has to go.
pub fn stays(metadata: &ObjectMeta) -> bool {
    let says_so = |name: &str| {
        metadata.annotations.as_ref().and_then(|known| known.get(name)).is_some_and(|value| value == "true")
    };
    says_so(KEEP) || says_so(BASELINE)
}
