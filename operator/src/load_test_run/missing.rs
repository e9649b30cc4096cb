// SPDX-License-Identifier: Apache-2.0
//! What a pod lacks of the ConfigMaps and Secrets that its test names, from the words of the kubelet. Pure.
//!
//! The operator has no right to read either; the kubelet, which waits for them, says what it does not find.

use upsurge_core::{
    files::{FileKind, references},
    pod,
};

use super::plan::Plan;

/// What does not exist, with the fields that name it; `None` if the words are about something else.
pub fn named(message: &str, plan: &Plan) -> Option<String> {
    let lacking = |kind, name: Option<&str>, key: Option<&str>| {
        let kind_name = if kind == FileKind::Secret { "Secret" } else { "ConfigMap" };
        let fields = fields(plan, kind, name, key);
        let place = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        match (name, key) {
            (Some(name), None) => format!("{kind_name} {name} does not exist{place}"),
            (Some(name), Some(key)) => format!("{kind_name} {name} has no key {key}{place}"),
            (None, key) => format!("a {kind_name} has no key {}{place}", key.unwrap_or_default()),
        }
    };
    let mut found = Vec::new();
    for (kind, word) in [(FileKind::ConfigMap, "configmap"), (FileKind::Secret, "secret")] {
        for name in after(message, &format!("{word} \"")) {
            if message.contains(&format!("{word} \"{name}\" not found")) {
                found.push(lacking(kind, Some(name), None));
            }
        }
    }
    for (kind, words) in [
        (FileKind::ConfigMap, "references non-existent config key: "),
        (FileKind::Secret, "references non-existent secret key: "),
    ] {
        found.extend(after(message, words).map(|key| lacking(kind, None, Some(key))));
    }
    // "couldn't find key password in Secret shop/shop-login"
    for rest in message.split("couldn't find key ").skip(1) {
        let mut words = rest.split_whitespace();
        let (Some(key), Some("in"), Some(kind), Some(object)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let name = object.split('/').next_back().map(trimmed);
        let kind = if kind == "Secret" { FileKind::Secret } else { FileKind::ConfigMap };
        found.push(lacking(kind, name, Some(key)));
    }
    found.dedup();
    (!found.is_empty()).then(|| found.join("; "))
}

/// Words that follow such a beginning, up to what can't be part of a name or key.
fn after<'a>(message: &'a str, beginning: &str) -> impl Iterator<Item = &'a str> {
    message.split(beginning).skip(1).map(trimmed).collect::<Vec<_>>().into_iter()
}

fn trimmed(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    &text[..end]
}

/// Fields of the spec that name such a key.
fn fields(plan: &Plan, kind: FileKind, name: Option<&str>, key: Option<&str>) -> Vec<String> {
    let is_meant = |its_name: &str, its_key: &str| {
        name.is_none_or(|name| name == its_name) && key.is_none_or(|key| key == its_key)
    };
    let test = plan.test();
    let files = references(test).into_iter().filter(|reference| reference.id.kind == kind);
    let files = files.filter(|file| is_meant(&file.id.name, &file.id.key)).map(|file| file.field);
    let variables = test.secrets.iter().enumerate().filter(|(_, secret)| {
        kind == FileKind::Secret && is_meant(&secret.secret_key_ref.name, &secret.secret_key_ref.key)
    });
    let variables = variables.map(|(index, _)| format!("spec.secrets[{index}].secretKeyRef"));
    let added = pod::references(&plan.valid.pod).into_iter().filter(|reference| {
        // Of an object that is taken as a whole no key can be missing.
        let is_its_key = key.is_none() || reference.key.as_deref() == key;
        reference.kind == kind && name.is_none_or(|name| name == reference.name) && is_its_key
    });
    files.chain(variables).chain(added.map(|reference| reference.field)).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::load_test_run::fixtures::plan;

    #[rstest]
    #[case::file(
        "MountVolume.SetUp failed for volume \"upsurge-files\" : configmap \"users\" not found",
        Some("ConfigMap users does not exist (spec.data[0].csv.source.configMapKeyRef)")
    )]
    #[case::files(
        "MountVolume.SetUp failed for volume \"upsurge-files\" : [configmap \"users\" not found, secret \"keys\" not found]",
        Some(
            "ConfigMap users does not exist (spec.data[0].csv.source.configMapKeyRef); Secret keys does not exist"
        )
    )]
    #[case::key(
        "MountVolume.SetUp failed for volume \"upsurge-files\" : configmap references non-existent config key: users.csv",
        Some("a ConfigMap has no key users.csv (spec.data[0].csv.source.configMapKeyRef)")
    )]
    #[case::key_of_a_secret(
        "MountVolume.SetUp failed for volume \"upsurge-files\" : references non-existent secret key: tls.crt",
        Some("a Secret has no key tls.crt")
    )]
    #[case::variable(
        "secret \"shop-login\" not found",
        Some("Secret shop-login does not exist (spec.secrets[0].secretKeyRef)")
    )]
    #[case::key_of_a_variable(
        "couldn't find key password in Secret shop/shop-login",
        Some("Secret shop-login has no key password (spec.secrets[0].secretKeyRef)")
    )]
    #[case::of_the_runner(
        "configmap \"proxies\" not found",
        Some(
            "ConfigMap proxies does not exist (spec.runner.env[0].valueFrom.configMapKeyRef.name, spec.runner.envFrom[0].configMapRef.name)"
        )
    )]
    #[case::key_of_the_runner(
        "couldn't find key https in ConfigMap shop/proxies",
        Some("ConfigMap proxies has no key https (spec.runner.env[0].valueFrom.configMapKeyRef.name)")
    )]
    #[case::volume(
        "MountVolume.SetUp failed for volume \"ca\" : secret \"ca\" not found",
        Some("Secret ca does not exist (spec.runner.volumes[0].secret.secretName)")
    )]
    #[case::cache(
        "MountVolume.SetUp failed for volume \"upsurge-files\" : failed to sync configmap cache: timed out waiting for the condition",
        None
    )]
    #[case::user("container has runAsNonRoot and image will run as root", None)]
    #[case::strange("configmap \"", None)]
    fn what_the_kubelet_does_not_find_is_named_with_its_field(
        #[case] message: &str,
        #[case] expected: Option<&str>,
    ) {
        let data = json!([{"name": "users", "csv": {"source": {"configMapKeyRef": {"name": "users", "key": "users.csv"}}}}]);
        let key = json!({"configMapKeyRef": {"name": "proxies", "key": "https"}});
        let runner = json!({
            "env": [{"name": "HTTPS_PROXY", "valueFrom": key}], "envFrom": [{"configMapRef": {"name": "proxies"}}],
            "volumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
        });
        let plan = plan(&json!({"data": data, "runner": runner}));
        assert_eq!(named(message, &plan).as_deref(), expected);
    }
}
