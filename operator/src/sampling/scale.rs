// SPDX-License-Identifier: Apache-2.0
//! The scale subresource of any workload.

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    discovery,
};
use upsurge_crds::v1alpha1::WorkloadReference;

use super::SamplingError;

/// What the scale subresource says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Replicas asked for.
    pub desired: i32,
    /// Replicas that exist.
    pub current: i32,
    /// Label selector of the workload's pods.
    pub selector: String,
}

/// Reads the scale of a workload, whatever its kind.
///
/// # Errors
/// [`SamplingError::NotFound`] when there is no such workload or it can't be scaled.
pub async fn scale_of(
    client: &Client,
    namespace: &str,
    workload: &WorkloadReference,
) -> Result<Scale, SamplingError> {
    let api = api_of(client, namespace, workload).await?;
    scale(&api, namespace, workload).await
}

/// The API of the workload's kind, as the API server knows it.
pub(super) async fn api_of(
    client: &Client,
    namespace: &str,
    workload: &WorkloadReference,
) -> Result<Api<DynamicObject>, SamplingError> {
    let resource = resource_of(client, namespace, workload).await?;
    Ok(Api::namespaced_with(client.clone(), namespace, &resource))
}

async fn resource_of(
    client: &Client,
    namespace: &str,
    workload: &WorkloadReference,
) -> Result<ApiResource, SamplingError> {
    let (group, version) = workload.api_version.split_once('/').unwrap_or(("", &workload.api_version));
    let kind = GroupVersionKind::gvk(group, version, &workload.kind);
    match discovery::pinned_kind(client, &kind).await {
        Ok((resource, _)) => Ok(resource),
        Err(kube::Error::Discovery(error)) => Err(SamplingError::NotFound {
            what: name(namespace, workload),
            message: format!(
                "the API server knows no kind {} in {}: correct spec.target.workloads ({error})",
                workload.kind, workload.api_version
            ),
        }),
        Err(error) => Err(SamplingError::of(name(namespace, workload), error)),
    }
}

pub(super) async fn scale(
    api: &Api<DynamicObject>,
    namespace: &str,
    workload: &WorkloadReference,
) -> Result<Scale, SamplingError> {
    let what = || name(namespace, workload);
    let scale =
        api.get_scale(&workload.name).await.map_err(|error| match SamplingError::of(what(), error) {
            SamplingError::NotFound { what, message } => {
                let message =
                    format!("{message}; spec.target.workloads must name a workload that can be scaled");
                SamplingError::NotFound { what, message }
            }
            error => error,
        })?;
    let status = scale.status.unwrap_or_default();
    Ok(Scale {
        desired: scale.spec.and_then(|spec| spec.replicas).unwrap_or_default(),
        current: status.replicas,
        selector: status.selector.unwrap_or_default(),
    })
}

/// The workload in words.
pub(super) fn name(namespace: &str, workload: &WorkloadReference) -> String {
    format!("{} {namespace}/{}", workload.kind, workload.name)
}
