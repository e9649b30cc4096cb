// SPDX-License-Identifier: Apache-2.0
//! A fact: what an object says, before it is known whether that is news.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_figures::observation::{Life, What};

/// Something that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// What.
    pub what: What,
    /// Since when, as Kubernetes has it.
    pub stamped: Option<Timestamp>,
}

impl Fact {
    /// Without a stamp.
    pub fn of(what: What) -> Self {
        Self { what, stamped: None }
    }

    /// A step in the life of a pod.
    pub fn pod(pod: &str, life: Life) -> Self {
        Self::of(What::Pod { pod: pod.into(), life })
    }

    /// With the stamp that Kubernetes gave it, if it did.
    #[must_use]
    pub fn since(mut self, time: Option<&Time>) -> Self {
        self.stamped = time.map(|time| time.0);
        self
    }
}
