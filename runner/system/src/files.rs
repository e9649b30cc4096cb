// SPDX-License-Identifier: Apache-2.0
//! Files that a test takes from ConfigMaps and Secrets: all read before the load, so that nothing is read
//! while it runs.
//!
//! In a runner pod they are mounted. On the command line they come from objects in the manifest, or from a
//! directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use upsurge_core::files::{FileId, FileKind, FileReference};
use upsurge_crds::v1alpha1::FileSource;

/// The contents of a test's files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    contents: BTreeMap<FileId, Bytes>,
}

/// Where files are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Files that came with the manifest.
    pub objects: BTreeMap<FileId, Bytes>,
    /// A directory that holds `configmap/NAME/KEY` and `secret/NAME/KEY`, or `NAME/KEY`, or just `KEY`.
    pub directory: Option<PathBuf>,
}

/// Why a file can't be had.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is nowhere.
    #[error("{field}: {id} does not exist{looked}")]
    Missing {
        /// The file.
        id: FileId,
        /// The field that asks for it.
        field: String,
        /// Where it was looked for.
        looked: String,
    },
    /// It is there and can't be read.
    #[error("{field}: can't read {path}: {source}")]
    Unreadable {
        /// The field that asks for it.
        field: String,
        /// Where it is.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A source that names nothing, or something that was not read before the load.
    #[error("{0} was not read before the load")]
    Unknown(String),
}

impl Files {
    /// Reads files.
    ///
    /// # Errors
    /// The first one that can't be read.
    pub fn load(references: &[FileReference], places: &Places) -> Result<Self, FileError> {
        let mut contents = BTreeMap::new();
        for FileReference { id, field } in references {
            contents.insert(id.clone(), places.read(id, field)?);
        }
        Ok(Self { contents })
    }

    /// The contents of a file.
    ///
    /// # Errors
    /// When the source is not among the files that were loaded.
    pub fn read(&self, source: &FileSource) -> Result<Bytes, FileError> {
        if let Some(text) = &source.text {
            return Ok(Bytes::copy_from_slice(text.as_bytes()));
        }
        let id = FileId::of(source).ok_or_else(|| FileError::Unknown("a file without a source".into()))?;
        self.contents.get(&id).cloned().ok_or_else(|| FileError::Unknown(id.to_string()))
    }
}

impl Places {
    fn read(&self, id: &FileId, field: &str) -> Result<Bytes, FileError> {
        if let Some(contents) = self.objects.get(id) {
            return Ok(contents.clone());
        }
        for path in self.directory.iter().flat_map(|directory| candidates(directory, id)) {
            match fs::read(&path) {
                Ok(contents) => return Ok(contents.into()),
                Err(error) if is_absence(&error) => {}
                Err(source) => {
                    let (field, path) = (field.to_owned(), path.display().to_string());
                    return Err(FileError::Unreadable { field, path, source });
                }
            }
        }
        Err(FileError::Missing { id: id.clone(), field: field.to_owned(), looked: self.looked(id) })
    }

    fn looked(&self, id: &FileId) -> String {
        match &self.directory {
            Some(directory) => format!(" (looked for it as {})", directory.join(id.path()).display()),
            None => {
                format!(
                    ": add the {} to the manifest, or name a directory that holds {} with --files",
                    id.kind.as_str(),
                    id.path()
                )
            }
        }
    }
}

fn candidates(directory: &Path, id: &FileId) -> [PathBuf; 3] {
    [directory.join(id.path()), directory.join(&id.name).join(&id.key), directory.join(&id.key)]
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

/// The files of ConfigMaps and Secrets among the documents of a manifest. What can't be read is left out
/// with a note.
pub fn of_documents<'a>(
    documents: impl IntoIterator<Item = &'a Value>,
) -> (BTreeMap<FileId, Bytes>, Vec<String>) {
    let (mut files, mut notes) = (BTreeMap::new(), Vec::new());
    for document in documents {
        let kind = match document["kind"].as_str() {
            Some("ConfigMap") => FileKind::ConfigMap,
            Some("Secret") => FileKind::Secret,
            _ => continue,
        };
        let Some(name) = document["metadata"]["name"].as_str() else { continue };
        let plain = if kind == FileKind::ConfigMap { "data" } else { "stringData" };
        let encoded = if kind == FileKind::ConfigMap { "binaryData" } else { "data" };
        let values = |field: &str| {
            let fields = document[field].as_object().into_iter().flatten();
            fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        };
        for (key, text) in values(encoded) {
            let compact: String = text.split_whitespace().collect();
            match STANDARD.decode(compact) {
                Ok(bytes) => drop(files.insert(FileId { kind, name: name.into(), key }, bytes.into())),
                Err(error) => {
                    notes.push(format!("{} {name}: {encoded}.{key} is not base64: {error}", kind.as_str()));
                }
            }
        }
        // As on the API server, stringData wins over data.
        for (key, text) in values(plain) {
            files.insert(FileId { kind, name: name.into(), key }, text.into_bytes().into());
        }
    }
    (files, notes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(kind: FileKind, name: &str, key: &str) -> FileReference {
        let id = FileId { kind, name: name.into(), key: key.into() };
        FileReference { id, field: "spec.data[0].csv.source".into() }
    }

    fn source(name: &str, key: &str) -> FileSource {
        serde_json::from_value(json!({"configMapKeyRef": {"name": name, "key": key}})).unwrap()
    }

    #[test]
    fn objects_of_the_manifest_hold_files() {
        let documents = [
            json!({"kind": "ConfigMap", "metadata": {"name": "users"},
                "data": {"a.csv": "x\n1\n"}, "binaryData": {"b": "AQI="}}),
            json!({"kind": "Secret", "metadata": {"name": "keys"},
                "data": {"tls.key": "S0VZ", "both": "T0xE", "bad": "%"}, "stringData": {"both": "new"}}),
            json!({"kind": "Service", "metadata": {"name": "users"}, "data": {"a.csv": "no"}}),
        ];
        let (objects, notes) = of_documents(&documents);
        let get = |kind, name: &str, key: &str| {
            objects.get(&FileId { kind, name: name.into(), key: key.into() }).map(|bytes| bytes.to_vec())
        };
        assert_eq!(get(FileKind::ConfigMap, "users", "a.csv").unwrap(), b"x\n1\n");
        assert_eq!(get(FileKind::ConfigMap, "users", "b").unwrap(), [1, 2]);
        assert_eq!(get(FileKind::Secret, "keys", "tls.key").unwrap(), b"KEY");
        assert_eq!(get(FileKind::Secret, "keys", "both").unwrap(), b"new");
        assert_eq!(objects.len(), 4);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn a_directory_holds_files_with_and_without_their_objects_names() {
        let directory = std::env::temp_dir().join(format!("upsurge-files-{}", std::process::id()));
        for (path, contents) in [("configmap/users/a", "full"), ("users/b", "short"), ("c", "bare")] {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        let places = Places { directory: Some(directory.clone()), ..Places::default() };
        let references = ["a", "b", "c"].map(|key| reference(FileKind::ConfigMap, "users", key));
        let files = Files::load(&references, &places).unwrap();
        for (key, contents) in [("a", "full"), ("b", "short"), ("c", "bare")] {
            assert_eq!(files.read(&source("users", key)).unwrap(), contents);
        }
        assert!(files.read(&source("users", "other")).is_err());
        let error = Files::load(&[reference(FileKind::Secret, "keys", "x")], &places).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("spec.data[0].csv.source: key \"x\" of Secret \"keys\" does not exist"),
            "{text}"
        );
        fs::remove_dir_all(directory).unwrap();
    }
}
