// SPDX-License-Identifier: Apache-2.0
//! The objects that a run consists of. Pure.

mod files;
mod job;
mod parts;
mod placement;
mod service_account;
pub mod store;

use k8s_openapi::api::{batch::v1::Job, core::v1::ServiceAccount};
use kube::api::ObjectMeta;
use upsurge_core::protocol::MAX_PLAN_BYTES;

use super::plan::Plan;
use crate::settings::RunnerDefaults;

/// Everything that is applied for a run, in the order in which it is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// Identity of the runner pods; it has no rights.
    pub service_account: ServiceAccount,
    /// The runner pods. Last, because its pods need the others.
    pub job: Job,
}

/// Why the objects can't be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan can't be written as JSON.
    #[error("failed to write the plan as JSON")]
    Plan(#[from] serde_json::Error),
    /// The plan is larger than runners take it.
    #[error(
        "the test is too large to be given to runners: {size} bytes, at most {most}; shorten its bodies or lists"
    )]
    TooLarge {
        /// Size of the plan.
        size: usize,
        /// Largest size.
        most: usize,
    },
}

/// Builds the objects of a run of a test; `targets` select the pods of each workload of its target, where they are known.
///
/// # Errors
/// When the plan is larger than runners take it.
pub fn objects<'a>(
    plan: &Plan,
    test: &str,
    defaults: &RunnerDefaults,
    targets: impl IntoIterator<Item = &'a str>,
) -> Result<Objects, Error> {
    let size = serde_json::to_vec(&*plan.content)?.len();
    if size > MAX_PLAN_BYTES {
        return Err(Error::TooLarge { size, most: MAX_PLAN_BYTES });
    }
    let service_account = service_account::build(plan, test);
    let targets: Vec<&str> = targets.into_iter().collect();
    Ok(Objects { service_account, job: job::build(plan, test, defaults, &targets) })
}

fn metadata(plan: &Plan, name: String, test: &str, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(plan.content.namespace.clone()),
        labels: Some(plan.labels(test, component)),
        owner_references: Some(vec![plan.owner.clone()]),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests;
