// SPDX-License-Identifier: Apache-2.0
//! What there is around a load in a cluster: when it starts, how many runners make it, where their figures go, and what has to
//! be in the namespace beside the test. A line for each, so that nothing is missing only when the run begins.

use upsurge_core::{files, http::without_login, pod};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{OutputSpec, SecretKeyRef},
};

use crate::cli::manifest::Manifest;

/// All of it, in the order in which a run comes to it.
pub(super) fn around(manifest: &Manifest) -> String {
    let spec = &manifest.spec;
    let mut text = String::new();
    if let Some(schedule) = &spec.schedule {
        text += &format!("schedule   {} ({})\n", schedule.cron, schedule.time_zone);
    }
    for trigger in &spec.triggers {
        text += &format!("trigger    {:?}, ready for {}\n", trigger.type_, trigger.settle);
    }
    text += &format!("runners    {}\n", spec.runner.parallelism);
    text + &outputs(spec) + &store(spec) + &secrets(spec) + &objects(manifest)
}

fn outputs(spec: &LoadTestSpec) -> String {
    let line = |output: &OutputSpec| {
        let (field, url, _) = output.destination()?;
        let form = field.split('.').next().unwrap_or(field);
        Some(format!(
            "output     {}: {form} to {} every {}\n",
            output.name,
            without_login(url),
            output.interval
        ))
    };
    spec.outputs.iter().filter_map(line).collect()
}

/// Where the records of its runs go.
fn store(spec: &LoadTestSpec) -> String {
    let Some(record) = &spec.record else { return String::new() };
    let place = match (&record.store.object_store, &record.store.persistent_volume_claim) {
        (Some(objects), _) => format!("{}, with Secret {}", objects.url, objects.secret_ref.name),
        (None, Some(claim)) => format!("PersistentVolumeClaim {}", claim.claim_name),
        (None, None) => return String::new(),
    };
    format!("record     goes from the cluster to {place}\n")
}

/// Values from Secrets: those of `secrets`, and those of headers.
fn secrets(spec: &LoadTestSpec) -> String {
    let declared = spec.secrets.iter().map(|secret| line(&secret.name, &secret.secret_key_ref));
    let pushed = spec.outputs.iter().flat_map(|output| {
        output.headers().map(move |(_, header)| {
            let what = format!("header {} of output {}", header.name, output.name);
            line(&what, &header.value_from.secret_key_ref)
        })
    });
    let asked = spec.prometheus.iter().flat_map(|prometheus| &prometheus.headers).map(|header| {
        let what = format!("header {} of spec.prometheus", header.name);
        line(&what, &header.value_from.secret_key_ref)
    });
    declared.chain(pushed).chain(asked).collect()
}

fn line(what: &str, from: &SecretKeyRef) -> String {
    format!("secret     {what} is key {} of Secret {}\n", from.key, from.name)
}

/// ConfigMaps and Secrets that runner pods have in their variables, volumes and files.
fn objects(manifest: &Manifest) -> String {
    let spec = &manifest.spec;
    let line = |field: &str, key: Option<&str>, kind: &str, name: &str| {
        let title = kind.to_lowercase();
        // A title that is longer than its column still stands apart.
        let title = format!("{title:<10} ");
        match key {
            Some(key) => format!("{title}{field} is key {key} of {kind} {name}\n"),
            None => format!("{title}{field} is {kind} {name}\n"),
        }
    };
    let pulled = spec.runner.image_pull_secrets.iter().enumerate().map(|(index, secret)| {
        line(&format!("spec.runner.imagePullSecrets[{index}]"), None, "Secret", &secret.name)
    });
    let added = pod::references(&manifest.valid.pod);
    let added = added
        .iter()
        .map(|object| line(&object.field, object.key.as_deref(), object.kind.as_str(), &object.name));
    let read = files::references(spec);
    let read = read
        .iter()
        .map(|file| line(&file.field, Some(file.id.key.as_str()), file.id.kind.as_str(), &file.id.name));
    pulled.chain(added).chain(read).collect()
}
