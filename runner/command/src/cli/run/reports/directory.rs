// SPDX-License-Identifier: Apache-2.0
//! The directory that gets the record of a run and all reports (`--report-dir`). Reports are made of the record as it was written, in which
//! no value of a Secret is any more.

use std::{
    fs,
    path::{Path, PathBuf},
};

use upsurge_record::disk::decode;
use upsurge_report::{html, junit, markdown};

use super::{Place, ReportsError, place};
pub(super) use crate::cli::report_files::ARGUMENT;
use crate::cli::report_files::{JUNIT, MARKDOWN, PAGE, RECORD};

/// Files that are open, and the place of the record.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    page: Place,
    markdown: Place,
    junit: Place,
}

impl Directory {
    /// Makes it, if it is not there, and opens the files in it; what was in them is gone.
    pub(super) fn open(path: &Path) -> Result<Self, ReportsError> {
        let wrong =
            |source| ReportsError::Write { argument: ARGUMENT, path: path.display().to_string(), source };
        fs::create_dir_all(path).map_err(wrong)?;
        let open = |name: &str| place(ARGUMENT, &path.join(name));
        Ok(Self { path: path.to_owned(), page: open(PAGE)?, markdown: open(MARKDOWN)?, junit: open(JUNIT)? })
    }

    /// Where the record goes.
    pub(super) fn record(&self) -> PathBuf {
        self.path.join(RECORD)
    }

    /// The files that are open.
    pub(super) fn places(&self) -> [&Place; 3] {
        [&self.page, &self.markdown, &self.junit]
    }

    /// Writes all reports. Gives what went wrong. `outcome` is the JUnit XML of the run, for when there is no record to make it of: a pipeline
    /// has to get it.
    pub(super) fn fill(self, record: Option<&[u8]>, outcome: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        match record.map(decode) {
            Some(Ok(record)) => {
                wrong.extend(self.junit.fill(&junit(&record)));
                wrong.extend(self.page.fill(&html(&record)));
                wrong.extend(self.markdown.fill(&markdown(&record)));
            }
            Some(Err(error)) => {
                wrong.extend(self.junit.fill(outcome));
                wrong.push(format!("no report could be made: {error}"));
            }
            // Why there is no record was said already.
            None => {
                wrong.extend(self.junit.fill(outcome));
                wrong.push("no report could be made, as there is no record".into());
            }
        }
        wrong
    }
}
