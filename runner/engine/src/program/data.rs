// SPDX-License-Identifier: Apache-2.0
//! Rows of data, read once per process before the load.

mod table;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use upsurge_core::{
    scenario::{DataSet, RowCount, Rows},
    template::{Scope, Template},
};
use upsurge_crds::v1alpha1::{DataOrder, DataScope, EndOfData};
use upsurge_system::files::Files;

use self::table::Table;

/// Most rows of a data set: all of them are kept in memory.
const MOST_ROWS: usize = 1_000_000;

/// The rows of a data set.
#[derive(Debug)]
pub(crate) struct Data {
    /// Its name.
    pub(crate) name: String,
    /// Its rows; at least one.
    pub(crate) rows: Table,
    /// Which row comes next.
    pub(crate) order: DataOrder,
    /// What happens after the last one.
    pub(crate) on_end: EndOfData,
    /// For how long a user keeps a row.
    pub(crate) scope: DataScope,
}

impl Data {
    /// Reads the rows of a data set.
    pub(super) fn load(set: &DataSet, files: &Files) -> Result<Self, String> {
        let read = |source| files.read(source).map_err(|error| error.to_string());
        let rows = match &set.rows {
            Rows::Csv { source, delimiter, columns } => {
                csv_rows(text_of(&read(source)?)?, *delimiter, columns.as_deref(), &set.used.names)?
            }
            Rows::Json { source, path } => {
                let parsed: Value = serde_json::from_str(text_of(&read(source)?)?)
                    .map_err(|error| format!("the file is not JSON: {error}"))?;
                path.query(&parsed).all().into_iter().cloned().collect()
            }
            Rows::Generated { count, seed, fields } => {
                check_columns(&set.used.names, fields.iter().map(|(name, _)| name.as_str()))?;
                generated_rows(*count, *seed, fields)?
            }
        };
        match rows.len() {
            0 => Err("there are no rows".into()),
            count if count > MOST_ROWS => Err(format!("{count} rows are too many: at most {MOST_ROWS}")),
            _ => Ok(Self {
                name: set.name.clone(),
                rows: Table::new(rows, &set.used),
                order: set.order,
                on_end: set.on_end,
                scope: set.scope,
            }),
        }
    }
}

/// A file as text, without a byte order mark. It is told where that is not UTF-8, since a guess at another character set
/// would send other texts than the file has.
fn text_of(bytes: &[u8]) -> Result<&str, String> {
    let convert = "convert it, for example with iconv -t UTF-8 -f";
    if bytes.starts_with(&[0xfe, 0xff]) || bytes.starts_with(&[0xff, 0xfe]) {
        return Err(format!("the file is in UTF-16, and must be in UTF-8: {convert} UTF-16"));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not in UTF-8, as the whole file must be: {convert} ISO-8859-1")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn csv_rows(
    text: &str,
    delimiter: u8,
    columns: Option<&[String]>,
    used: &[String],
) -> Result<Vec<Value>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(columns.is_none())
        .from_reader(text.as_bytes());
    let columns: Vec<String> = match columns {
        Some(columns) => columns.to_vec(),
        None => {
            let header = reader.headers().map_err(|error| error.to_string())?;
            header.iter().map(|name| name.trim().to_owned()).collect()
        }
    };
    check_columns(used, columns.iter().map(String::as_str))?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|name| !seen.insert(*name)) {
        return Err(format!(
            "there are two columns {twice:?}, and a row has one value of a name: rename one of them"
        ));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        // The library's words name the line.
        let record = record.map_err(|error| error.to_string())?;
        if record.len() != columns.len() {
            let line = record.position().map_or(0, csv::Position::line);
            return Err(format!("line {line} has {} values for {} columns", record.len(), columns.len()));
        }
        let fields = columns.iter().zip(&record).map(|(name, value)| (name.clone(), value.into()));
        rows.push(Value::Object(fields.collect::<Map<_, _>>()));
        if rows.len() > MOST_ROWS {
            break;
        }
    }
    Ok(rows)
}

fn check_columns<'a>(used: &[String], known: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let known: Vec<&str> = known.collect();
    match used.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(format!("there is no column {name:?}, which steps use; there are {}", known.join(", ")))
        }
        None => Ok(()),
    }
}

fn generated_rows(count: RowCount, seed: u64, fields: &[(String, Template)]) -> Result<Vec<Value>, String> {
    let mut generator = Generator { row: Value::Null, random: fastrand::Rng::with_seed(seed) };
    let (most, bytes) = match count {
        RowCount::Rows(rows) => (rows as usize, u64::MAX),
        RowCount::Bytes(bytes) => (MOST_ROWS, bytes),
    };
    let (mut rows, mut written) = (Vec::new(), 0_u64);
    while rows.len() < most && written < bytes {
        generator.row = (rows.len() + 1).into();
        let fields = fields.iter().map(|(name, template)| (name.clone(), template.value(&mut generator)));
        let row = Value::Object(fields.collect());
        if let RowCount::Bytes(_) = count {
            written += row.to_string().len() as u64 + 1;
        }
        rows.push(row);
    }
    if matches!(count, RowCount::Bytes(_)) && written < bytes {
        return Err(format!(
            "{MOST_ROWS} rows are the most that are kept, and make {written} of the {bytes} bytes of size: \
             make the rows longer, or the size smaller"
        ));
    }
    Ok(rows)
}

/// What the templates of generated rows see.
struct Generator {
    row: Value,
    random: fastrand::Rng,
}

impl Scope for Generator {
    fn variable(&self, _: usize) -> Option<&Value> {
        Some(&self.row)
    }

    fn secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn random(&mut self) -> u64 {
        self.random.u64(..)
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_columns_of_the_first_line_or_the_given_ones() {
        let rows = csv_rows("a;b\n1;\"x\n;y\"\n2;z\n", b';', None, &["b".into()]).unwrap();
        assert_eq!(
            rows,
            [serde_json::json!({"a": "1", "b": "x\n;y"}), serde_json::json!({"a": "2", "b": "z"})]
        );
        let columns = ["p".to_owned(), "q".to_owned()];
        assert_eq!(
            csv_rows("1,2\n", b',', Some(&columns), &[]).unwrap(),
            [serde_json::json!({"p": "1", "q": "2"})]
        );
    }

    #[test]
    fn bad_rows_and_columns_are_named() {
        let bad = csv_rows("a,b\n1,2\n3\n", b',', None, &[]).unwrap_err();
        assert!(bad.contains("line: 3") || bad.contains("line 3"), "{bad}");
        let missing = csv_rows("a,b\n1,2\n", b',', None, &["emial".into()]).unwrap_err();
        assert_eq!(missing, "there is no column \"emial\", which steps use; there are a, b");
    }
}
