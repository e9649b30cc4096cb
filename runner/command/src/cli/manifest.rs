//! Reads a LoadTest from a file of YAML documents.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use bytes::Bytes;
use serde_json::Value;
use upsurge_core::{
    field_error::FieldError,
    files::FileId,
    validate::{Valid, read_spec, validate},
};
use upsurge_crds::{LoadTest, LoadTestSpec, names::GROUP};
use upsurge_system::files::of_documents;

use super::arguments::ManifestArguments;

/// A test that can be run.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Name of the test.
    pub(super) name: String,
    /// Its spec.
    pub(super) spec: LoadTestSpec,
    /// Its spec, compiled.
    pub(super) valid: Valid,
    /// Files of the ConfigMaps and Secrets beside it.
    pub(super) objects: BTreeMap<FileId, Bytes>,
    /// Documents that were left out.
    pub(super) notes: Vec<String>,
}

/// Why there is no test to run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    /// The file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The file is no YAML.
    #[error("{path} is no valid YAML: {message}")]
    Yaml { path: String, message: String },
    /// No LoadTest in the file.
    #[error("{path} holds no LoadTest{found}: it needs apiVersion {GROUP}/v1alpha1 and kind LoadTest")]
    NoTest { path: String, found: String },
    /// More than one.
    #[error("{path} holds {count} LoadTests: choose one with --name ({names})")]
    Several { path: String, count: usize, names: String },
    /// None of that name.
    #[error("{path} holds no LoadTest named {name:?}; there are {names}")]
    NotNamed { path: String, name: String, names: String },
    /// Wrong fields.
    #[error("{path}: LoadTest {name} can't be run:{}", list(.errors))]
    Invalid { path: String, name: String, errors: Vec<FieldError> },
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// Reads, checks and compiles the test that the arguments name. `target` takes the place of the base URL.
pub(super) fn read(arguments: &ManifestArguments, target: Option<&str>) -> Result<Manifest, ManifestError> {
    let path = arguments.file.display().to_string();
    let text =
        read_text(&arguments.file).map_err(|source| ManifestError::Read { path: path.clone(), source })?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
        .map_err(|error| ManifestError::Yaml { path: path.clone(), message: error.to_string() })?;
    let documents = documents.into_iter().filter(|document| !document.is_null());
    let (tests, others): (Vec<Value>, Vec<Value>) = documents.partition(is_test);
    let test = choose(tests, &others, arguments.name.as_deref(), &path)?;
    let name = name_of(&test);
    let (spec, valid) = compile(&test, target).map_err(|errors| ManifestError::Invalid {
        path: path.clone(),
        name: name.clone(),
        errors,
    })?;
    let (objects, mut notes) = of_documents(&others);
    let used = |document: &Value| matches!(document["kind"].as_str(), Some("ConfigMap" | "Secret"));
    let unused = others.iter().filter(|document| !used(document));
    notes.extend(unused.map(|other| format!("{path}: left out {}", describe(other))));
    Ok(Manifest { name, spec, valid, objects, notes })
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

fn is_test(document: &Value) -> bool {
    document["kind"] == "LoadTest"
        && document["apiVersion"].as_str().is_some_and(|version| version.starts_with(&format!("{GROUP}/")))
}

fn name_of(document: &Value) -> String {
    document["metadata"]["name"].as_str().unwrap_or("(no name)").into()
}

fn describe(document: &Value) -> String {
    format!("{} {}", document["kind"].as_str().unwrap_or("a document without kind"), name_of(document))
}

fn choose(
    tests: Vec<Value>,
    others: &[Value],
    name: Option<&str>,
    path: &str,
) -> Result<Value, ManifestError> {
    let path = path.to_owned();
    let names = tests.iter().map(name_of).collect::<Vec<_>>().join(", ");
    if tests.is_empty() {
        let found = others.iter().map(describe).collect::<Vec<_>>().join(", ");
        let found = if found.is_empty() { String::new() } else { format!(" but {found}") };
        return Err(ManifestError::NoTest { path, found });
    }
    let count = tests.len();
    let mut fitting = tests.into_iter().filter(|test| name.is_none_or(|name| name_of(test) == name));
    match (fitting.next(), fitting.next(), name) {
        (Some(test), None, _) => Ok(test),
        (None, _, name) => {
            Err(ManifestError::NotNamed { path, name: name.unwrap_or_default().into(), names })
        }
        (Some(_), Some(_), _) => Err(ManifestError::Several { path, count, names }),
    }
}

fn compile(test: &Value, target: Option<&str>) -> Result<(LoadTestSpec, Valid), Vec<FieldError>> {
    let wrong = |path: &str, message: String| vec![FieldError { path: path.into(), message }];
    if test["apiVersion"] != format!("{GROUP}/v1alpha1") {
        return Err(wrong("apiVersion", format!("must be {GROUP}/v1alpha1, not {}", test["apiVersion"])));
    }
    let Some(raw) = test.get("spec") else { return Err(wrong("spec", "is required".into())) };
    let mut unknown = test.as_object().into_iter().flatten().map(|(name, _)| name);
    if let Some(name) =
        unknown.find(|name| !["apiVersion", "kind", "metadata", "spec", "status"].contains(&name.as_str()))
    {
        return Err(wrong(name, "unknown field".into()));
    }
    let mut spec = read_spec(raw)?;
    if let Some(target) = target {
        target.clone_into(&mut spec.target.base_url);
    }
    let valid = validate(&spec)?;
    // The same rules as on the API server. Most of them were said above, with the better path.
    let resource = LoadTest::new(&name_of(test), spec);
    upsurge_crds::schemas::check_rules(&resource).map_err(|errors| {
        let errors = errors.into_vec().into_iter();
        errors.map(|error| FieldError { path: error.field_path, message: error.message }).collect::<Vec<_>>()
    })?;
    Ok((upsurge_core::plan::with_stop(resource.spec), valid))
}
