// SPDX-License-Identifier: Apache-2.0
//! What the API server checks of every resource before it looks at the spec: version, kind, names, labels and
//! annotations. The rules are those of Kubernetes' `apimachinery`, so what passes here is not refused there.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};
use upsurge_crds::names::GROUP;

use crate::{
    field_error::{Errors, FieldError},
    suggest::{meant, question},
};

/// Version of the API that is read here.
const VERSION: &str = "v1alpha1";
/// Fields of a resource.
const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
/// Fields of the metadata of any resource; what the API server sets is there too, in what `kubectl get -o yaml` prints.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Longest name of a resource, and longest prefix of a label (a DNS subdomain, RFC 1123).
const LONGEST_SUBDOMAIN: usize = 253;
/// Longest namespace, name of a label and value of a label (a DNS label, RFC 1123).
const LONGEST_LABEL: usize = 63;
/// Most bytes of all annotations together.
const MOST_ANNOTATIONS: usize = 256 * 1024;

static SUBDOMAIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$").ok());
static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$").ok());
static QUALIFIED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$").ok());

/// Checks everything of a LoadTest but its spec, whose presence alone is looked at.
pub fn check_resource(resource: &Value) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let Some(fields) = resource.as_object() else {
        errors.add("", "must be an object with apiVersion, kind, metadata and spec");
        return errors.into_list();
    };
    let version = format!("{GROUP}/{VERSION}");
    match fields.get("apiVersion") {
        Some(Value::String(text)) if *text == version => {}
        Some(other) => errors.add("apiVersion", format_args!("must be {version}, not {other}")),
        None => errors.add("apiVersion", format_args!("is required: {version}")),
    }
    for name in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        let known = match meant(name, FIELDS) {
            Some(known) => format!("did you mean {known}?"),
            None => format!("there are {}", FIELDS.join(", ")),
        };
        errors.add(name, format_args!("unknown field; {known}"));
    }
    if !fields.contains_key("spec") {
        errors.add("spec", "is required");
    }
    match fields.get("metadata") {
        Some(Value::Object(metadata)) => check_metadata(metadata, &mut errors),
        Some(Value::Null) | None => errors.add("metadata.name", "is required"),
        Some(_) => errors.add("metadata", "must be an object with a name"),
    }
    errors.into_list()
}

fn check_metadata(metadata: &Map<String, Value>, errors: &mut Errors) {
    for name in metadata.keys().filter(|name| !METADATA.contains(&name.as_str())) {
        let message = format_args!("unknown field{}", question(name, METADATA));
        errors.add(format_args!("metadata.{name}"), message);
    }
    let mut text = |field: &str| match metadata.get(field) {
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(Value::Null) | None => None,
        Some(other) => {
            errors.add(format_args!("metadata.{field}"), quoted(other));
            Some("")
        }
    };
    let (name, prefix, namespace) = (text("name"), text("generateName"), text("namespace"));
    if name.is_none() && prefix.is_none() {
        errors.add("metadata.name", "is required");
    }
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        check_subdomain(name, "metadata.name", errors);
    }
    // What the API server appends begins with a letter or a digit.
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        let whole = prefix.strip_suffix('-').filter(|rest| !rest.is_empty()).unwrap_or(prefix);
        check_subdomain(whole, "metadata.generateName", errors);
    }
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        check_namespace(namespace, errors);
    }
    check_marks("metadata", metadata, errors);
}

/// Checks the labels and annotations of what stands at a path.
pub(crate) fn check_marks(parent: &str, metadata: &Map<String, Value>, errors: &mut Errors) {
    check_map(parent, metadata, "labels", errors, |value, path, errors| {
        if value.len() > LONGEST_LABEL {
            errors.add(path, too_long(value, LONGEST_LABEL));
        } else if !value.is_empty() && !fits(&QUALIFIED, value) {
            errors.add(
                path,
                format_args!("{value:?} can't be the value of a label: {}", letters("'-', '_' and '.'")),
            );
        }
    });
    check_map(parent, metadata, "annotations", errors, |_, _, _| {});
    let annotations = metadata.get("annotations").and_then(Value::as_object);
    let size =
        annotations.into_iter().flatten().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len));
    let size: usize = size.sum();
    if size > MOST_ANNOTATIONS {
        errors.add(
            format_args!("{parent}.annotations"),
            format_args!("are {size} bytes; at most {MOST_ANNOTATIONS} are allowed"),
        );
    }
}

/// Whether a text can be the name of a container or a volume.
pub(crate) fn is_dns_label(name: &str) -> bool {
    name.len() <= LONGEST_LABEL && fits(&LABEL, name)
}

/// Checks the name of a resource.
pub(crate) fn check_subdomain(name: &str, path: &str, errors: &mut Errors) {
    if name.len() > LONGEST_SUBDOMAIN {
        errors.add(path, too_long(name, LONGEST_SUBDOMAIN));
    } else if !fits(&SUBDOMAIN, name) {
        let what = "lower-case letters, digits, '-' and '.' only, with a letter or a digit at both ends and beside each '.'";
        errors.add(path, format_args!("{name:?} can't be a name: {what}{}", instead(name, ".")));
    }
}

fn check_namespace(name: &str, errors: &mut Errors) {
    let path = "metadata.namespace";
    if name.len() > LONGEST_LABEL {
        errors.add(path, too_long(name, LONGEST_LABEL));
    } else if !fits(&LABEL, name) {
        let what = "lower-case letters, digits and '-' only, with a letter or a digit at both ends";
        errors.add(path, format_args!("{name:?} can't be a namespace: {what}{}", instead(name, "")));
    }
}

/// Checks labels or annotations: names with an optional prefix, and texts as values.
fn check_map(
    parent: &str,
    metadata: &Map<String, Value>,
    field: &str,
    errors: &mut Errors,
    check: impl Fn(&str, &str, &mut Errors),
) {
    let entries = match metadata.get(field) {
        Some(Value::Object(entries)) => entries,
        Some(Value::Null) | None => return,
        Some(_) => {
            return errors.add(format_args!("{parent}.{field}"), "must be an object of names and texts");
        }
    };
    for (key, value) in entries {
        let path = format!("{parent}.{field}.{key}");
        // Annotations may be written in upper case throughout, labels only after the prefix.
        let key = if field == "annotations" { key.to_lowercase() } else { key.clone() };
        if let Some(wrong) = wrong_key(&key) {
            errors.add(&path, wrong);
        }
        match value {
            Value::String(text) => check(text, &path, errors),
            other => errors.add(path, quoted(other)),
        }
    }
}

/// What is wrong with the name of a label or an annotation.
fn wrong_key(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_prefix = |prefix: &str| prefix.len() <= LONGEST_SUBDOMAIN && fits(&SUBDOMAIN, prefix);
    if let Some(prefix) = prefix.filter(|prefix| !is_prefix(prefix)) {
        return Some(format!(
            "{prefix:?} before the / must be a domain in lower case, for example example.com"
        ));
    }
    if name.len() > LONGEST_LABEL {
        return Some(too_long(name, LONGEST_LABEL));
    }
    (!fits(&QUALIFIED, name))
        .then(|| format!("{name:?} can't be a name here: {}", letters("'-', '_' and '.'")))
}

fn letters(others: &str) -> String {
    format!("letters, digits, {others} only, with a letter or a digit at both ends")
}

fn too_long(text: &str, most: usize) -> String {
    format!("has {} characters; at most {most} are allowed", text.chars().count())
}

fn quoted(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) => format!("must be text: write \"{value}\" in quotes"),
        _ => "must be text".into(),
    }
}

/// A name that is allowed and looks alike, if anything is left of it.
fn instead(name: &str, others: &str) -> String {
    let allowed = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || others.contains(character)
    };
    let replaced: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|character| if allowed(character) { character } else { '-' })
        .collect();
    let parts = replaced.split('.').map(|part| part.trim_matches('-')).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join(".");
    if name.is_empty() { String::new() } else { format!(", for example {name}") }
}

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn test(metadata: Value) -> Value {
        json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": metadata, "spec": {}})
    }

    fn told(resource: &Value) -> String {
        check_resource(resource).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[rstest]
    #[case::plain(json!({"name": "checkout-spike"}))]
    #[case::subdomain(json!({"name": "a.b-c.0", "namespace": "shop"}))]
    #[case::generated(json!({"generateName": "checkout-"}))]
    #[case::longest(json!({"name": "a".repeat(253), "namespace": "b".repeat(63)}))]
    #[case::labels(json!({"name": "a", "labels": {"app.kubernetes.io/part-of": "Shop_1.x", "Team": ""}}))]
    #[case::annotations(json!({"name": "a", "annotations": {"Upsurge.dev/Rerun": "any text: at all\n"}}))]
    #[case::exported(json!({"name": "a", "uid": "1", "resourceVersion": "2", "generation": 3, "managedFields": [{}],
        "creationTimestamp": null, "labels": null}))]
    fn what_the_api_server_takes_is_taken(#[case] metadata: Value) {
        assert_eq!(told(&test(metadata)), "");
    }

    #[rstest]
    #[case::upper_case(json!({"name": "Checkout_Spike"}), "metadata.name: \"Checkout_Spike\" can't be a name: lower-case letters, digits, '-' and '.' only, with a letter or a digit at both ends and beside each '.', for example checkout-spike")]
    #[case::end(json!({"name": "spike-"}), "for example spike")]
    #[case::double_dot(json!({"name": "a..b"}), "for example a.b")]
    #[case::nothing_left(json!({"name": "___"}), "beside each '.'")]
    #[case::too_long(json!({"name": "a".repeat(254)}), "metadata.name: has 254 characters; at most 253 are allowed")]
    #[case::no_name(json!({"labels": {}}), "metadata.name: is required")]
    #[case::empty_name(json!({"name": ""}), "metadata.name: is required")]
    #[case::number(json!({"name": 7}), "metadata.name: must be text: write \"7\" in quotes")]
    #[case::generated(json!({"generateName": "Spike-"}), "metadata.generateName: \"Spike\" can't be a name")]
    #[case::namespace(json!({"name": "a", "namespace": "my.shop"}), "metadata.namespace: \"my.shop\" can't be a namespace: lower-case letters, digits and '-' only, with a letter or a digit at both ends, for example my-shop")]
    #[case::long_namespace(json!({"name": "a", "namespace": "a".repeat(64)}), "metadata.namespace: has 64 characters; at most 63 are allowed")]
    #[case::label_value(json!({"name": "a", "labels": {"team": "the shop"}}), "metadata.labels.team: \"the shop\" can't be the value of a label")]
    #[case::label_number(json!({"name": "a", "labels": {"version": 2}}), "metadata.labels.version: must be text: write \"2\" in quotes")]
    #[case::label_prefix(json!({"name": "a", "labels": {"Example.com/team": "x"}}), "\"Example.com\" before the / must be a domain in lower case")]
    #[case::label_name(json!({"name": "a", "labels": {"the team": "x"}}), "metadata.labels.the team: \"the team\" can't be a name here")]
    #[case::two_slashes(json!({"name": "a", "annotations": {"a/b/c": "x"}}), "can't be a name here")]
    #[case::annotation(json!({"name": "a", "annotations": {"upsurge.dev/rerun": true}}), "metadata.annotations.upsurge.dev/rerun: must be text: write \"true\" in quotes")]
    #[case::much(json!({"name": "a", "annotations": {"a": "x".repeat(256 * 1024)}}), "metadata.annotations: are 262145 bytes; at most 262144")]
    #[case::unknown(json!({"nmae": "a", "name": "a"}), "metadata.nmae: unknown field; did you mean name?")]
    #[case::no_object(json!("a"), "metadata: must be an object with a name")]
    fn what_the_api_server_refuses_is_refused(#[case] metadata: Value, #[case] words: &str) {
        let told = told(&test(metadata));
        assert!(told.contains(words), "{words:?} is missing in {told:?}");
    }

    #[rstest]
    #[case::version("apiVersion", json!("upsurge.dev/v1"), "apiVersion: must be upsurge.dev/v1alpha1, not \"upsurge.dev/v1\"")]
    #[case::slip("specs", json!({}), "specs: unknown field; did you mean spec?")]
    #[case::other("data", json!({}), "data: unknown field; there are apiVersion, kind, metadata, spec, status")]
    fn fields_beside_metadata_are_checked(#[case] field: &str, #[case] value: Value, #[case] words: &str) {
        let mut resource = test(json!({"name": "a"}));
        resource[field] = value;
        assert_eq!(told(&resource), words);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            told(&json!({"kind": "LoadTest"})),
            "apiVersion: is required: upsurge.dev/v1alpha1\nspec: is required\nmetadata.name: is required"
        );
    }
}
