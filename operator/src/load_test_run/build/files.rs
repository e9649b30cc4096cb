// SPDX-License-Identifier: Apache-2.0
//! The volume with the files that a test takes from ConfigMaps and Secrets.
//!
//! What does not exist yet keeps the pod from starting: the kubelet looks for it again and again, and its events say what
//! is missing. A pod that started without would see it only when the kubelet next looks, up to two minutes later.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, KeyToPath, ProjectedVolumeSource, SecretProjection, Volume, VolumeProjection,
};
use upsurge_core::files::{FileId, FileKind, references};
use upsurge_crds::LoadTestSpec;

/// Name of the volume.
pub const NAME: &str = "upsurge-files";

/// One projection per object, with the keys that are used; `None` for a test without files.
pub fn volume(test: &LoadTestSpec) -> Option<Volume> {
    let mut objects: BTreeMap<(FileKind, String), Vec<FileId>> = BTreeMap::new();
    for reference in references(test) {
        objects.entry((reference.id.kind, reference.id.name.clone())).or_default().push(reference.id);
    }
    if objects.is_empty() {
        return None;
    }
    let sources = objects.into_iter().map(|((kind, name), files)| projection(kind, name, &files)).collect();
    Some(Volume {
        name: NAME.into(),
        projected: Some(ProjectedVolumeSource { sources: Some(sources), ..ProjectedVolumeSource::default() }),
        ..Volume::default()
    })
}

fn projection(kind: FileKind, name: String, files: &[FileId]) -> VolumeProjection {
    let items = files.iter().map(|file| KeyToPath {
        key: file.key.clone(),
        path: file.path(),
        mode: None,
        user: None,
    });
    let (items, optional) = (Some(items.collect()), Some(false));
    match kind {
        FileKind::ConfigMap => VolumeProjection {
            config_map: Some(ConfigMapProjection { name, items, optional }),
            ..VolumeProjection::default()
        },
        FileKind::Secret => VolumeProjection {
            secret: Some(SecretProjection { name, items, optional }),
            ..VolumeProjection::default()
        },
    }
}
