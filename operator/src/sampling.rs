// SPDX-License-Identifier: Apache-2.0
//! Observation of the target and its autoscaler while a run lasts.
//!
//! By watch where the API can be watched, so that the recorded instants are those at which a change was seen.
//! Everything goes into a [`SharedObservation`]; conclusions are drawn elsewhere, by `upsurge_core::autoscaling`. The events of
//! `upsurge_observer` go there too: figures are made from them, and the timeline, the peaks and the first doubts from the list of
//! samples.
//!
//! Supply is what can serve: pods that are ready and not about to go, and, as soon as any Service selects them,
//! ready in an EndpointSlice too.

mod autoscaler;
mod endpoints;
mod observer;
mod picture;
mod pods;
mod record;
mod scale;
mod shared;
#[cfg(test)]
mod tests;
mod usage;
mod watches;

use kube::Client;
use tokio::task::JoinHandle;
use upsurge_crds::v1alpha1::WorkloadReference;
use upsurge_observer::Target;

pub use autoscaler::{FoundAutoscaler, find_autoscaler};
pub use record::{Kept, Recorded, recorded};
pub use scale::{Scale, scale_of};
pub use shared::SharedObservation;

/// Why something about the target can't be told.
#[derive(Debug, thiserror::Error)]
pub enum SamplingError {
    /// The object does not exist, or its kind is not known to the API server.
    #[error("{what} was not found: {message}")]
    NotFound {
        /// Kind, namespace and name.
        what: String,
        /// What is missing and what to do.
        message: String,
    },
    /// The operator may not read it.
    #[error("the operator may not read {what}: {message}; grant it in the operator's role")]
    Forbidden {
        /// Kind, namespace and name.
        what: String,
        /// What the API server said.
        message: String,
    },
    /// The API server did not answer as it should; trying again may help.
    #[error("{what} can't be read: {source}")]
    Api {
        /// Kind, namespace and name.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
}

impl SamplingError {
    /// Sorts an error of the API server by what to do about it.
    fn of(what: String, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 404 => {
                Self::NotFound { what, message: status.message }
            }
            kube::Error::Api(status) if status.code == 403 => {
                Self::Forbidden { what, message: status.message }
            }
            error => Self::Api { what, source: Box::new(error) },
        }
    }
}

/// Observes a workload of a namespace until the handle is aborted. Beside the list of samples each event is recorded, from
/// which the figures are made.
pub fn spawn(
    client: Client,
    namespace: String,
    workload: WorkloadReference,
    sink: SharedObservation,
) -> JoinHandle<()> {
    let WorkloadReference { api_version, kind, name } = workload.clone();
    let (recorder, target) = (sink.clone(), Target { namespace: namespace.clone(), api_version, kind, name });
    let recording = upsurge_observer::observe(client.clone(), recorder.observer(target), move |events| {
        recorder.note(events);
    });
    tokio::spawn(async {
        tokio::join!(observer::observe(client, namespace, workload, sink), recording);
    })
}
