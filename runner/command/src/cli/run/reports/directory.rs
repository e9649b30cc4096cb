// SPDX-License-Identifier: Apache-2.0
//! The directory that gets the record of a run and all reports (`--report-dir`). Reports are made of the record as it was written, in which
//! no value of a Secret is any more.

use std::{
    fs,
    path::{Path, PathBuf},
};

use upsurge_record::disk::decode;
use upsurge_report::{html, markdown};

use super::{Place, ReportsError, place};

/// The argument that names it.
pub(super) const ARGUMENT: &str = "report-dir";

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
        Ok(Self {
            path: path.to_owned(),
            page: open("report.html")?,
            markdown: open("report.md")?,
            junit: open("junit.xml")?,
        })
    }

    /// Where the record goes.
    pub(super) fn record(&self) -> PathBuf {
        self.path.join("run.record")
    }

    /// The files that are open.
    pub(super) fn places(&self) -> [&Place; 3] {
        [&self.page, &self.markdown, &self.junit]
    }

    /// Writes all reports. Gives what went wrong.
    pub(super) fn fill(self, record: Option<&[u8]>, junit: &str) -> Vec<String> {
        let mut wrong: Vec<String> = self.junit.fill(junit).into_iter().collect();
        match record.map(decode) {
            Some(Ok(record)) => {
                wrong.extend(self.page.fill(&html(&record)));
                wrong.extend(self.markdown.fill(&markdown(&record)));
            }
            Some(Err(error)) => wrong.push(format!("no report could be made: {error}")),
            // Why there is no record was said already.
            None => wrong.push("no report could be made, as there is no record".into()),
        }
        wrong
    }
}
