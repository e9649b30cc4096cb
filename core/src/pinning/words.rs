// SPDX-License-Identifier: Apache-2.0
//! What is told of a target that a run holds or has put back. It changes nothing, and decides nothing.

use std::collections::BTreeMap;

use serde_json::json;
use upsurge_crds::v1alpha1::{PinnedContainer, PinnedObject};

/// What somebody else has set while the run went on.
pub(super) fn new_wish(original: &PinnedObject, object: &PinnedObject) -> String {
    format!(
        "{}/{} had {}; somebody else has set it to {} while the run went on, and that is put back",
        object.kind,
        object.name,
        said(original),
        said(object)
    )
}

/// What somebody else has set, and is left.
pub(super) fn changed_by_others(original: &PinnedObject, object: &PinnedObject) -> String {
    format!(
        "{}/{} has {}, and had {} before the run: somebody else has changed it meanwhile, and it is left as it is",
        object.kind,
        object.name,
        said(object),
        said(original)
    )
}

/// The command that makes an object say this again. Who copies it into a shell has more rights than who could write the annotation of a
/// ScaledObject, so that is quoted.
pub fn by_hand(object: &PinnedObject, namespace: &str) -> String {
    let named = format!("{}/{}", object.kind, object.name);
    if let Some(PinnedContainer { name, requests, limits }) = &object.container {
        // What is not in it goes.
        let resources = json!({"$patch": "replace", "requests": requests, "limits": limits});
        let containers = json!([{"name": name, "resources": resources}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        return format!("kubectl -n {namespace} patch {named} -p {}", quoted(&patch.to_string()));
    }
    match (object.replicas, object.max_replicas, &object.paused_replicas) {
        (Some(replicas), ..) => format!("kubectl -n {namespace} scale {named} --replicas={replicas}"),
        (None, Some(most), _) => {
            let bounds =
                format!(r#""minReplicas":{},"maxReplicas":{most}"#, object.min_replicas.unwrap_or(1));
            format!("kubectl -n {namespace} patch {named} --type=merge -p '{{\"spec\":{{{bounds}}}}}'")
        }
        (None, None, paused) => {
            let value =
                paused.as_ref().map_or("-".into(), |paused| format!("={} --overwrite", quoted(paused)));
            format!("kubectl -n {namespace} annotate {named} autoscaling.keda.sh/paused-replicas{value}")
        }
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// What an object says of replicas or of a container, in words.
pub fn said(object: &PinnedObject) -> String {
    if let Some(PinnedContainer { name, requests, limits }) = &object.container {
        return format!(
            "{} and {} of container {name}",
            amounts("requests", requests),
            amounts("limits", limits)
        );
    }
    match (object.replicas, object.max_replicas, &object.paused_replicas) {
        (Some(replicas), ..) => format!("{replicas} replicas"),
        (None, Some(most), _) => {
            format!("minReplicas {} and maxReplicas {most}", object.min_replicas.unwrap_or(1))
        }
        (None, None, Some(paused)) => format!("paused-replicas {paused}"),
        (None, None, None) => "no paused-replicas".into(),
    }
}

/// Amounts of resources in words.
fn amounts(what: &str, of: &BTreeMap<String, String>) -> String {
    if of.is_empty() {
        return format!("no {what}");
    }
    let each: Vec<String> = of.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
    format!("{what} of {}", each.join(", "))
}
