// SPDX-License-Identifier: Apache-2.0
//! Points as columns of whole numbers, which compress well and are read by any program.
//!
//! Each column says its unit, by what its numbers are to be multiplied, and how they are coded. What is not known is `null`, never 0.
//! A column that is not known is passed over, so later versions may add some.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Latency, Point, Series, Users};

/// Most points of a series that is read: a week of seconds.
pub(crate) const MOST_POINTS: usize = 604_800;
/// Most columns of a series that is read.
const MOST_COLUMNS: usize = 128;
/// Columns that are always there.
const NEEDED: [&str; 9] =
    ["from", "to", "started", "iterations", "dropped", "requests", "failed", "sent", "received"];
/// What the names of columns of errors begin with.
const ERROR: &str = "error:";

/// A series in the document.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Series")]
pub(super) struct Columns {
    /// Seconds of a point, away from what happened: 1, 5, 30 or 60. Within two minutes of the border of a stage and of a scaling event it
    /// is one second in any case.
    step_seconds: u32,
    /// How many points there are: each column has as many values.
    points: usize,
    /// The columns. Only those of `asked…`, users, latency and errors may be missing.
    columns: Vec<Column>,
}

/// A column of a series.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Column {
    /// Its name. That of a kind of failure is `error:` and the kind. Example: `requests`.
    name: String,
    /// Unit of its values. Example: `us`.
    unit: String,
    /// What its numbers are to be multiplied by. Example: `0.001`.
    scale: f64,
    /// How its numbers are coded.
    coding: Coding,
    /// Its numbers; null where the value is not known.
    values: Vec<Option<i64>>,
}

/// How the numbers of a column are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Coding {
    /// Each is the difference from the last one before it that is not null; the first one is the difference from 0.
    Delta,
    /// They are as they are.
    Plain,
}

/// Columns that are no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// One that is needed is missing.
    #[error("the series has no column {0:?}")]
    Missing(&'static str),
    /// A column of another length than it should have.
    #[error("column {name:?} of the series has {found} values, and there should be {points}")]
    Length {
        /// The column.
        name: String,
        /// What it has.
        found: usize,
        /// What it should have.
        points: usize,
    },
    /// A number that can't be what the column holds.
    #[error("value {index} of column {name:?} of the series is out of range")]
    Range {
        /// The column.
        name: String,
        /// Which value, from 0.
        index: usize,
    },
    /// A column in another unit than it has in this version.
    #[error("column {name:?} of the series is in steps of {scale}, and this version knows another one")]
    Scale {
        /// The column.
        name: String,
        /// What its numbers are to be multiplied by.
        scale: String,
    },
    /// More than any run has.
    #[error("the series has {points} points in {columns} columns, more than any run has")]
    Large {
        /// How many points.
        points: usize,
        /// How many columns.
        columns: usize,
    },
}

/// A column of plain numbers: name, unit, what a point has of it, and where it goes.
struct Number {
    name: &'static str,
    unit: &'static str,
    get: fn(&Point) -> Option<u64>,
    set: fn(&mut Point, u64),
}

/// All columns but those of errors. The parts of users and of latency are known together or not at all.
static NUMBERS: [Number; 20] = [
    number("from", "ms", |point| Some(point.from_ms), |point, value| point.from_ms = value),
    number("to", "ms", |point| Some(point.to_ms), |point, value| point.to_ms = value),
    number(
        "askedRate",
        "iterations/s",
        |point| point.asked_rate.map(thousandths),
        |point, value| {
            point.asked_rate = Some(value as f64 / 1e3);
        },
    ),
    number(
        "askedUsers",
        "users",
        |point| point.asked_users.map(thousandths),
        |point, value| {
            point.asked_users = Some(value as f64 / 1e3);
        },
    ),
    number("started", "iterations", |point| Some(point.started), |point, value| point.started = value),
    number(
        "iterations",
        "iterations",
        |point| Some(point.iterations),
        |point, value| point.iterations = value,
    ),
    number("dropped", "iterations", |point| Some(point.dropped), |point, value| point.dropped = value),
    number("requests", "requests", |point| Some(point.requests), |point, value| point.requests = value),
    number("failed", "requests", |point| Some(point.failed), |point, value| point.failed = value),
    number("sent", "bytes", |point| Some(point.sent_bytes), |point, value| point.sent_bytes = value),
    number(
        "received",
        "bytes",
        |point| Some(point.received_bytes),
        |point, value| point.received_bytes = value,
    ),
    number("users", "users", |point| Some(point.users?.last), |point, value| users(point).last = value),
    number("usersMin", "users", |point| Some(point.users?.min), |point, value| users(point).min = value),
    number("usersMax", "users", |point| Some(point.users?.max), |point, value| users(point).max = value),
    number("min", "us", |point| Some(point.latency?.min), |point, value| latency(point).min = value),
    number("p50", "us", |point| Some(point.latency?.p50), |point, value| latency(point).p50 = value),
    number("p95", "us", |point| Some(point.latency?.p95), |point, value| latency(point).p95 = value),
    number("p99", "us", |point| Some(point.latency?.p99), |point, value| latency(point).p99 = value),
    number("max", "us", |point| Some(point.latency?.max), |point, value| latency(point).max = value),
    number(
        "peakP99",
        "us",
        |point| Some(point.latency?.peak_p99),
        |point, value| latency(point).peak_p99 = value,
    ),
];

const fn number(
    name: &'static str,
    unit: &'static str,
    get: fn(&Point) -> Option<u64>,
    set: fn(&mut Point, u64),
) -> Number {
    Number { name, unit, get, set }
}

/// What the numbers of a column are to be multiplied by: rates and levels that are asked for are kept to a thousandth.
fn scale_of(name: &str) -> f64 {
    if matches!(name, "askedRate" | "askedUsers") { 1e-3 } else { 1.0 }
}

fn thousandths(value: f64) -> u64 {
    (value * 1e3).round() as u64
}

fn users(point: &mut Point) -> &mut Users {
    point.users.get_or_insert_default()
}

fn latency(point: &mut Point) -> &mut Latency {
    point.latency.get_or_insert_default()
}

impl From<Series> for Columns {
    fn from(Series { step_seconds, kinds, points }: Series) -> Self {
        let column = |name: &str, unit: &str, get: &dyn Fn(&Point) -> Option<u64>| {
            let (scale, values) = (scale_of(name), coded(points.iter().map(get)));
            Column { name: name.to_owned(), unit: unit.to_owned(), scale, coding: Coding::Delta, values }
        };
        let mut columns: Vec<Column> =
            NUMBERS.iter().map(|Number { name, unit, get, .. }| column(name, unit, get)).collect();
        // What nobody knows, or asks for, needs no column.
        columns.retain(|column| points.is_empty() || column.values.iter().any(Option::is_some));
        for (index, kind) in kinds.iter().enumerate() {
            let count = |point: &Point| Some(point.errors.get(index).copied().unwrap_or_default());
            columns.push(column(&format!("{ERROR}{kind}"), "requests", &count));
        }
        Self { step_seconds, points: points.len(), columns }
    }
}

impl TryFrom<Columns> for Series {
    type Error = ColumnError;

    fn try_from(Columns { step_seconds, points: count, columns }: Columns) -> Result<Self, ColumnError> {
        if count > MOST_POINTS || columns.len() > MOST_COLUMNS {
            return Err(ColumnError::Large { points: count, columns: columns.len() });
        }
        for needed in NEEDED {
            if !columns.iter().any(|column| column.name == needed) {
                return Err(ColumnError::Missing(needed));
            }
        }
        // Before there is room for points: it comes from the values that there are, and not from what is said.
        if let Some(wrong) = columns.iter().find(|column| column.values.len() != count) {
            let (name, found) = (wrong.name.clone(), wrong.values.len());
            return Err(ColumnError::Length { name, found, points: count });
        }
        let (mut points, mut kinds) = (vec![Point::default(); count], Vec::new());
        for column in &columns {
            if let Some(number) = NUMBERS.iter().find(|number| number.name == column.name) {
                fill(column, &mut points, number.set)?;
            } else if let Some(kind) = column.name.strip_prefix(ERROR) {
                let index = kinds.len();
                kinds.push(kind.to_owned());
                fill(column, &mut points, |point, count| {
                    if count > 0 {
                        point.errors.resize(index, 0);
                        point.errors.push(count);
                    }
                })?;
            }
        }
        Ok(Self { step_seconds, kinds, points })
    }
}

/// Hands each value of a column that is known to its point.
fn fill(column: &Column, points: &mut [Point], set: impl Fn(&mut Point, u64)) -> Result<(), ColumnError> {
    if column.scale != scale_of(&column.name) {
        return Err(ColumnError::Scale { name: column.name.clone(), scale: column.scale.to_string() });
    }
    let is_needed = NEEDED.contains(&column.name.as_str());
    for ((index, value), point) in decoded(column).enumerate().zip(points) {
        match value.map(|value| value.and_then(|value| u64::try_from(value).ok())) {
            Some(Some(value)) => set(point, value),
            None if !is_needed => {}
            None | Some(None) => return Err(ColumnError::Range { name: column.name.clone(), index }),
        }
    }
    Ok(())
}

/// Values as differences.
fn coded(values: impl Iterator<Item = Option<u64>>) -> Vec<Option<i64>> {
    let mut last = 0;
    let difference = |value: Option<u64>| {
        let value = i64::try_from(value?).unwrap_or(i64::MAX);
        // Both are from 0 to the highest number, so is what lies between them.
        Some(value - std::mem::replace(&mut last, value))
    };
    values.map(difference).collect()
}

/// The numbers of a column: `None` is null, and `Some(None)` too large to be one.
fn decoded(column: &Column) -> impl Iterator<Item = Option<Option<i64>>> + '_ {
    let mut last = Some(0_i64);
    column.values.iter().map(move |value| {
        let value = (*value)?;
        last = match column.coding {
            Coding::Plain => Some(value),
            Coding::Delta => last.and_then(|last| last.checked_add(value)),
        };
        Some(last)
    })
}

impl JsonSchema for Series {
    fn schema_name() -> Cow<'static, str> {
        Columns::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Columns::json_schema(generator)
    }
}
