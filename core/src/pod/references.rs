// SPDX-License-Identifier: Apache-2.0
//! The ConfigMaps and Secrets that a test adds to its runner pods: what the policy allows or not, and what is named when it is
//! missing.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, Volume};

use super::{PATH, PodParts};
use crate::files::FileKind;

/// An object that pods are to have, or a key of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodReference {
    /// Kind of the object.
    pub kind: FileKind,
    /// Its name.
    pub name: String,
    /// The key, if it is about one.
    pub key: Option<String>,
    /// Path of the field that says the name.
    pub field: String,
}

/// All of them, in the order of the fields.
pub fn references(parts: &PodParts) -> Vec<PodReference> {
    let mut found = Vec::new();
    variables(PATH, &parts.env, &parts.env_from, &mut found);
    for (index, container) in parts.init_containers.iter().enumerate() {
        let path = format!("{PATH}.initContainers[{index}]");
        let env = container.env.as_deref().unwrap_or_default();
        variables(&path, env, container.env_from.as_deref().unwrap_or_default(), &mut found);
    }
    for (index, volume) in parts.volumes.iter().enumerate() {
        of_volume(&format!("{PATH}.volumes[{index}]"), volume, &mut found);
    }
    found
}

fn reference(kind: FileKind, name: &str, key: Option<&String>, field: String) -> PodReference {
    PodReference { kind, name: name.to_owned(), key: key.cloned(), field }
}

fn variables(path: &str, env: &[EnvVar], env_from: &[EnvFromSource], found: &mut Vec<PodReference>) {
    for (index, variable) in env.iter().enumerate() {
        let Some(from) = &variable.value_from else { continue };
        let path = format!("{path}.env[{index}].valueFrom");
        if let Some(key) = &from.config_map_key_ref {
            let field = format!("{path}.configMapKeyRef.name");
            found.push(reference(FileKind::ConfigMap, &key.name, Some(&key.key), field));
        }
        if let Some(key) = &from.secret_key_ref {
            let field = format!("{path}.secretKeyRef.name");
            found.push(reference(FileKind::Secret, &key.name, Some(&key.key), field));
        }
    }
    for (index, source) in env_from.iter().enumerate() {
        let path = format!("{path}.envFrom[{index}]");
        if let Some(object) = &source.config_map_ref {
            let field = format!("{path}.configMapRef.name");
            found.push(reference(FileKind::ConfigMap, &object.name, None, field));
        }
        if let Some(object) = &source.secret_ref {
            found.push(reference(FileKind::Secret, &object.name, None, format!("{path}.secretRef.name")));
        }
    }
}

/// Of the kinds of volume that runner pods may have.
fn of_volume(path: &str, volume: &Volume, found: &mut Vec<PodReference>) {
    if let Some(object) = &volume.config_map {
        found.push(reference(FileKind::ConfigMap, &object.name, None, format!("{path}.configMap.name")));
    }
    if let Some(object) = &volume.secret {
        let name = object.secret_name.as_deref().unwrap_or_default();
        found.push(reference(FileKind::Secret, name, None, format!("{path}.secret.secretName")));
    }
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    for (index, source) in sources.enumerate() {
        let path = format!("{path}.projected.sources[{index}]");
        if let Some(object) = &source.config_map {
            found.push(reference(FileKind::ConfigMap, &object.name, None, format!("{path}.configMap.name")));
        }
        if let Some(object) = &source.secret {
            found.push(reference(FileKind::Secret, &object.name, None, format!("{path}.secret.name")));
        }
    }
    if let Some(secret) = volume.csi.as_ref().and_then(|csi| csi.node_publish_secret_ref.as_ref()) {
        let field = format!("{path}.csi.nodePublishSecretRef.name");
        found.push(reference(FileKind::Secret, &secret.name, None, field));
    }
}
