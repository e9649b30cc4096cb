// SPDX-License-Identifier: Apache-2.0
//! What a test says of its runner pods, read as the parts of a pod that it is, and refused where it can't be had: names that
//! are the operator's own ([`is_own_mark`]), mounts over what the runner lives from, and all that the pod security standard
//! *restricted* forbids. So nobody gets pods by way of a test that they could not, or should not, make themselves.
//!
//! Types and unknown fields are checked before, by the schema. What the platform team allows is for [`crate::policy`].

mod mounts;
mod own;
mod references;
mod resources;
mod restricted;

use k8s_openapi::api::core::v1::{
    Affinity, Container, EnvFromSource, EnvVar, HostAlias, PodDNSConfig, PodSecurityContext, SecurityContext,
    TopologySpreadConstraint, Volume, VolumeMount,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use upsurge_crds::v1alpha1::RunnerSpec;

pub(crate) use self::resources::{compare, complaint};
pub use self::{
    own::is_own_mark,
    references::{PodReference, references},
    resources::check_resources,
};
use crate::field_error::{Errors, FieldError};

/// The path of what is read here.
const PATH: &str = "spec.runner";

/// What a test adds to its runner pods, where that is more than text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodParts {
    /// Which nodes runners would rather run on, or have to.
    pub affinity: Option<Affinity>,
    /// How they are spread.
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Environment variables of the runner.
    pub env: Vec<EnvVar>,
    /// What else becomes its environment variables.
    pub env_from: Vec<EnvFromSource>,
    /// Security context of the pods.
    pub security_context: Option<PodSecurityContext>,
    /// Security context of the runner's container.
    pub container_security_context: Option<SecurityContext>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Where the runner sees them.
    pub volume_mounts: Vec<VolumeMount>,
    /// Containers before the runner, or beside it.
    pub init_containers: Vec<Container>,
    /// Names for addresses.
    pub host_aliases: Vec<HostAlias>,
    /// The resolver.
    pub dns_config: Option<PodDNSConfig>,
}

/// Reads and checks what a test says of its runner pods.
///
/// # Errors
/// All that can't be had, each with the path of its field.
pub(crate) fn compile(runner: &RunnerSpec) -> Result<PodParts, Vec<FieldError>> {
    let mut errors = Errors::default();
    let parts = PodParts {
        affinity: one("affinity", runner.affinity.as_ref(), &mut errors),
        topology_spread_constraints: list(
            "topologySpreadConstraints",
            &runner.topology_spread_constraints,
            &mut errors,
        ),
        env: list("env", &runner.env, &mut errors),
        env_from: list("envFrom", &runner.env_from, &mut errors),
        security_context: one("securityContext", runner.security_context.as_ref(), &mut errors),
        container_security_context: one(
            "containerSecurityContext",
            runner.container_security_context.as_ref(),
            &mut errors,
        ),
        volumes: list("volumes", &runner.volumes, &mut errors),
        volume_mounts: list("volumeMounts", &runner.volume_mounts, &mut errors),
        init_containers: list("initContainers", &runner.init_containers, &mut errors),
        host_aliases: list("hostAliases", &runner.host_aliases, &mut errors),
        dns_config: one("dnsConfig", runner.dns_config.as_ref(), &mut errors),
    };
    own::check(runner, &parts, &mut errors);
    resources::check(runner, &parts, &mut errors);
    mounts::check(&parts, &mut errors);
    restricted::check(runner, &parts, &mut errors);
    errors.finish(parts)
}

fn one<T: DeserializeOwned>(field: &str, value: Option<&Value>, errors: &mut Errors) -> Option<T> {
    errors.check(format_args!("{PATH}.{field}"), serde_json::from_value(value?.clone()))
}

fn list<T: DeserializeOwned>(field: &str, values: &[Value], errors: &mut Errors) -> Vec<T> {
    let read = values.iter().enumerate().filter_map(|(index, value)| {
        errors.check(format_args!("{PATH}.{field}[{index}]"), serde_json::from_value(value.clone()))
    });
    read.collect()
}

#[cfg(test)]
mod tests;
