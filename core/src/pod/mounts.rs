// SPDX-License-Identifier: Apache-2.0
//! Volumes and where they are seen. A mount may not cover what the runner lives from: its program, which the platform team
//! may have chosen, its token and files, and by what it resolves names.

use k8s_openapi::api::core::v1::{Volume, VolumeMount};
use upsurge_crds::names::TOKEN_AUDIENCE;

use super::{PATH, PodParts, restricted::STANDARD};
use crate::field_error::Errors;

/// Kinds of volume that the pod security standard *restricted* allows.
const KINDS: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
/// What may not be covered. `/var/run` is a link to `/run` in many images.
const RUNNERS: [&str; 6] = [
    "/upsurge",
    "/etc/upsurge",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/var/run/secrets/upsurge.dev",
    "/run/secrets/upsurge.dev",
];

pub(super) fn check(parts: &PodParts, errors: &mut Errors) {
    for (index, volume) in parts.volumes.iter().enumerate() {
        let path = format!("{PATH}.volumes[{index}]");
        kind(volume, &path, errors);
        let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        for (index, source) in projected.enumerate() {
            let token = source.service_account_token.as_ref();
            if token.and_then(|token| token.audience.as_deref()) == Some(TOKEN_AUDIENCE) {
                let path = format_args!("{path}.projected.sources[{index}].serviceAccountToken.audience");
                errors.add(path, format_args!("tokens for {TOKEN_AUDIENCE} are the runner's own"));
            }
        }
    }
    for (index, mount) in parts.volume_mounts.iter().enumerate() {
        let path = format!("{PATH}.volumeMounts[{index}]");
        is_there(parts, mount, &path, errors);
        place(&mount.mount_path, &format!("{path}.mountPath"), errors);
    }
    for (container, index) in parts.init_containers.iter().zip(0..) {
        for (mount, place) in container.volume_mounts.iter().flatten().zip(0..) {
            let path = format!("{PATH}.initContainers[{index}].volumeMounts[{place}]");
            is_there(parts, mount, &path, errors);
        }
    }
}

fn kind(volume: &Volume, path: &str, errors: &mut Errors) {
    let written = serde_json::to_value(volume).unwrap_or_default();
    let kinds: Vec<&String> =
        written.as_object().iter().flat_map(|all| all.keys()).filter(|kind| *kind != "name").collect();
    match kinds.as_slice() {
        [kind] if KINDS.contains(&kind.as_str()) => {}
        [kind] => {
            let message = format_args!("is not allowed: {STANDARD}; use one of {}", KINDS.join(", "));
            errors.add(format_args!("{path}.{kind}"), message);
        }
        _ => errors.add(path, format_args!("a volume has exactly one of {}", KINDS.join(", "))),
    }
}

fn is_there(parts: &PodParts, mount: &VolumeMount, path: &str, errors: &mut Errors) {
    if !parts.volumes.iter().any(|volume| volume.name == mount.name) {
        let message = format_args!("{PATH}.volumes has no volume {:?}", mount.name);
        errors.add(format_args!("{path}.name"), message);
    }
}

fn place(mount: &str, path: &str, errors: &mut Errors) {
    let is_plain = mount == "/"
        || mount.strip_prefix('/').is_some_and(|rest| {
            let mut parts = rest.split('/');
            parts.all(|part| !matches!(part, "" | "." | "..") && !part.contains(':'))
        });
    if !is_plain {
        let message = format_args!("{mount:?} is no plain path from the root, such as /scratch");
        return errors.add(path, message);
    }
    let holds = |outer: &str, inner: &str| {
        let rest = inner.strip_prefix(outer.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(own) = RUNNERS.iter().find(|own| holds(mount, own) || holds(own, mount)) {
        errors.add(path, format_args!("{mount} would cover {own} of the runner: use another path"));
    }
}
