// SPDX-License-Identifier: Apache-2.0
//! In the place of `cluster.rs`, in a command that was built without the feature `cluster`: nothing is ever observed.

use std::{convert::Infallible, time::Duration};

use jiff::Timestamp;
use upsurge_core::{
    autoscaling::Restless, losses::Losses, metrics::Metrics, plan::Timeline, thresholds::Windows,
    validate::Valid,
};
use upsurge_crds::{LoadTestSpec, v1alpha1::TimeSpan};
use upsurge_record::{Event, model::ObservedWorkload};

use super::{
    arguments::ObserveArguments,
    watched::{Surroundings, Watched},
};

/// There is none.
pub(super) enum Observation {}

/// Nothing can go wrong.
pub(super) type ObserveError = Infallible;

/// Observes nothing.
pub(super) async fn observe(
    _: &ObserveArguments,
    _: Option<&str>,
    _: &LoadTestSpec,
    _: &Valid,
) -> Result<Option<Observation>, ObserveError> {
    Ok(None)
}

impl Observation {
    pub(super) async fn looked(&self, _: Duration) -> Result<(), String> {
        match *self {}
    }

    pub(super) async fn quiet(&self, _: TimeSpan) -> Result<(), Restless> {
        match *self {}
    }

    pub(super) fn begin(&self, _: &Timeline, _: Timestamp) {
        match *self {}
    }

    pub(super) fn turn(&self, _: &Timeline, _: Timestamp, _: Duration) {
        match *self {}
    }

    pub(super) async fn settled(&self, _: &Timeline, _: Timestamp, _: Timestamp) {
        match *self {}
    }

    pub(super) fn fresh(&self) -> Vec<(usize, Event)> {
        match *self {}
    }

    pub(super) fn workloads(&self, _: Timestamp) -> Vec<ObservedWorkload> {
        match *self {}
    }

    pub(super) fn surroundings(&self) -> Surroundings {
        match *self {}
    }

    pub(super) fn result(
        &self,
        _: &Timeline,
        _: (&Metrics, &Windows, &Losses),
        _: [Timestamp; 3],
    ) -> Option<Watched> {
        match *self {}
    }
}
