// SPDX-License-Identifier: Apache-2.0
//! Observation of the target and its autoscaler while a run lasts.
//!
//! `upsurge_observer` watches and tells events; here they are recorded, so that they survive the operator in the checkpoint.
//! Conclusions are drawn elsewhere, by `upsurge_core::autoscaling`, and from the record alone.

mod record;
mod shared;
#[cfg(test)]
mod tests;

use futures::future::join_all;
use kube::Client;
use tokio::task::JoinHandle;
use upsurge_crds::v1alpha1::WorkloadReference;
use upsurge_observer::Target;

pub use record::{Kept, Recorded, recorded};
pub use shared::SharedRecord;

/// A workload of a namespace, as the observer knows it.
pub fn target(namespace: &str, workload: WorkloadReference) -> Target {
    let WorkloadReference { api_version, kind, name } = workload;
    Target { namespace: namespace.into(), api_version, kind, name }
}

/// Records what happens to a workload until the handle is aborted.
pub fn spawn(client: Client, target: Target, record: SharedRecord) -> JoinHandle<()> {
    let observer = record.observer(target);
    tokio::spawn(upsurge_observer::observe(client, observer, move |events| record.note(events)))
}

/// Records what happens to several workloads, in the order of the spec, until the handle is aborted.
pub fn spawn_all(client: &Client, targets: Vec<Target>, record: &SharedRecord) -> JoinHandle<()> {
    let observing: Vec<_> = targets
        .into_iter()
        .zip(record.each().cloned())
        .map(|(target, record)| {
            let observer = record.observer(target);
            upsurge_observer::observe(client.clone(), observer, move |events| record.note(events))
        })
        .collect();
    tokio::spawn(async move {
        join_all(observing).await;
    })
}
