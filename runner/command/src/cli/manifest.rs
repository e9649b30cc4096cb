// SPDX-License-Identifier: Apache-2.0
//! The one LoadTest of a file that is run.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use serde_json::Value;
use upsurge_core::{
    field_error::FieldError,
    files::FileId,
    implied::with_thresholds,
    resource::check_resource,
    validate::{Valid, read_spec, validate},
};
use upsurge_crds::{
    LoadTest, LoadTestSpec,
    names::{GROUP, annotations::GIT_REVISION},
    schemas::check_rules,
};
use upsurge_record::model::git_revision;
use upsurge_system::files::of_documents;

use super::{
    arguments::ManifestArguments,
    documents::{self, DocumentsError, Kind, describe, name_of},
    instead::Instead,
};

/// The field that an argument takes the place of, and the argument.
const BASE_URL: &str = "spec.target.baseURL";
const TARGET: &str = "--target";

/// A test that can be run.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Name of the test.
    pub(super) name: String,
    /// Its namespace, if it says one.
    pub(super) namespace: Option<String>,
    /// Revision of the repository that it came from, if it says one.
    pub(super) git_revision: Option<String>,
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
    /// The file has no documents.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// No LoadTest in the file.
    #[error("{path} holds no LoadTest{found}: it needs apiVersion {GROUP}/v1alpha1 and kind LoadTest")]
    NoTest { path: String, found: String },
    /// More than one.
    #[error("{path} holds {count} LoadTests: choose one with --name ({names})")]
    Several { path: String, count: usize, names: String },
    /// None of that name.
    #[error("{path} holds no LoadTest named {name:?}; there are {names}")]
    NotNamed { path: String, name: String, names: String },
    /// The address that was given instead of that of the test.
    #[error(transparent)]
    Target(FieldError),
    /// Wrong fields.
    #[error("{path}: LoadTest {name} can't be run:{}", list(.errors))]
    Invalid { path: String, name: String, errors: Vec<FieldError> },
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// What is said of the address of the test, said of the argument that it came from.
pub(super) fn of_target(text: &str) -> String {
    text.replace(BASE_URL, TARGET)
}

/// Reads, checks and compiles the test that the arguments name. `target` takes the place of the base URL, and `instead` that of the
/// load.
pub(super) fn read(
    arguments: &ManifestArguments,
    target: Option<&str>,
    instead: Option<Instead>,
) -> Result<Manifest, ManifestError> {
    let path = documents::called(&arguments.file);
    let documents = documents::read(&arguments.file)?;
    let (tests, others): (Vec<Value>, Vec<Value>) =
        documents.into_iter().partition(|document| Kind::of(document) == Kind::Test);
    let test = choose(tests, &others, arguments.name.as_deref(), &path)?;
    let manifest = compile(&test, target, instead, &arguments.file)?;
    let (objects, mut notes) = of_documents(&others);
    notes.extend(manifest.notes.iter().cloned());
    let unused: Vec<String> =
        others.iter().filter(|other| Kind::of(other) != Kind::Files).map(describe).collect();
    if !unused.is_empty() {
        notes.push(format!("{path}: left out {}", unused.join(", ")));
    }
    Ok(Manifest { objects, notes, ..manifest })
}

/// Checks and compiles a test, without what is beside it.
pub(super) fn compile(
    test: &Value,
    target: Option<&str>,
    instead: Option<Instead>,
    path: &Path,
) -> Result<Manifest, ManifestError> {
    let name = name_of(test);
    match compile_spec(test, target, instead) {
        Ok((spec, valid, note)) => {
            let notes = note.into_iter().collect();
            let namespace = test.pointer("/metadata/namespace").and_then(Value::as_str).map(str::to_owned);
            let annotations = test.pointer("/metadata/annotations");
            let revision = annotations.and_then(|all| all.get(GIT_REVISION)).and_then(Value::as_str);
            let git_revision = revision.and_then(git_revision);
            Ok(Manifest { name, namespace, git_revision, spec, valid, objects: BTreeMap::new(), notes })
        }
        Err(mut errors) if matches!(&errors[..], [only] if only.path == TARGET) => {
            Err(ManifestError::Target(errors.remove(0)))
        }
        Err(errors) => Err(ManifestError::Invalid { path: documents::called(path), name, errors }),
    }
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
        let found = others.iter().map(told).collect::<Vec<_>>().join(", ");
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

/// A document with what is wrong with it, if it should have been a test.
fn told(document: &Value) -> String {
    match Kind::of(document) {
        Kind::Unknown(wrong) => format!("{} ({wrong})", describe(document)),
        _ => describe(document),
    }
}

/// What is wrong with the address, as wrong with the argument.
fn named(error: FieldError) -> FieldError {
    let path = if error.path == BASE_URL { TARGET.into() } else { error.path };
    FieldError { path, message: error.message }
}

/// All that is wrong: of version and names, and of the spec.
fn compile_spec(
    test: &Value,
    target: Option<&str>,
    instead: Option<Instead>,
) -> Result<(LoadTestSpec, Valid, Option<String>), Vec<FieldError>> {
    let mut errors = check_resource(test);
    let Some(raw) = test.get("spec") else { return Err(errors) };
    let compiled = read_spec(raw).and_then(|mut spec| {
        if let Some(target) = target {
            target.clone_into(&mut spec.target.base_url);
        }
        let valid = validate(&spec).map_err(|errors| match target {
            Some(_) => errors.into_iter().map(named).collect(),
            None => errors,
        })?;
        // The same rules as on the API server. Most of them were said above, with the better path.
        let resource = LoadTest::new(&name_of(test), spec);
        check_rules(&resource).map_err(|errors| {
            let errors = errors.into_vec().into_iter();
            errors
                .map(|error| FieldError { path: error.field_path, message: error.message })
                .collect::<Vec<_>>()
        })?;
        let Some(instead) = instead else { return Ok((with_thresholds(resource.spec), valid, None)) };
        let note = instead.note(&resource.spec);
        let spec = instead.of(resource.spec);
        let valid = validate(&spec)?;
        Ok((with_thresholds(spec), valid, note))
    });
    match compiled {
        Ok(compiled) if errors.is_empty() => Ok(compiled),
        Ok(_) => Err(errors),
        Err(wrong) => {
            errors.extend(wrong);
            Err(errors)
        }
    }
}
