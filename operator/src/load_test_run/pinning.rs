// SPDX-License-Identifier: Apache-2.0
//! The objects that decide on the replicas of a target, and on the size of its pods: looked at, and changed under the version that was looked at.
//!
//! What is to be changed is decided in `upsurge_core::pinning`. They are somebody else's: they are never applied, as that would make the
//! operator an owner of their fields, but merged, and only where they are still what was looked at.

mod change;
mod container;
mod look;
#[cfg(test)]
mod tests;

use kube::ResourceExt;
use upsurge_core::pinning::Present;
use upsurge_crds::{
    LoadTestRun,
    names::{finalizers, reasons},
    v1alpha1::{PinnedObject, PinningStatus},
};
use upsurge_figures::observation::Levels;
use upsurge_observer::Target;

use super::progress::Cause;

pub use self::{
    change::{Error, change, keep, put_back, release},
    container::Sizing,
    look::{found, look},
};

/// API group and version of the autoscalers that are looked at.
const AUTOSCALING: &str = "autoscaling/v2";
const AUTOSCALER: &str = "HorizontalPodAutoscaler";
/// The same of KEDA's.
const KEDA: &str = "keda.sh/v1alpha1";
const SCALED_OBJECT: &str = "ScaledObject";
/// Annotation by which KEDA holds a workload at a number of replicas.
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";

/// So often something may have changed, since it was looked at, in the looks of one reconciliation.
const MOST_CONFLICTS: u32 = 4;

/// How often something had changed that was to be put back.
#[derive(Debug, Default)]
pub struct Conflicts(u32);

impl Conflicts {
    /// It had, once more. Whatever makes it so each time may do so for ever, so it counts as what may not be changed then.
    pub fn met(&mut self, error: &Error) -> Option<Cause> {
        self.0 += 1;
        let cause = || Cause::breakdown(reasons::PINNING_FORBIDDEN, format!("each time, {error}"));
        (self.0 >= MOST_CONFLICTS).then(cause)
    }
}

/// What decides on the replicas of a target, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Scaler {
    /// The objects, autoscalers first.
    pub present: Vec<Present>,
    /// How many replicas are asked for, exist and are ready.
    pub levels: Levels,
    /// What keeps a pod from running, if somebody says so.
    pub trouble: Option<String>,
    /// What is to be done until all pods have the size that the workload says; `None` where that is so, or no size is set.
    pub rollout: Option<String>,
    /// Why the target can't be held at any number.
    pub problem: Option<String>,
    /// That this is so because the test does not fit the workload.
    pub is_unfit: bool,
    /// What a run has noted that may not be looked at any more. It may still have what the run has set.
    pub hidden: Vec<Hidden>,
}

/// An object that may not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What the run had noted of it.
    pub object: PinnedObject,
    /// Why it may not.
    pub why: String,
}

/// The workload of a run that holds its target, if it has noted one.
pub fn target(run: &LoadTestRun) -> Option<Target> {
    let known = run.status.as_ref()?.pinning.as_ref()?;
    let PinnedObject { api_version, kind, name, .. } =
        known.originals.iter().find(|original| original.replicas.is_some())?.clone();
    Some(Target { namespace: run.namespace().unwrap_or_default(), api_version, kind, name })
}

/// What a run still has to put back.
pub fn outstanding(run: &LoadTestRun) -> Option<&PinningStatus> {
    let known = run.status.as_ref()?.pinning.as_deref();
    known.filter(|known| !known.restored)
}

/// Whether a run is kept until what it has set is put back.
pub fn is_kept(run: &LoadTestRun) -> bool {
    run.finalizers().iter().any(|name| name == finalizers::RESTORE)
}

/// What has to be done for the operator to be allowed to change something in a namespace.
pub fn advice(namespace: &str) -> String {
    format!("whoever installs Upsurge has to add {namespace} to pinning.namespaces in the chart's values")
}
