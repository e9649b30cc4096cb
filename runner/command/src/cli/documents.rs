// SPDX-License-Identifier: Apache-2.0
//! Reads the documents of YAML files, and tells what each of them is.

use std::{fs, io::Read, path::Path};

use serde_json::Value;
use upsurge_core::suggest::{meant, question};
use upsurge_crds::names::GROUP;

/// Kinds of the group that people write.
const KINDS: [&str; 2] = ["LoadTest", "LoadTestRun"];
/// Group of k6-operator.
const K6_GROUP: &str = "k6.io";
/// Where the documentation tells how to bring tests of k6 and k6-operator over.
const COMING_FROM_K6: &str = "docs/src/how-to/coming-from-k6.md";
/// Scripts that other tools run.
const SCRIPTS: [&str; 4] = ["js", "ts", "mjs", "cjs"];

/// Why there are no documents.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentsError {
    /// The file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{path} is not valid YAML: {message}")]
    Yaml { path: String, message: String },
    /// The file is a script.
    #[error(
        "{path} is a script, and this version runs LoadTests only; {COMING_FROM_K6} tells how to write it as one"
    )]
    Script { path: String },
}

/// What a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A LoadTest, or one by all appearances.
    Test,
    /// A ConfigMap or Secret, which tests take files from.
    Files,
    /// Another resource, with what there is to say of it.
    Other(Option<String>),
    /// A kind of the group that does not exist, with what is wrong.
    Unknown(String),
}

/// How messages name what was given as a file.
pub(super) fn called(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// The documents of a file, or of standard input for `-`. Lists, as `kubectl get -o yaml` prints them, are taken apart.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, DocumentsError> {
    let name = called(path);
    let is_script = path.extension().is_some_and(|found| SCRIPTS.iter().any(|script| found == *script));
    if is_script {
        return Err(DocumentsError::Script { path: name });
    }
    let text = read_text(path).map_err(|source| DocumentsError::Read { path: name.clone(), source })?;
    parse(&text).map_err(|message| DocumentsError::Yaml { path: name, message })
}

/// The text of a file, or of standard input for `-`.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    if path.as_os_str() != "-" {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// The documents of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| told(&error.to_string()))?;
    Ok(documents.into_iter().flat_map(parts).filter(|document| !document.is_null()).collect())
}

/// What the parser says, without what it says to programmers.
fn told(message: &str) -> String {
    message.trim_start_matches("error: ").replace(", set DuplicateKeyPolicy in Options if acceptable", "")
}

/// The items of a list; anything else as it is.
fn parts(mut document: Value) -> Vec<Value> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        Some(items) => {
            document["items"] = items;
            vec![document]
        }
        None => vec![document],
    }
}

impl Kind {
    /// What a document is.
    pub(super) fn of(document: &Value) -> Self {
        let kind = document["kind"].as_str().unwrap_or_default();
        let (group, version) = match document["apiVersion"].as_str().unwrap_or_default().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", document["apiVersion"].as_str().unwrap_or_default()),
        };
        match (group, kind) {
            ("", "ConfigMap" | "Secret") => Self::Files,
            // Without a group it is one that somebody forgot, and the like of ours is a slip.
            ("", "LoadTest") => Self::Test,
            (group, "LoadTest") if meant(group, [GROUP]).is_some() => Self::Test,
            (GROUP, "LoadTestRun") => Self::Other(None),
            (GROUP, other) => Self::Unknown(format!(
                "there is no kind {other:?} in {GROUP}/{version}{}",
                question(other, KINDS)
            )),
            (K6_GROUP, _) => {
                Self::Other(Some(format!("of k6-operator: {COMING_FROM_K6} tells how to bring it over")))
            }
            _ => Self::Other(None),
        }
    }
}

/// Kind and name of a document, with what there is to say of it.
pub(super) fn describe(document: &Value) -> String {
    let kind = document["kind"].as_str().unwrap_or("a document without kind");
    let text = match document["metadata"]["name"].as_str() {
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    };
    match Kind::of(document) {
        Kind::Other(Some(more)) => format!("{text} ({more})"),
        _ => text,
    }
}

/// Name of a LoadTest.
pub(super) fn name_of(document: &Value) -> String {
    document["metadata"]["name"].as_str().unwrap_or("(no name)").into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::test("upsurge.dev/v1alpha1", "LoadTest", Kind::Test)]
    #[case::other_version("upsurge.dev/v2", "LoadTest", Kind::Test)]
    #[case::without_group("v1alpha1", "LoadTest", Kind::Test)]
    #[case::slip_in_group("upsurge.def/v1alpha1", "LoadTest", Kind::Test)]
    #[case::of_somebody_else("example.com/v1", "LoadTest", Kind::Other(None))]
    #[case::run("upsurge.dev/v1alpha1", "LoadTestRun", Kind::Other(None))]
    #[case::files("v1", "ConfigMap", Kind::Files)]
    #[case::service("v1", "Service", Kind::Other(None))]
    #[case::slip_in_kind("upsurge.dev/v1alpha1", "Loadtest",
        Kind::Unknown("there is no kind \"Loadtest\" in upsurge.dev/v1alpha1; did you mean LoadTest?".into()))]
    fn a_document_is_known_by_group_and_kind(
        #[case] version: &str,
        #[case] kind: &str,
        #[case] expected: Kind,
    ) {
        assert_eq!(Kind::of(&json!({"apiVersion": version, "kind": kind})), expected);
    }

    #[test]
    fn lists_are_taken_apart_and_empty_documents_are_none() {
        let documents =
            parse("---\n---\nkind: List\nitems: [{kind: A}, {kind: B}]\n---\nkind: C\nitems: 5\n").unwrap();
        assert_eq!(documents, [json!({"kind": "A"}), json!({"kind": "B"}), json!({"kind": "C", "items": 5})]);
    }
}
