// SPDX-License-Identifier: Apache-2.0
//! `upsurge validate`: manifests checked before anything is applied.

mod describe;
mod places;

use std::{path::Path, process::ExitCode};

use serde_json::Value;
use upsurge_core::{report::printable, validate::doubtful};

use self::places::Place;
use super::{
    arguments::ValidateArguments,
    documents::{self, DocumentsError, Kind, name_of},
    exit,
    manifest::{self, Manifest},
    say,
};

/// Checks manifests and prints what they will do.
pub(super) fn run(arguments: &ValidateArguments) -> ExitCode {
    let mut checked = Checked::default();
    let mut places = Vec::new();
    for file in &arguments.files {
        if let Err((path, error)) = places::of(file, &mut places) {
            checked.complain(format_args!("can't read {}: {error}", documents::called(&path)));
        }
    }
    for place in &places {
        checked.look_into(place, arguments.name.as_deref());
    }
    checked.end(&places)
}

/// What was found so far.
#[derive(Debug, Default)]
struct Checked {
    valid: Vec<(String, Manifest)>,
    invalid: usize,
    left_out: usize,
    /// Something else was wrong.
    failed: bool,
    /// Names of the tests that were passed over.
    others: Vec<String>,
}

impl Checked {
    fn complain(&mut self, message: impl std::fmt::Display) {
        say::line(format_args!("error: {message}"));
        self.failed = true;
    }

    fn look_into(&mut self, place: &Place, name: Option<&str>) {
        let path = documents::called(&place.path);
        let documents = match documents::read(&place.path) {
            Ok(documents) => documents,
            Err(error) if place.found && is_foreign(&error, &place.path) => {
                self.left_out += 1;
                return say::line(format_args!("note: left out: {error}"));
            }
            Err(error) => return self.complain(error),
        };
        let has_test = documents.iter().any(|document| Kind::of(document) == Kind::Test);
        let mut left_out = Vec::new();
        for document in &documents {
            match Kind::of(document) {
                Kind::Test if name.is_none_or(|name| name_of(document) == name) => {
                    self.check(document, &place.path);
                }
                Kind::Test => self.others.push(name_of(document)),
                Kind::Unknown(wrong) => self.complain(format_args!("{path}: {wrong}")),
                // Files of the tests beside them.
                Kind::Files if has_test => {}
                Kind::Files | Kind::Other(_) => left_out.push(documents::describe(document)),
            }
        }
        if !left_out.is_empty() {
            self.left_out += left_out.len();
            say::line(format_args!("note: {path}: left out {}", left_out.join(", ")));
        }
    }

    fn check(&mut self, test: &Value, path: &Path) {
        match manifest::compile(test, None, None, path) {
            Ok(manifest) => {
                let path = documents::called(path);
                for doubt in doubtful(&manifest.spec) {
                    say::line(format_args!("warning: {path}: LoadTest {}: {doubt}", manifest.name));
                }
                self.valid.push((path, manifest));
            }
            Err(error) => {
                say::line(format_args!("error: {error}"));
                self.invalid += 1;
            }
        }
    }

    /// Prints what is valid and gives the exit code.
    fn end(mut self, places: &[Place]) -> ExitCode {
        if self.valid.is_empty() && self.invalid == 0 && !self.failed {
            let files: Vec<String> =
                places.iter().take(3).map(|place| place.path.display().to_string()).collect();
            let files = match (files.as_slice(), places.len()) {
                ([], _) => "what was named holds".into(),
                (files, count) if count > files.len() => {
                    format!("{} and {} more files hold", files.join(", "), count - files.len())
                }
                (files, 1) => format!("{} holds", files.join("")),
                (files, _) => format!("{} hold", files.join(", ")),
            };
            if self.others.is_empty() {
                self.complain(format_args!(
                    "{files} no LoadTest: it needs apiVersion upsurge.dev/v1alpha1 and kind LoadTest"
                ));
            } else {
                let names = self.others.join(", ");
                self.complain(format_args!("{files} no LoadTest of that name; there are {names}"));
            }
        }
        let text = match self.valid.as_slice() {
            [(_, manifest)] if self.invalid == 0 => describe::whole(manifest),
            several => {
                let lines = several.iter().map(|(path, manifest)| {
                    format!("{path}: LoadTest {} is valid: {}\n", manifest.name, describe::load(manifest))
                });
                lines.collect::<String>() + &self.total()
            }
        };
        match say::result(&printable(text)) {
            Err(error) => exit::error(format_args!("can't write to standard output: {error}")),
            Ok(()) if self.invalid > 0 || self.failed => ExitCode::from(exit::ERROR),
            Ok(()) => ExitCode::SUCCESS,
        }
    }

    /// How many there were of each.
    fn total(&self) -> String {
        let (valid, invalid) = (self.valid.len(), self.invalid);
        if valid + invalid < 2 {
            return String::new();
        }
        let left_out = match self.left_out {
            0 => String::new(),
            1 => ", 1 other document left out".into(),
            many => format!(", {many} other documents left out"),
        };
        format!("\n{valid} valid, {invalid} not valid{left_out}\n")
    }
}

/// Whether a file that was only found beside others has nothing to do with tests, as templates of charts have not.
fn is_foreign(error: &DocumentsError, path: &Path) -> bool {
    let names_tests = || documents::read_text(path).is_ok_and(|text| text.contains("LoadTest"));
    matches!(error, DocumentsError::Yaml { .. }) && !names_tests()
}
