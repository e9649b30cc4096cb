// SPDX-License-Identifier: Apache-2.0
//! The record of a run (`--record`): what is new goes to FILE.part each ten seconds, and the whole to FILE or a store at the end.
//!
//! Nothing here holds up the load: the file is written by a thread of its own, and what it can't take yet waits. Nothing here changes the
//! verdict either.

mod about;
mod destination;
mod journal;
mod told;

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use upsurge_core::{plan::Timeline, protocol::GeneratorDelta};
use upsurge_engine::Interval;
pub(super) use upsurge_record::thin::Course;
use upsurge_record::{
    Event,
    disk::{EncodeError, FileError, encode},
    journal::{Begin, Line, LoadBegins, News},
    measure::{Load, planned},
    model::{Epoch, ObservedWorkload},
};

pub(super) use self::{
    about::About,
    told::{Told, folded, load, probe},
};
use self::{
    destination::Destination,
    journal::{Journal, JournalError},
};
use crate::cli::{say, stored::StoredError, watched::Surroundings};

/// Time of load between two parts of FILE.part.
const PART_EVERY: Duration = Duration::from_secs(10);

/// The record of a run that is under way.
#[derive(Debug)]
pub(super) struct Recording {
    destination: Destination,
    begin: Begin,
    secrets: Vec<String>,
    journal: Option<Journal>,
    /// The load that is under way.
    load: Option<Underway>,
    /// Loads that are over, and won't be looked at again.
    epochs: Vec<Epoch>,
    workloads: Vec<ObservedWorkload>,
    /// Whether FILE.part is worth keeping.
    is_kept: bool,
    is_complained: bool,
}

/// A load that is under way.
#[derive(Debug)]
struct Underway {
    course: Course,
    /// What FILE.part has not got yet.
    news: News,
    /// Seconds that it has.
    told: usize,
    /// When it got something for the last time.
    last: Duration,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// No place for it.
    #[error("--record: {0}")]
    File(#[from] FileError),
    /// It can't be begun.
    #[error("--record: can't write to {path}: {source}")]
    Begin {
        path: String,
        #[source]
        source: JournalError,
    },
    /// It can't be written down.
    #[error("--record: {0}")]
    Encode(#[from] EncodeError),
    /// Not a file.
    #[error("--record writes to a file, and - is not one: name a file")]
    StandardOutput,
    /// No store that can be asked, or none that answers.
    #[error("--record: {0}")]
    Stored(#[from] StoredError),
    /// The file is there that stands in for a store.
    #[error(
        "--record: {path} is there already, and would get the record if the store does not take it: move it away"
    )]
    Taken { path: String },
}

impl Recording {
    /// Opens FILE.part, and writes down what is known before the load.
    pub(super) fn open(path: &Path, about: &About<'_>) -> Result<Self, RecordError> {
        let destination = Destination::of(path)?;
        let file = destination.place().begin()?;
        let begin = about.begin();
        let begins = [Line::Begin(Box::new(begin.clone()))];
        let journal = Journal::start(file, &begins, about.secrets.to_vec());
        let mut recording = Self {
            destination,
            begin,
            secrets: about.secrets.to_vec(),
            journal: None,
            load: None,
            epochs: Vec::new(),
            workloads: Vec::new(),
            is_kept: false,
            is_complained: false,
        };
        // From here on, FILE.part is taken away again if there is no load.
        let path = recording.destination.place().part().display().to_string();
        recording.journal = Some(journal.map_err(|source| RecordError::Begin { path, source })?);
        Ok(recording)
    }

    /// A load starts.
    pub(super) fn load(
        &mut self,
        number: u32,
        timeline: &Timeline,
        started: Timestamp,
        counted: Option<&str>,
    ) {
        let counted_stage = counted.map(str::to_owned);
        let begins = LoadBegins { number, start_time: started, plan: planned(timeline), counted_stage };
        self.tell(Line::Load(begins));
        self.is_kept = true;
        self.load = Some(Underway {
            course: Course::new(timeline),
            news: News::default(),
            told: 0,
            last: Duration::ZERO,
        });
    }

    /// It turns back, and goes like this then.
    pub(super) fn turn(&mut self, turned: &Timeline) {
        let Some(load) = &mut self.load else { return };
        load.course.turn(turned);
        self.tell(Line::Turn(planned(turned)));
    }

    /// An interval of it is over.
    pub(super) fn add(&mut self, interval: &Interval, used: &GeneratorDelta, events: Vec<(usize, Event)>) {
        let Some(load) = &mut self.load else { return };
        load.course.add(interval.from, interval.to, &interval.metrics);
        load.news.metrics.merge(&interval.metrics);
        load.news.losses.merge(&interval.losses);
        load.news.generator_use.merge(used);
        load.news.see(events);
        load.news.until_ms = u64::try_from(interval.to.as_millis()).unwrap_or(u64::MAX);
        if interval.to.saturating_sub(load.last) >= PART_EVERY {
            self.flush();
        }
    }

    /// Something was seen while there is no load.
    pub(super) fn seen(&mut self, events: Vec<(usize, Event)>) {
        if !events.is_empty() {
            let mut news = News::default();
            news.see(events);
            self.tell(Line::News(Box::new(news)));
        }
    }

    /// Hands on what is new.
    fn flush(&mut self) {
        let Some(load) = &mut self.load else { return };
        load.last = Duration::from_millis(load.news.until_ms);
        let series = load.course.seconds_from(load.told);
        load.told = load.course.seconds();
        let until_ms = load.news.until_ms;
        let news = std::mem::replace(&mut load.news, News { until_ms, ..News::default() });
        self.tell(Line::News(Box::new(News { series, ..news })));
    }

    /// The load is over. Gives its course.
    pub(super) fn over(&mut self) -> Option<Course> {
        self.flush();
        self.load.take().map(|load| load.course)
    }

    /// A load whose figures are known, and others may follow.
    pub(super) fn keep(&mut self, load: Load<'_>, course: Course) {
        if let Some(result) = &load.result {
            self.tell(Line::Result(result.clone()));
        }
        self.epochs.push(load.epoch(course, &[]));
    }

    /// What was seen of the workloads, and of what is around them.
    pub(super) fn observed(&mut self, workloads: Vec<ObservedWorkload>, around: Surroundings) {
        self.workloads = workloads;
        let environment = &mut self.begin.environment;
        (environment.kubernetes, environment.workloads) = (around.kubernetes, around.workloads);
    }

    fn tell(&mut self, line: Line) {
        if let Some(journal) = &mut self.journal {
            journal.tell(line);
        }
    }

    /// What should be said of FILE.part, once.
    pub(super) fn complaint(&mut self) -> Option<String> {
        let trouble = self.journal.as_ref()?.trouble().filter(|_| !self.is_complained)?;
        self.is_complained = true;
        Some(format!(
            "warning: can't write to {}: {trouble}; the load goes on, and the record is written at its end if that can be done",
            self.destination.place().part().display()
        ))
    }

    /// Puts the record where it goes, and gives what was written. FILE.part goes only when that is done.
    pub(super) fn finish(mut self, told: Told<'_>) -> Result<Vec<u8>, RecordError> {
        if let Some(journal) = self.journal.take() {
            journal.end();
        }
        let (epochs, workloads) = (std::mem::take(&mut self.epochs), std::mem::take(&mut self.workloads));
        let record = told.record(self.begin.clone(), epochs, workloads);
        let bytes = encode(&record, &self.secrets)?;
        self.destination.put(&bytes)?;
        self.is_kept = false;
        Ok(bytes)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(journal) = self.journal.take() {
            journal.end();
        }
        let part = self.destination.place().part();
        if !self.is_kept {
            self.destination.place().forget_part();
        } else if part.exists() {
            let part = part.display();
            say::line(format_args!(
                "note: {part} holds what was recorded; upsurge report --recover {part} makes a record of it"
            ));
        }
    }
}
