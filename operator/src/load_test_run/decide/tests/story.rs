// SPDX-License-Identifier: Apache-2.0
//! What is played: a kind of test, and what befalls its run.

use upsurge_crds::v1alpha1::Phase;

/// Something that befalls the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Event {
    #[default]
    None,
    AbortIn(Phase),
    Breach,
    PodKilled,
    JobRefused,
    /// So often the Job can't be made, for a reason that may pass.
    JobFails(u32),
    /// In this phase there is a Job of somebody else where the run's own belongs.
    ForeignIn(Phase),
    /// The operator is killed in this phase, and its checkpoint can't be read by the next.
    DamagedIn(Phase),
    /// The API server lets nobody set replicas.
    ReplicasRefused,
    /// Pods never get ready.
    NeverReady,
    /// Somebody else changes the autoscaler in this phase.
    AutoscalerChangedIn(Phase),
}

/// What is played.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub event: Event,
    pub then: Event,
    pub by_hand: bool,
    pub after: bool,
    pub checks: bool,
    /// Whether the test names the server itself.
    pub own_server: bool,
    /// Whether the test shares its target.
    pub shares: bool,
    /// Whether it is a search, of a target that carries 20 iterations per second.
    pub search: bool,
    /// Whether it is a search for the fewest replicas, of a target that needs three.
    pub replicas: bool,
    /// Whether, in its place, counts of replicas are compared, of a target that does with any of them.
    pub compares: bool,
    /// Whether, in place of these, sizes of its pods are.
    pub sizes: bool,
}

impl Story {
    pub fn of(event: Event) -> Self {
        Self { event, ..Self::default() }
    }
}
