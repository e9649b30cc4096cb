// SPDX-License-Identifier: Apache-2.0
//! A record of a run that was cut off, from what it had written until then.
//!
//! Its figures are those of all that is there. It judges nothing: whether thresholds would have held in the end nobody knows, so the
//! verdict is Error.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{BufRead, ErrorKind, Read as _},
    time::Duration,
};

use flate2::bufread::GzDecoder;
use upsurge_core::{
    epochs,
    metrics::{Metrics, with_room},
    plan::Timeline,
    results::{self, Figures},
    thresholds::Windows,
};
use upsurge_crds::{
    LoadTestSpec,
    names::reasons,
    read::Unreadable,
    v1alpha1::{EpochResult, MOST_EPOCHS, Verdict},
};
use upsurge_figures::observation::Event;

use crate::{
    disk::{DecodeError, GZIP, MOST_DISTRIBUTIONS, MOST_UNPACKED, bounded},
    journal::{self, Begin, Line, LoadBegins, News},
    measure::{LONGEST, Load, timeline},
    model::{
        Epoch, Gap, Incomplete, MOST_POINTS, ObservedWorkload, Outcome, Record, Run, Series, VERSION, after,
    },
    observed,
    thin::Course,
};

/// Most news of a run: one each ten seconds makes a month.
const MOST_NEWS: usize = 1 << 18;
/// Most events of a run.
const MOST_EVENTS: usize = 1 << 20;

/// What was found in a file.
#[derive(Debug)]
pub struct Recovered {
    /// The record.
    pub record: Record,
    /// How many of the file's parts were whole.
    pub members: usize,
    /// What is wrong with what comes after them, if something does.
    pub rest: Option<String>,
}

/// Makes a record of what a run has left.
///
/// # Errors
/// When there is not even a beginning.
pub fn recover(mut file: impl BufRead) -> Result<Recovered, DecodeError> {
    let (mut found, mut members, mut rest) = (Found::default(), 0, None);
    loop {
        match member(&mut file) {
            Ok(Some(lines)) => lines.into_iter().try_for_each(|line| found.take(line))?,
            Ok(None) => break,
            Err(error) if members == 0 => return Err(error),
            Err(DecodeError::Truncated) => {
                rest = Some("its end is missing".into());
                break;
            }
            Err(error) => {
                rest = Some(error.to_string());
                break;
            }
        }
        members += 1;
    }
    Ok(Recovered { record: found.record()?, members, rest })
}

/// The lines of the next member; `None` at the end.
fn member(file: &mut impl BufRead) -> Result<Option<Vec<Line>>, DecodeError> {
    let begin = file.fill_buf()?;
    if begin.is_empty() {
        return Ok(None);
    }
    if begin.iter().zip(GZIP).any(|(found, expected)| *found != expected) {
        return Err(DecodeError::NotARecord("it is not gzip".into()));
    }
    let mut text = Vec::new();
    let read = GzDecoder::new(file).take(MOST_UNPACKED + 1).read_to_end(&mut text);
    match read {
        Ok(_) if text.len() as u64 > MOST_UNPACKED => {
            Err(DecodeError::Large { what: "unpacked", most: MOST_UNPACKED })
        }
        Ok(_) => {
            bounded(&text)?;
            let lines = with_room(MOST_DISTRIBUTIONS, || journal::lines(&text));
            lines.map(Some).map_err(|error| DecodeError::Corrupted(error.to_string()))
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(DecodeError::Truncated),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            Err(DecodeError::Corrupted(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// What was told so far.
#[derive(Default)]
struct Found {
    begin: Option<Begin>,
    parts: Vec<Part>,
    /// Each with the place of its workload.
    events: Vec<(usize, Event)>,
    /// How often there was news.
    news: usize,
}

/// A load as far as it is told of.
struct Part {
    begins: LoadBegins,
    result: Option<EpochResult>,
    news: News,
    course: Course,
    /// It has more seconds than a record: only those joined are kept.
    is_long: bool,
}

impl Found {
    fn take(&mut self, line: Line) -> Result<(), DecodeError> {
        match line {
            Line::Begin(begin) if self.begin.is_none() => self.begin = Some(checked(*begin)?),
            _ if self.begin.is_none() => return Err(DecodeError::NotARecord("it has no beginning".into())),
            Line::Begin(_) => return Err(DecodeError::Corrupted("it begins twice".into())),
            Line::Load(_) if self.parts.len() >= MOST_EPOCHS => {
                return Err(DecodeError::Corrupted("it has more loads than any run".into()));
            }
            Line::Load(begins) => {
                let course = Course::new(&timeline(&begins.plan));
                let news = News::default();
                self.parts.push(Part { begins, result: None, news, course, is_long: false });
            }
            Line::Turn(plan) => {
                if let Some(part) = self.parts.last_mut() {
                    part.course.turn(&timeline(&plan));
                    part.begins.plan = plan;
                }
            }
            Line::News(mut news) => {
                self.news += 1;
                // A file may be of any size, and unpack to a thousand times as much: what is kept of it may not.
                let events = self.events.len() + news.events.len() + news.further.len();
                if self.news > MOST_NEWS || events > MOST_EVENTS || news.until_ms as f64 > LONGEST * 1e3 {
                    return Err(DecodeError::Corrupted("it tells of more than any run has".into()));
                }
                self.events.extend(std::mem::take(&mut news.events).into_iter().map(|event| (0, event)));
                self.events.append(&mut news.further);
                // Before the load there is nothing else to tell.
                if let Some(part) = self.parts.last_mut() {
                    part.add(*news);
                }
                if self.parts.iter().map(Part::bytes).sum::<usize>() > MOST_DISTRIBUTIONS {
                    let why = "its series take more memory than those of any run";
                    return Err(DecodeError::Corrupted(why.into()));
                }
            }
            Line::Result(result) => {
                if let Some(part) = self.parts.last_mut() {
                    part.result = Some(result);
                }
            }
        }
        Ok(())
    }

    fn record(self) -> Result<Record, DecodeError> {
        let Self { begin, parts, mut events, .. } = self;
        let begin = begin.ok_or_else(|| DecodeError::NotARecord("it is empty".into()))?;
        let unreadable = |Unreadable { path, message }| {
            DecodeError::Corrupted(format!("its test can't be read: {path}: {message}"))
        };
        let test = begin.test.read().map_err(unreadable)?;
        let until_ms = parts.last().map_or(0, |part| part.news.until_ms);
        let end = parts
            .last()
            .map_or(begin.run.start_time, |part| after(part.begins.start_time, part.news.until_ms));
        let epochs: Vec<Epoch> = parts.into_iter().map(|part| part.epoch(&test)).collect();
        let message = match epochs.last() {
            None => "the run was cut off before its load".to_owned(),
            Some(_) => format!(
                "the run was cut off: what came after {} s of its load is not known, and nothing was judged",
                until_ms / 1_000
            ),
        };
        events.sort_by_key(|(_, event)| event.seen);
        let mut logs = vec![Vec::new(); 1 + begin.further.len()];
        for (place, event) in events {
            // Of a workload that the file does not name, nobody can say whose it is.
            if let Some(log) = logs.get_mut(place) {
                log.push(event);
            }
        }
        let watched = begin.workload.into_iter().chain(begin.further).zip(logs);
        let workloads: Vec<ObservedWorkload> = watched
            .map(|([name, kind, api_version], events)| ObservedWorkload {
                name,
                kind,
                api_version,
                until: end,
                events,
                left_out: BTreeMap::new(),
            })
            .collect();
        let mut gaps: Vec<Gap> = workloads.iter().flat_map(observed::gaps).collect();
        gaps.push(Gap { what: "load".into(), workload: None, from: end, to: None, message: message.clone() });
        let outcome = Outcome {
            verdict: Verdict::Error,
            reason: reasons::RECORD_INCOMPLETE.into(),
            message: message.clone(),
            conditions: Vec::new(),
        };
        let run = Run { end_time: end, ..begin.run };
        Ok(Record {
            incomplete: Some(Incomplete { message, until_ms }),
            shown_epoch: epochs.last().map(|epoch| epoch.number),
            epochs,
            workloads,
            gaps,
            ..Record::new(begin.made_by, run, begin.test, begin.environment, outcome)
        })
    }
}

fn checked(begin: Begin) -> Result<Begin, DecodeError> {
    if begin.format != journal::FORMAT {
        return Err(DecodeError::NotARecord(format!("it does not say that it is {}", journal::FORMAT)));
    }
    if begin.version.is_readable() {
        return Ok(begin);
    }
    let (found, known) = (begin.version.to_string(), format!("{}.x", VERSION.major));
    Err(DecodeError::Version { found, known, tool: "the program that wrote it" })
}

impl Part {
    /// About how much memory its series take.
    fn bytes(&self) -> usize {
        self.news.metrics.bytes()
    }

    fn add(&mut self, mut news: News) {
        let [from, to] = [self.news.until_ms, news.until_ms].map(Duration::from_millis);
        self.course.add(from, to, &news.metrics);
        self.is_long |= self.news.series.points.len() + news.series.points.len() > MOST_POINTS;
        if self.is_long {
            (self.news.series, news.series) = (Series::default(), Series::default());
        }
        self.news.merge(news);
    }

    fn epoch(self, test: &LoadTestSpec) -> Epoch {
        let Self { begins, result, news, course, is_long } = self;
        let timeline = timeline(&begins.plan);
        let elapsed = Duration::from_millis(news.until_ms);
        // Of a probe that was cut off, its warm-up may be all that there is.
        let is_probe = begins.counted_stage.is_some() && result.is_some();
        let told: fn(&Metrics, &Timeline, Duration) -> Figures =
            if is_probe { epochs::figures } else { results::figures };
        let load = Load {
            number: begins.number,
            result,
            test,
            timeline: &timeline,
            metrics: &news.metrics,
            windows: &Windows::default(),
            losses: &news.losses,
            started: begins.start_time,
            elapsed,
            figures: &told(&news.metrics, &timeline, elapsed),
            thresholds: &[],
            breached: None,
            generator: None,
            used: &news.generator_use,
            is_probe,
        };
        let epoch = load.epoch(course, &[]);
        if is_long {
            return epoch;
        }
        // Seconds are known as such: the course was made of what is told each ten seconds.
        Epoch { series: Series { step_seconds: 1, ..news.series }, ..epoch }
    }
}
