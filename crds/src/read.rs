// SPDX-License-Identifier: Apache-2.0
//! Reading specs and steps, with the path of what is wrong.
//!
//! A reader that keeps the path is compiled once more for each type that it meets, and a spec has hundreds of them.
//! That is done here, where no type parameter is left, so that the crates that change more often don't do it again.

use serde_json::Value;

use crate::{
    v1alpha1::{LoadTestSpec, Snapshot, Step},
    words,
};

/// What can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Path of the field from what was read, as in `load.spike.peak`; empty for the whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

/// Reads a spec.
///
/// # Errors
/// The first field that can't be read.
pub fn spec(raw: &Value) -> Result<LoadTestSpec, Unreadable> {
    serde_path_to_error::deserialize(raw).map_err(|error| {
        let path = place(error.path());
        Unreadable { path, message: error.into_inner().to_string() }
    })
}

/// Reads a step, and tells the paths of the fields that no step has, each with a dot or a bracket before it.
///
/// # Errors
/// The first field that can't be read.
pub fn step(raw: &Value, unknown: &mut Vec<String>) -> Result<Step, Unreadable> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(raw, &mut track);
    let read = serde_ignored::deserialize(deserializer, |field| unknown.push(ignored_path(&field)));
    read.map_err(|error| Unreadable { path: place(&track.path()), message: error.to_string() })
}

impl Snapshot {
    /// Whether it is in words from before they changed.
    pub fn is_old(&self) -> bool {
        words::is_old(&self.0)
    }

    /// The spec, brought up to date if it is from before a change of words.
    ///
    /// # Errors
    /// The first field that can't be read even so.
    pub fn read(&self) -> Result<LoadTestSpec, Unreadable> {
        if self.is_old() {
            return spec(&words::brought_up_to_date(self.0.clone()));
        }
        spec(&self.0)
    }
}

fn place(path: &serde_path_to_error::Path) -> String {
    match path.to_string() {
        root if root == "." => String::new(),
        path => path,
    }
}

/// Path of a field that nothing reads.
fn ignored_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", ignored_path(parent)),
        Path::Map { parent, key } => format!("{}.{key}", ignored_path(parent)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            ignored_path(parent)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_with_its_path() {
        let error = spec(&json!({"target": {"baseURL": 7}})).unwrap_err();
        assert_eq!(error.path, "target.baseURL");
        assert!(error.message.starts_with("invalid type: integer `7`"), "{error:?}");
    }

    #[test]
    fn fields_that_no_step_has_are_told_with_their_paths() {
        let mut unknown = Vec::new();
        let raw = json!({"request": {"url": "/", "expect": [{"status": [200], "statuz": 1}]}, "x": 1});
        let read = step(&raw, &mut unknown);
        assert!(read.is_ok(), "{read:?}");
        unknown.sort();
        assert_eq!(unknown, [".request.expect[0].statuz", ".x"]);
    }
}
