// SPDX-License-Identifier: Apache-2.0
//! The files that a run writes, opened before its load starts.

mod directory;

use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use upsurge_core::report::Report;
use upsurge_crds::LoadTestSpec;
use upsurge_output::{CsvFile, OutputError, Outputs, Pushing, TagsError, check_tags};

use self::directory::Directory;
use super::record::{About, RecordError, Recording};
use crate::cli::arguments::{OutArguments, SessionArguments};

/// Files that were asked for.
#[derive(Debug)]
pub(super) struct Reports<'a> {
    out: &'a OutArguments,
    /// Whether standard output gets the result as JSON.
    pub(super) prints_json: bool,
    json: Option<Place>,
    summary: Option<Place>,
    junit: Option<Place>,
    csv: Option<Place>,
    markdown: Option<Place>,
    directory: Option<Directory>,
    /// The record, which grows while the load runs.
    pub(super) recording: Option<Recording>,
}

/// A file that is open.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    file: File,
}

/// Why a file can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReportsError {
    /// It can't be written to.
    #[error("can't write to {path} (--{argument}): {source}")]
    Write {
        argument: &'static str,
        path: String,
        #[source]
        source: io::Error,
    },
    /// One file for two things, of which the second would write over the first.
    #[error("--{one} and --{other} write to the same file, {path}: give each its own")]
    Same { one: &'static str, other: &'static str, path: String },
    /// Tags of which some would be lost.
    #[error(transparent)]
    Tags(#[from] TagsError),
    /// Standard output, where the result is shown already.
    #[error("--{argument} writes to a file, and - is not one: name a file, or /dev/stdout")]
    StandardOutput { argument: &'static str },
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl<'a> Reports<'a> {
    /// Opens all files; what was in them is gone.
    pub(super) fn open(
        arguments: &'a SessionArguments,
        markdown: Option<&Path>,
        about: &About<'_>,
    ) -> Result<Self, ReportsError> {
        let open =
            |argument, path: &Option<PathBuf>| path.as_deref().map(|path| place(argument, path)).transpose();
        check_tags(&arguments.out.tags, &arguments.out.destinations)?;
        let prints_json = arguments.json.as_deref() == Some(Path::new("-"));
        let mut reports = Self {
            out: &arguments.out,
            prints_json,
            json: if prints_json { None } else { open("json", &arguments.json)? },
            summary: open("summary", &arguments.summary)?,
            junit: open("junit", &arguments.junit)?,
            csv: open("csv", &arguments.csv)?,
            markdown: markdown.map(|path| place("markdown", path)).transpose()?,
            directory: arguments.report_dir.as_deref().map(Directory::open).transpose()?,
            recording: None,
        };
        let places = [
            ("json", &reports.json),
            ("summary", &reports.summary),
            ("junit", &reports.junit),
            ("csv", &reports.csv),
            ("markdown", &reports.markdown),
        ];
        let standard = prints_json.then(Place::of_standard_output).flatten();
        let mut places: Vec<_> =
            places.iter().filter_map(|(argument, place)| Some((*argument, place.as_ref()?))).collect();
        places.extend(standard.as_ref().map(|place| ("json", place)));
        let in_directory = reports.directory.iter().flat_map(Directory::places);
        places.extend(in_directory.map(|place| (directory::ARGUMENT, place)));
        for (index, (other, place)) in places.iter().enumerate() {
            if let Some((one, _)) = places.iter().take(index).find(|(_, known)| known.is(place)) {
                let path = place.path.display().to_string();
                return Err(ReportsError::Same { one, other, path });
            }
        }
        let record = reports.directory.as_ref().map(Directory::record).or_else(|| arguments.record.clone());
        if let Some(path) = &record {
            // It takes the place of what is there, whoever has that open.
            if let Some((one, _)) = places.iter().find(|(_, place)| place.is_at(path)) {
                let path = path.display().to_string();
                return Err(ReportsError::Same { one, other: "record", path });
            }
            reports.recording = Some(Recording::open(path, about)?);
        }
        Ok(reports)
    }

    /// Starts what takes the figures while the load runs.
    pub(super) fn outputs(
        &mut self,
        name: &str,
        test: &LoadTestSpec,
        start: Timestamp,
    ) -> Result<Outputs, OutputError> {
        let mut outputs = Outputs::default();
        if let Some(Place { path, file }) = self.csv.take() {
            outputs.add("--csv".into(), CsvFile::create(&path, file, start)?)?;
        }
        let test_id = self.out.test_id.clone();
        let test_id = test_id.unwrap_or_else(|| format!("{name}-{}", start.strftime("%Y%m%dT%H%M%SZ")));
        let pushing = Pushing {
            headers: &self.out.out_headers,
            tags: &self.out.tags,
            test_id: &test_id,
            every: self.out.every.0,
            statistics: &self.out.statistics,
            window: self.out.window,
            custom: &test.metrics,
            start,
        };
        for destination in &self.out.destinations {
            destination.start(&pushing, &mut outputs)?;
        }
        Ok(outputs)
    }

    /// Writes what is known at the end; `record` is the record as it was written. Gives what went wrong.
    pub(super) fn write(self, report: &Report<'_>, started: Timestamp, record: Option<&[u8]>) -> Vec<String> {
        let json = self.json.and_then(|place| place.fill(&report.json(started)));
        let summary = self.summary.and_then(|place| place.fill(&format!("{:#}\n", report.k6_summary())));
        let junit = self.junit.and_then(|place| place.fill(&report.junit(started)));
        let markdown = self.markdown.and_then(|place| place.fill(&report.markdown()));
        let directory = self.directory.map(|directory| directory.fill(record, &report.junit(started)));
        let wrong = [json, summary, junit, markdown].into_iter().flatten();
        wrong.chain(directory.into_iter().flatten()).collect()
    }
}

impl Place {
    /// Where a result goes that is printed; `None` if that is closed.
    fn of_standard_output() -> Option<Self> {
        let stream = io::stdout().as_fd().try_clone_to_owned().ok()?;
        Some(Self { path: "/dev/stdout".into(), file: stream.into() })
    }

    /// Whether both are one file or pipe, whatever its names. A device takes what both have.
    fn is(&self, other: &Self) -> bool {
        let own = |place: &Self| identity(&place.file.metadata().ok()?);
        own(self).is_some_and(|file| Some(file) == own(other))
    }

    /// Whether that is the file of a path.
    fn is_at(&self, path: &Path) -> bool {
        let own = self.file.metadata().ok().and_then(|found| identity(&found));
        own.is_some_and(|file| fs::metadata(path).ok().and_then(|found| identity(&found)) == Some(file))
    }

    fn fill(mut self, text: &str) -> Option<String> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.flush());
        written.err().map(|error| format!("can't write to {}: {error}", self.path.display()))
    }
}

/// What tells files apart whatever their names; `None` of a device.
fn identity(found: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    (!found.file_type().is_char_device()).then(|| (found.dev(), found.ino()))
}

fn place(argument: &'static str, path: &Path) -> Result<Place, ReportsError> {
    if path == Path::new("-") {
        return Err(ReportsError::StandardOutput { argument });
    }
    let file = File::create(path).and_then(|file| probe(path, &file).map(|()| file));
    let wrong = |source| ReportsError::Write { argument, path: path.display().to_string(), source };
    Ok(Place { path: path.into(), file: file.map_err(wrong)? })
}

/// A full disk lets files be made but not be written to: writes a little to see, and takes it back.
/// What is no plain file keeps what is written to it, and so is left alone.
fn probe(path: &Path, mut file: &File) -> io::Result<()> {
    use io::Seek;
    if fs::metadata(path)?.is_file() {
        file.write_all(&[b' '; 4096])?;
        file.sync_data()?;
        file.set_len(0)?;
        file.rewind()?;
    }
    Ok(())
}
