// SPDX-License-Identifier: Apache-2.0
//! Finding the workload: the API of its kind, and its scale.

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    discovery,
};

use crate::{target::Target, words::plain};

/// Why a workload is not found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none of that name, or its kind is not known, or has no scale.
    #[error("{target} was not found: {message}")]
    NotFound {
        /// The workload.
        target: String,
        /// What the API server said.
        message: String,
    },
    /// It may not be read.
    #[error("{target} may not be read: {message}")]
    Forbidden {
        /// The workload.
        target: String,
        /// What the API server said.
        message: String,
    },
    /// The API server did not answer as it should; trying again may help.
    #[error("{target} can't be read: {}", plain(.source))]
    Api {
        /// The workload.
        target: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
}

impl FindError {
    pub(crate) fn of(target: &Target, error: kube::Error) -> Self {
        let target = target.to_string();
        match error {
            kube::Error::Api(status) if status.code == 404 => {
                Self::NotFound { target, message: status.message }
            }
            kube::Error::Api(status) if status.code == 403 => {
                Self::Forbidden { target, message: status.message }
            }
            error => Self::Api { target, source: Box::new(error) },
        }
    }
}

/// A workload that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The API of its kind in its namespace.
    pub api: Api<DynamicObject>,
    /// Its scale at that moment.
    pub scale: Scale,
}

impl Found {
    /// The label selector of its pods; `None` if it is empty, which would be all pods of the namespace.
    pub fn selector(&self) -> Option<&str> {
        let selector = self.scale.status.as_ref().and_then(|status| status.selector.as_deref());
        selector.filter(|selector| !selector.trim().is_empty())
    }
}

/// Finds a workload, whatever its kind.
///
/// # Errors
/// When there is none, or the API server can't be asked.
pub async fn find(client: &Client, target: &Target) -> Result<Found, FindError> {
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    let kind = GroupVersionKind::gvk(group, version, &target.kind);
    let resource = if target.is_built_in() {
        // Every cluster has it, by this name: whoever looks again and again need not ask each time.
        ApiResource::from_gvk(&kind)
    } else {
        discover(client, target, &kind).await?
    };
    let api = Api::namespaced_with(client.clone(), &target.namespace, &resource);
    let scale = scale(&api, target).await?;
    Ok(Found { api, scale })
}

async fn discover(
    client: &Client,
    target: &Target,
    kind: &GroupVersionKind,
) -> Result<ApiResource, FindError> {
    let found = discovery::pinned_kind(client, kind).await;
    found.map(|(resource, _)| resource).map_err(|error| match error {
        kube::Error::Discovery(error) => FindError::NotFound {
            target: target.to_string(),
            message: format!(
                "the API server knows no kind {} in {} ({error})",
                target.kind, target.api_version
            ),
        },
        error => FindError::of(target, error),
    })
}

/// Reads the scale of a workload.
///
/// # Errors
/// When it has none, or the API server can't be asked.
pub async fn scale(api: &Api<DynamicObject>, target: &Target) -> Result<Scale, FindError> {
    api.get_scale(&target.name).await.map_err(|error| FindError::of(target, error))
}
