//! Observation of the target and its autoscaler while a run lasts.
//!
//! By watch where the API can be watched, so that the recorded instants are those of the changes. Everything
//! goes into a [`SharedObservation`]; conclusions are drawn elsewhere, by `upsurge_core::autoscaling`.

mod autoscaler;
mod scale;
mod shared;

use kube::Client;
use tokio::task::JoinHandle;
use upsurge_crds::v1alpha1::WorkloadReference;

pub use autoscaler::{FoundAutoscaler, find_autoscaler};
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

/// Observes a workload of a namespace until the handle is aborted.
pub fn spawn(
    client: Client,
    namespace: String,
    workload: WorkloadReference,
    sink: SharedObservation,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _ = (client, namespace, workload, sink);
    })
}
