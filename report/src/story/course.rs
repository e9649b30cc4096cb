// SPDX-License-Identifier: Apache-2.0
//! The points of all loads of a run on one time axis.

use jiff::Timestamp;
use upsurge_record::model::{Point, Record, Series};

use crate::chart::{Line, Role};

/// Where the time axis of a run has its zero: the start of its first load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start(Timestamp);

impl Start {
    /// The zero of a run.
    pub(crate) fn of(record: &Record) -> Self {
        Self(record.epochs.first().map_or(record.run.start_time, |epoch| epoch.start_time))
    }

    /// An instant on the axis.
    pub(crate) fn seconds(self, at: Timestamp) -> f64 {
        at.duration_since(self.0).as_secs_f64()
    }
}

/// The points, with nothing where nothing is known.
#[derive(Debug, Default)]
pub(crate) struct Course<'a> {
    /// When each is: in the middle of what it speaks of.
    pub(super) seconds: Vec<f64>,
    points: Vec<Option<(&'a Series, &'a Point)>>,
    end: Option<f64>,
}

impl<'a> Course<'a> {
    /// The points of a run.
    pub(super) fn of(record: &'a Record, start: Start) -> Self {
        let mut course = Self::default();
        for epoch in &record.epochs {
            let offset = start.seconds(epoch.start_time);
            // Also between two loads nothing is known.
            let mut end = course.end;
            for point in &epoch.series.points {
                let (from, to) = (offset + point.from_ms as f64 / 1e3, offset + point.to_ms as f64 / 1e3);
                if let Some(end) = end.filter(|end| from > end + 1e-6) {
                    course.push(end, None);
                }
                course.push(f64::midpoint(from, to), Some((&epoch.series, point)));
                end = Some(to);
            }
            course.end = end;
        }
        course
    }

    /// Charts want their points in order; two at one instant are one.
    fn push(&mut self, second: f64, point: Option<(&'a Series, &'a Point)>) {
        if self.seconds.last().is_none_or(|last| *last < second) {
            self.seconds.push(second);
            self.points.push(point);
        }
    }

    /// The end of the last point.
    pub(super) fn end(&self) -> Option<f64> {
        self.end
    }

    /// The points that are known.
    pub(super) fn known(&self) -> impl Iterator<Item = (&'a Series, &'a Point)> {
        self.points.iter().flatten().copied()
    }

    /// A line of something that points tell.
    pub(super) fn line(&self, name: &str, role: Role, of: impl Fn(&Point) -> Option<f64>) -> Line {
        let values = self.points.iter().map(|point| of(point.as_ref()?.1)).collect();
        Line { name: name.to_owned(), role, is_stepped: false, values }
    }
}
