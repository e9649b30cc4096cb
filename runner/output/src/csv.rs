// SPDX-License-Identifier: Apache-2.0
//! The course of the load as a CSV file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use jiff::Timestamp;
use upsurge_core::report::Table;
use upsurge_engine::Interval;

use super::{Mailbox, Output, OutputError};

/// Writes a row for each interval and series.
pub struct CsvFile {
    path: String,
    file: BufWriter<File>,
    table: Table,
    /// Instant of the start of the load.
    start: Timestamp,
}

impl CsvFile {
    /// Writes the names of the columns to an open file.
    ///
    /// # Errors
    /// When the file takes nothing.
    pub fn create(path: &Path, file: File, start: Timestamp) -> Result<Self, OutputError> {
        let mut csv = Self {
            path: path.display().to_string(),
            file: BufWriter::new(file),
            table: Table::default(),
            start,
        };
        csv.write(&Table::header())?;
        Ok(csv)
    }

    /// Writes whole lines, so that the file can be read while it grows.
    fn write(&mut self, text: &str) -> Result<(), OutputError> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(|source| OutputError::File { path: self.path.clone(), source })
    }
}

impl Output for CsvFile {
    fn take(&mut self, interval: &Interval, _: &Mailbox) -> Result<(), OutputError> {
        let length = interval.to.saturating_sub(interval.from);
        let end = self.start + interval.to;
        // In any case, as it keeps the levels.
        let rows = self.table.rows(end, length, &interval.metrics);
        // Before the start of the load, there is no time to tell of.
        if length.is_zero() { Ok(()) } else { self.write(&rows) }
    }

    fn finish(&mut self, _: &Mailbox) -> Result<(), OutputError> {
        Ok(())
    }

    fn essential(&self) -> bool {
        true
    }
}
