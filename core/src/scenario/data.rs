// SPDX-License-Identifier: Apache-2.0
//! Data sets: where their rows come from and in which order users take them.

use serde_json_path::JsonPath;
use upsurge_crds::v1alpha1::{self as api, DataOrder, DataScope, EndOfData, FileSource, LoadTestSpec};

use super::FIRST_DATA_SLOT;
use crate::{
    field_error::Errors,
    files::check_source,
    template::{Names, Template, UsedColumns, is_name},
};

/// Rows of data.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// Where its rows come from.
    pub rows: Rows,
    /// What steps use of it.
    pub used: UsedColumns,
    /// Which row comes next.
    pub order: DataOrder,
    /// What happens after the last one.
    pub on_end: EndOfData,
    /// For how long a user keeps a row.
    pub scope: DataScope,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Rows {
    /// A CSV file.
    Csv {
        /// The file.
        source: FileSource,
        /// What separates values.
        delimiter: u8,
        /// Names of the columns; without them the first line has them.
        columns: Option<Vec<String>>,
    },
    /// A JSON file.
    Json {
        /// The file.
        source: FileSource,
        /// Where the rows are in it.
        path: JsonPath,
    },
    /// Templates.
    Generated {
        /// How many.
        count: RowCount,
        /// Where random numbers begin.
        seed: u64,
        /// Template of each column; slot 0 is the number of the row.
        fields: Vec<(String, Template)>,
    },
}

/// How many rows are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowCount {
    /// So many.
    Rows(u32),
    /// So many that they are at least so many bytes, written as JSON objects with a line end each.
    Bytes(u64),
}

/// Most bytes of rows: all of them are kept in memory.
const MOST_BYTES: u64 = 512 << 20;

/// The data sets of a spec.
pub(super) fn compile(spec: &LoadTestSpec, errors: &mut Errors) -> Vec<DataSet> {
    let sets = spec.data.iter().enumerate();
    sets.filter_map(|(index, set)| {
        let path = format!("spec.data[{index}]");
        let on_end = on_end(set, &path, errors);
        let rows = rows(set, &path, errors)?;
        let slot = FIRST_DATA_SLOT + index;
        Some(DataSet {
            name: set.name.clone(),
            slot,
            rows,
            used: UsedColumns::default(),
            order: set.order,
            on_end,
            scope: set.scope,
        })
    })
    .collect()
}

/// Index of the data set in a slot.
pub(super) fn index_of(slot: usize, data: &[DataSet]) -> Option<usize> {
    data.iter().position(|set| set.slot == slot)
}

fn on_end(set: &api::DataSource, path: &str, errors: &mut Errors) -> EndOfData {
    let path = format!("{path}.onEnd");
    match (set.order, set.on_end) {
        (DataOrder::Unique, Some(EndOfData::Recycle)) => {
            errors.add(
                path,
                "rows that are unique are never taken again: use Stop or Fail, or order Sequential",
            );
            EndOfData::Stop
        }
        (DataOrder::Random, Some(EndOfData::Stop | EndOfData::Fail)) => {
            errors.add(path, "random rows never come to an end: leave onEnd out, or use another order");
            EndOfData::Recycle
        }
        (_, Some(on_end)) => on_end,
        (DataOrder::Unique, None) => EndOfData::Stop,
        (DataOrder::Sequential | DataOrder::Random, None) => EndOfData::Recycle,
    }
}

fn rows(set: &api::DataSource, path: &str, errors: &mut Errors) -> Option<Rows> {
    match (&set.csv, &set.json, &set.generated) {
        (Some(csv), None, None) => {
            let source = source(&csv.source, &format!("{path}.csv.source"), errors);
            let delimiter = csv.delimiter.as_deref().unwrap_or(",");
            let [delimiter] = delimiter.as_bytes() else {
                errors.add(format_args!("{path}.csv.delimiter"), "must be one character of ASCII");
                return None;
            };
            Some(Rows::Csv { source: source?, delimiter: *delimiter, columns: csv.columns.clone() })
        }
        (None, Some(json), None) => {
            let source = source(&json.source, &format!("{path}.json.source"), errors);
            let parsed = JsonPath::parse(json.path.as_deref().unwrap_or("$[*]"));
            let parsed = parsed.map_err(|error| format!("not a JSONPath (RFC 9535): {error}"));
            let parsed = errors.check(format_args!("{path}.json.path"), parsed);
            Some(Rows::Json { source: source?, path: parsed? })
        }
        (None, None, Some(generated)) => generated_rows(generated, &format!("{path}.generated"), errors),
        _ => {
            errors.add(path, "data has exactly one of csv, json and generated");
            None
        }
    }
}

fn source(source: &FileSource, path: &str, errors: &mut Errors) -> Option<FileSource> {
    errors.check(path, check_source(source)).map(|()| source.clone())
}

fn generated_rows(generated: &api::GeneratedData, path: &str, errors: &mut Errors) -> Option<Rows> {
    let names = Names::new(["row"]);
    let mut fields = Vec::with_capacity(generated.fields.len());
    for (name, text) in &generated.fields {
        let path = format!("{path}.fields.{name}");
        if !is_name(name) {
            errors.add(
                &path,
                format_args!("{name:?} can't be a column: use letters, digits and underscores, not starting with a digit"),
            );
        }
        fields.extend(
            errors.check(&path, Template::parse(text, &names)).map(|template| (name.clone(), template)),
        );
    }
    if generated.fields.is_empty() {
        errors.add(format_args!("{path}.fields"), "rows need at least one column");
    }
    let count = match (generated.rows, generated.size) {
        (Some(rows), None) => {
            let rows = u32::try_from(rows).ok().filter(|rows| (1..=1_000_000).contains(rows));
            let rows = errors.check(format_args!("{path}.rows"), rows.ok_or("must be from 1 to 1000000"));
            rows.map(RowCount::Rows)
        }
        (None, Some(size)) => {
            let size = Some(size.0).filter(|size| (1..=MOST_BYTES).contains(size));
            let size = errors.check(format_args!("{path}.size"), size.ok_or("must be from 1 to 512Mi"));
            size.map(RowCount::Bytes)
        }
        _ => {
            errors.add(path, "generated data has exactly one of rows and size");
            None
        }
    };
    let count = count?;
    Some(Rows::Generated { count, seed: generated.seed.cast_unsigned(), fields })
}
