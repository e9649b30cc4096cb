// SPDX-License-Identifier: Apache-2.0
//! What a run has so far (FILE.part): lines of JSON in gzip members, each of which is complete and can be read without the next one.
//!
//! A member is written each ten seconds and holds what was new: so the file can be cut off anywhere, and all but the last member is
//! still there. Nothing is judged from it; [`crate::recover`] makes a record of it that says so.

#[cfg(test)]
mod tests;

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upsurge_core::{losses::Losses, metrics::Metrics, protocol::GeneratorDelta};
use upsurge_crds::v1alpha1::{EpochResult, Snapshot};
use upsurge_figures::observation::Event;

use crate::{
    disk::{EncodeError, pack, to_json},
    model::{Environment, FormatVersion, MadeBy, PlannedLoad, Point, Run, Series},
};

/// What the first line says that it is.
pub const FORMAT: &str = "upsurge.dev/record-part";

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Line {
    /// The first one.
    Begin(Box<Begin>),
    /// A load starts.
    Load(LoadBegins),
    /// It turns back, and goes like this then.
    Turn(PlannedLoad),
    /// What is new.
    News(Box<News>),
    /// A load has ended, and this came out of it.
    Result(EpochResult),
}

/// What is known before the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begin {
    /// What this is.
    pub format: String,
    /// Version of the form: that of records.
    pub version: FormatVersion,
    /// Who writes it.
    pub made_by: MadeBy,
    /// Which run it is; it has no end yet.
    pub run: Run,
    /// Its spec, as in a record.
    pub test: Snapshot,
    /// Where it runs.
    pub environment: Environment,
    /// The workload that is watched: name, kind, API version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<[String; 3]>,
    /// The other workloads that are watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<[String; 3]>,
}

/// The start of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadBegins {
    /// Number of its epoch, from 1.
    pub number: u32,
    /// When it starts.
    pub start_time: Timestamp,
    /// What is asked for.
    pub plan: PlannedLoad,
    /// The stage that counts, of a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_stage: Option<String>,
}

/// What is new since the last time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct News {
    /// Until when, in milliseconds from the start of the load.
    pub until_ms: u64,
    /// Seconds that are over.
    pub series: Series,
    /// What was recorded.
    pub metrics: Metrics,
    /// Requests that were lost.
    #[serde(default, skip_serializing_if = "Losses::is_empty")]
    pub losses: Losses,
    /// What the generator used.
    pub generator_use: GeneratorDelta,
    /// What was seen of the workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// What was seen of the others, each with its place among all: 1 is the second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<(usize, Event)>,
}

impl News {
    /// Adds events, each with the place of its workload.
    pub fn see(&mut self, events: Vec<(usize, Event)>) {
        for (place, event) in events {
            match place {
                0 => self.events.push(event),
                _ => self.further.push((place, event)),
            }
        }
    }

    /// Adds what came after it.
    pub fn merge(&mut self, next: Self) {
        self.until_ms = self.until_ms.max(next.until_ms);
        append(&mut self.series, next.series);
        self.metrics.merge(&next.metrics);
        self.losses.merge(&next.losses);
        self.generator_use.merge(&next.generator_use);
        self.events.extend(next.events);
        self.further.extend(next.further);
    }
}

/// Adds the course that follows.
fn append(mine: &mut Series, next: Series) {
    let mut kinds: Vec<String> = mine.kinds.iter().chain(&next.kinds).cloned().collect();
    kinds.sort_unstable();
    kinds.dedup();
    let added = mine.points.len();
    mine.step_seconds = mine.step_seconds.max(next.step_seconds);
    mine.points.extend(next.points);
    let (before, after) = mine.points.split_at_mut(added);
    place(before, &mine.kinds, &kinds);
    place(after, &next.kinds, &kinds);
    mine.kinds = kinds;
}

/// Tells failures of points by other kinds, of which those that they have are some.
fn place(points: &mut [Point], from: &[String], to: &[String]) {
    if from == to {
        return;
    }
    let places: Vec<Option<usize>> =
        from.iter().map(|kind| to.iter().position(|known| known == kind)).collect();
    for point in points.iter_mut().filter(|point| !point.errors.is_empty()) {
        let mut errors = Vec::new();
        for (place, count) in places.iter().zip(&point.errors).filter(|(_, count)| **count > 0) {
            // Both are in order.
            if let Some(place) = place {
                errors.resize(*place, 0);
                errors.push(*count);
            }
        }
        point.errors = errors;
    }
}

/// Packs lines as a member of the file.
///
/// # Errors
/// When they can't be written as JSON.
pub fn member(lines: &[Line], secrets: &[String]) -> Result<Vec<u8>, EncodeError> {
    let mut text = Vec::new();
    for line in lines {
        text.extend(to_json(line, secrets)?);
        text.push(b'\n');
    }
    Ok(pack(&text)?)
}

/// The lines of a member.
///
/// # Errors
/// The first one that is none.
pub(crate) fn lines(text: &[u8]) -> Result<Vec<Line>, serde_json::Error> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(serde_json::from_slice).collect()
}

/// Writes members to a file, and takes back what could not be written as a whole.
#[derive(Debug)]
pub struct Writer {
    file: std::fs::File,
    /// Bytes of complete members.
    whole: u64,
}

impl Writer {
    /// To a file that is empty.
    pub fn new(file: std::fs::File) -> Self {
        Self { file, whole: 0 }
    }

    /// Adds a member, and waits until it is safe.
    ///
    /// # Errors
    /// When there is no room for it; then nothing of it is there.
    pub fn add(&mut self, member: &[u8]) -> io::Result<()> {
        use io::{Seek as _, SeekFrom, Write as _};

        let written = self.file.write_all(member).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.whole += member.len() as u64,
            Err(error) => {
                // A part of a member would hide all that come after it.
                self.file.set_len(self.whole)?;
                self.file.seek(SeekFrom::Start(self.whole))?;
                return Err(error);
            }
        }
        Ok(())
    }
}
