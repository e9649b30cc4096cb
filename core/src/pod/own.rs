// SPDX-License-Identifier: Apache-2.0
//! Names: those that the operator and Kubernetes set, which a test can't set too, and the form of all others. The API server
//! refuses most of it at apply, by the rules of the schema; here is what a run made by hand goes through, too.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};
use upsurge_crds::{
    names::{labels, runner_pods},
    v1alpha1::RunnerSpec,
};

use super::{PATH, PodParts};
use crate::{
    field_error::Errors,
    resource::{check_marks, check_subdomain, is_dns_label},
};

/// Whether a label or an annotation of runner pods is set by the operator or by the Job controller, which find pods by it.
pub fn is_own_mark(key: &str) -> bool {
    labels::OWN_GROUPS.iter().any(|group| key.starts_with(group)) || labels::OWN.contains(&key)
}

pub(super) fn check(runner: &RunnerSpec, parts: &PodParts, errors: &mut Errors) {
    marks(runner, errors);
    for (field, name) in [
        ("serviceAccountName", &runner.service_account_name),
        ("priorityClassName", &runner.priority_class_name),
        ("schedulerName", &runner.scheduler_name),
        ("runtimeClassName", &runner.runtime_class_name),
    ] {
        if let Some(name) = name {
            check_subdomain(name, &format!("{PATH}.{field}"), errors);
        }
    }
    for (index, variable) in parts.env.iter().enumerate() {
        let path = format_args!("{PATH}.env[{index}].name");
        if variable.name.starts_with(runner_pods::OWN_VARIABLES)
            || variable.name == runner_pods::INDEX_VARIABLE
        {
            let message = format_args!(
                "{} is the runner's own variable, as all of {}… and {}: use another name",
                variable.name,
                runner_pods::OWN_VARIABLES,
                runner_pods::INDEX_VARIABLE
            );
            errors.add(path, message);
        }
    }
    for (index, volume) in parts.volumes.iter().enumerate() {
        let path = format!("{PATH}.volumes[{index}].name");
        if volume.name.starts_with(runner_pods::OWN_VOLUMES) {
            let own = runner_pods::OWN_VOLUMES;
            errors.add(&path, format_args!("volumes named {own}… are the operator's own: use another name"));
        }
        form("volume", &volume.name, &path, errors);
    }
    for (index, container) in parts.init_containers.iter().enumerate() {
        let path = format!("{PATH}.initContainers[{index}].name");
        if container.name == runner_pods::CONTAINER {
            let own = runner_pods::CONTAINER;
            errors.add(&path, format_args!("{own} is the runner's own container: use another name"));
        }
        form("container", &container.name, &path, errors);
        if container.image.as_ref().is_none_or(String::is_empty) {
            errors.add(format_args!("{PATH}.initContainers[{index}].image"), "is required");
        }
    }
    repeated(parts, errors);
}

fn marks(runner: &RunnerSpec, errors: &mut Errors) {
    let mut written = Map::new();
    for (field, marks) in [("labels", &runner.labels), ("annotations", &runner.annotations)] {
        for key in marks.keys().filter(|key| is_own_mark(key)) {
            let message =
                "is set by the operator or by Kubernetes, which find runners by it: use another name";
            errors.add(format_args!("{PATH}.{field}.{key}"), message);
        }
        let marks = marks.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        written.insert(field.into(), Value::Object(marks.collect()));
    }
    check_marks(PATH, &written, errors);
}

fn form(what: &str, name: &str, path: &str, errors: &mut Errors) {
    if !is_dns_label(name) {
        let allowed = "small letters, digits and '-', with a letter or a digit at both ends, at most 63";
        errors.add(path, format_args!("{name:?} can't be the name of a {what}: use {allowed}"));
    }
}

/// The API server knows the entries of these lists by their keys.
fn repeated(parts: &PodParts, errors: &mut Errors) {
    twice("env", "name", parts.env.iter().map(|one| &one.name), errors);
    twice("volumes", "name", parts.volumes.iter().map(|one| &one.name), errors);
    twice("volumeMounts", "mountPath", parts.volume_mounts.iter().map(|one| &one.mount_path), errors);
    twice("initContainers", "name", parts.init_containers.iter().map(|one| &one.name), errors);
    twice("hostAliases", "ip", parts.host_aliases.iter().map(|one| &one.ip), errors);
    let spread = parts.topology_spread_constraints.iter();
    let keys = spread.map(|one| (&one.topology_key, &one.when_unsatisfiable));
    twice("topologySpreadConstraints", "topologyKey", keys, errors);
}

fn twice<K: Ord + fmt::Debug>(list: &str, key: &str, keys: impl Iterator<Item = K>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, value) in keys.enumerate() {
        let path = format_args!("{PATH}.{list}[{index}].{key}");
        if seen.contains(&value) {
            errors.add(path, format_args!("another entry has {value:?} too"));
        }
        seen.insert(value);
    }
}
