// SPDX-License-Identifier: Apache-2.0
//! Files that a test takes from ConfigMaps and Secrets.
//!
//! They are found by their form wherever they stand in a spec, nested steps included, so that a new field
//! that holds a file needs nothing here. The operator mounts what is found into the runner pods, at paths
//! that the runner computes from the same reference.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use upsurge_crds::v1alpha1::{FileSource, LoadTestSpec};

use crate::field_error::{Errors, FieldError};

/// Directory within runner pods that holds the files.
pub const FILES_DIRECTORY: &str = "/etc/upsurge/files";

/// Parts of a spec in which files can stand. `secrets` reach the runners as environment variables.
const PLACES: [&str; 7] = ["http", "data", "before", "verify", "after", "scenarios", "blocks"];
/// Fields that hold the user's own values, each below the field that it belongs to: what looks like a reference there is
/// none. The name alone doesn't tell: `json` of a request is the body itself, `json` of data names a file.
const OPAQUE: [(&str, &str); 5] =
    [("request", "json"), ("expect", "equals"), ("capture", "default"), ("set", "value"), ("loop", "over")];

/// Kind of the object that holds a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FileKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl FileKind {
    /// The kind as Kubernetes writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// A file: a key of a ConfigMap or a Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Kind of the object.
    pub kind: FileKind,
    /// Name of the object.
    pub name: String,
    /// Key within it.
    pub key: String,
}

impl FileId {
    /// Path below [`FILES_DIRECTORY`]: `configmap/NAME/KEY` or `secret/NAME/KEY`.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.kind.as_str().to_ascii_lowercase(), self.name, self.key)
    }

    /// What a file source refers to; `None` for one that holds its contents itself.
    pub fn of(source: &FileSource) -> Option<Self> {
        let id = |kind, name: &str, key: &str| Self { kind, name: name.into(), key: key.into() };
        match (&source.config_map_key_ref, &source.secret_key_ref) {
            (Some(reference), _) => Some(id(FileKind::ConfigMap, &reference.name, &reference.key)),
            (None, Some(reference)) => Some(id(FileKind::Secret, &reference.name, &reference.key)),
            (None, None) => None,
        }
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "key {:?} of {} {:?}", self.key, self.kind.as_str(), self.name)
    }
}

/// A file, and the field that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// The file.
    pub id: FileId,
    /// Path of the first field that asks for it.
    pub field: String,
}

/// All files that a test takes from ConfigMaps and Secrets, each once.
pub fn references(spec: &LoadTestSpec) -> Vec<FileReference> {
    let mut found = Vec::new();
    // A spec that was read can be written.
    let spec = serde_json::to_value(spec).unwrap_or_default();
    for place in PLACES {
        if let Some(value) = spec.get(place) {
            collect(place, value, &format!("spec.{place}"), &mut found);
        }
    }
    found
}

/// Looks through what a field holds, itself or in a list.
fn collect(field: &str, value: &Value, path: &str, found: &mut Vec<FileReference>) {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect(field, item, &format!("{path}[{index}]"), found)),
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !OPAQUE.contains(&(field, name.as_str()))) {
                let path = format!("{path}.{name}");
                let kind = match name.as_str() {
                    "configMapKeyRef" => FileKind::ConfigMap,
                    "secretKeyRef" => FileKind::Secret,
                    _ => {
                        collect(name, value, &path, found);
                        continue;
                    }
                };
                let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
                if let (Some(name), Some(key)) = (text("name"), text("key")) {
                    let id = FileId { kind, name, key };
                    if found.iter().all(|known: &FileReference| known.id != id) {
                        found.push(FileReference { id, field: path });
                    }
                }
            }
        }
        _ => {}
    }
}

/// Checks names and keys: they become paths, and the API server would refuse the pod with others.
pub(crate) fn check(spec: &LoadTestSpec, errors: &mut Errors) {
    errors.extend(references(spec).into_iter().flat_map(|reference| {
        let FileReference { id, field } = reference;
        let wrong = |part: &str, text: &str, allowed: &str| FieldError {
            path: format!("{field}.{part}"),
            message: format!("{text:?} can't be the {part} of a {}: use {allowed}", id.kind.as_str()),
        };
        let name = (!is_name(&id.name)).then(|| {
            wrong("name", &id.name, "small letters, digits, '-' and '.', with a letter or digit at both ends")
        });
        let key = (!is_key(&id.key)).then(|| wrong("key", &id.key, "letters, digits, '-', '_' and '.'"));
        [name, key].into_iter().flatten().collect::<Vec<_>>()
    }));
}

/// Checks one source: the schema can't, where steps are nested.
///
/// # Errors
/// When not exactly one of its fields is given.
pub fn check_source(source: &FileSource) -> Result<(), &'static str> {
    let given = [source.config_map_key_ref.is_some(), source.secret_key_ref.is_some(), source.text.is_some()];
    if given.into_iter().filter(|given| *given).count() == 1 {
        Ok(())
    } else {
        Err("a file has exactly one of configMapKeyRef, secretKeyRef and text")
    }
}

fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let outer = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    text.len() <= 253
        && bytes.iter().all(|byte| inner(*byte))
        && bytes.first().is_some_and(outer)
        && bytes.last().is_some_and(outer)
}

fn is_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with("..") && text != "."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use upsurge_crds::schemas::LOAD_TEST;

    use super::*;

    fn found_in(parts: Value) -> Vec<String> {
        let mut spec = json!({
            "target": {"baseURL": "http://shop"},
            "load": {"constant": {"level": 1, "duration": "1s"}},
            "scenarios": [],
        });
        spec.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        let spec: LoadTestSpec = serde_json::from_value(spec).unwrap();
        references(&spec).iter().map(|reference| reference.id.path()).collect()
    }

    #[test]
    fn references_are_found_wherever_they_stand_and_each_once() {
        let file = |name: &str| json!({"configMapKeyRef": {"name": "files", "key": name}});
        let found = found_in(json!({
            "secrets": [{"name": "password", "secretKeyRef": {"name": "login", "key": "password"}}],
            "http": {"tls": {"ca": {"secretKeyRef": {"name": "keys", "key": "ca.crt"}},
                "clientCertificates": [{"cert": file("cert"), "key": file("key")}]}},
            "data": [{"name": "a", "csv": {"source": file("a.csv")}}, {"name": "b", "json": {"source": file("b.json")}}],
            "before": [{"request": {"url": "/", "file": file("before")}}],
            "after": [{"request": {"url": "/", "file": file("after")}}],
            "scenarios": [{"name": "main", "steps": [
                {"group": {"name": "all", "steps": [
                    {"request": {"url": "/", "file": file("nested")}},
                    {"request": {"url": "/", "multipart": [{"name": "a", "file": file("part")}]}},
                    {"request": {"url": "/", "file": file("nested")}},
                ]}},
            ]}],
            "blocks": [{"name": "a", "steps": [{"request": {"url": "/", "file": file("block")}}]}],
        }));
        let names = ["cert", "key", "a.csv", "b.json", "before", "after", "nested", "part", "block"];
        let expected = names.map(|name| format!("configmap/files/{name}"));
        assert_eq!(found[0], "secret/keys/ca.crt");
        assert_eq!(found[1..], expected);
    }

    #[test]
    fn what_only_looks_like_a_reference_is_the_users_own() {
        let value = json!({"configMapKeyRef": {"name": "not", "key": "this"}});
        let steps = json!([
            {"request": {"url": "/", "json": {"deep": [value]}, "expect": [{"jsonPath": "$.a", "equals": value}],
                "capture": [{"name": "a", "jsonPath": "$.a", "default": value}]}},
            {"set": [{"name": "a", "value": value}]},
            {"loop": {"over": [value], "steps": [{"loop": {"over": [value], "steps": [{"think": {"time": "1s"}}]}}]}},
        ]);
        let nested = json!([{"group": {"name": "all", "steps": steps}}]);
        let found = found_in(json!({
            "variables": {"a": value},
            "before": nested,
            "scenarios": [{"name": "main", "steps": steps}],
        }));
        assert!(found.is_empty(), "{found:?}");
    }

    /// Walks the schema of a spec, so that a field that is added is looked at too.
    #[test]
    fn of_all_fields_those_that_may_be_anything_are_opaque_and_those_of_files_are_not() {
        fn walk(schema: &Value, fields: &[String], files: &mut Vec<Vec<String>>, any: &mut BTreeSet<String>) {
            if let Some(items) = schema.get("items") {
                walk(items, fields, files, any);
            }
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                let typed =
                    ["type", "x-kubernetes-int-or-string"].iter().any(|key| schema.get(key).is_some());
                if !typed {
                    any.insert(fields[fields.len().saturating_sub(2)..].join("."));
                }
                return;
            };
            if properties.contains_key("configMapKeyRef") {
                files.push(fields.to_vec());
                return;
            }
            for (name, property) in properties {
                walk(property, &[fields, std::slice::from_ref(name)].concat(), files, any);
            }
        }
        let spec = &LOAD_TEST["properties"]["spec"];
        let (mut files, mut any) = (Vec::new(), BTreeSet::new());
        for place in PLACES {
            walk(&spec["properties"][place], &[place.to_owned()], &mut files, &mut any);
        }
        let opaque: BTreeSet<String> = OPAQUE.iter().map(|(field, name)| format!("{field}.{name}")).collect();
        assert_eq!(any, opaque);
        assert!(files.len() > 10, "{files:?}");
        for fields in files {
            let reference = json!({"configMapKeyRef": {"name": "a", "key": "b"}});
            let value = fields[1..].iter().rfold(reference, |value, name| json!([{name: value}]));
            let mut found = Vec::new();
            collect(&fields[0], &value, "", &mut found);
            assert_eq!(found.len(), 1, "{fields:?}");
        }
        // And nowhere else in a spec: those of variables of runner pods are not files, and the kubelet reads them.
        for (name, schema) in
            spec["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "runner")
        {
            // Of the steps of verify the schema knows the kinds only.
            let holds = name == "verify" || schema.to_string().contains("configMapKeyRef");
            assert_eq!(holds, PLACES.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn what_would_leave_the_directory_is_refused() {
        for key in ["..", "../a", "a/b", "", "a b", "..data"] {
            assert!(!is_key(key), "{key:?}");
        }
        assert!(is_key("users.csv") && is_key("_x-1.PEM"));
        for name in ["", "-a", "a-", "A", "a/b", ".."] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name("users") && is_name("a.b-1"));
    }
}
