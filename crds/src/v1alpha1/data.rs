// SPDX-License-Identifier: Apache-2.0
//! Data that users work with: rows from files, or generated ones.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{size::ByteSize, source::FileSource};

/// Rows of data, used as `{{ NAME.COLUMN }}`. Exactly one of `csv`, `json` and `generated` is given. A
/// user takes rows only if its scenario uses them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.csv) ? 1 : 0) + (has(self.json) ? 1 : 0) + (has(self.generated) ? 1 : 0) == 1",
        "data has exactly one of csv, json and generated"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct DataSource {
    /// Name that steps use.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// Rows of a CSV file. All values are texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvData>,

    /// Elements of a list in a JSON file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonData>,

    /// Rows made from templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedData>,

    /// Which row comes next. Default: Sequential.
    #[serde(default)]
    pub order: DataOrder,

    /// What happens when all rows were taken. `Random` never comes to an end. Default: Stop with
    /// `Unique`, else Recycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_end: Option<EndOfData>,

    /// For how long a user keeps a row. Default: Iteration.
    #[serde(default)]
    pub scope: DataScope,
}

/// Rows of a CSV file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsvData {
    /// The file.
    pub source: FileSource,

    /// What separates the values: one character. Default: `,`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: Option<String>,

    /// Names of the columns, for a file whose first line holds none. Default: the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), inner(length(min = 1, max = 128)))]
    pub columns: Option<Vec<String>>,
}

/// Elements of a list in a JSON file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonData {
    /// The file.
    pub source: FileSource,

    /// JSONPath (RFC 9535) of the elements. Example: `$.users[*]`. Default: `$[*]`, the elements of the list
    /// that the file is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
}

/// Rows made from templates. Equal seeds make equal rows, on every runner. Exactly one of `rows` and `size` is
/// given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "has(self.rows) != has(self.size)",
        "generated data has exactly one of rows and size"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedData {
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rows: Option<i32>,

    /// So many that they are at least this large, written as JSON objects of all fields, one per line: from
    /// 1 to 512Mi, and at most 1,000,000 rows. They are kept in memory. Example: `100Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,

    /// Where the random numbers begin. Default: 0.
    #[serde(default)]
    pub seed: i64,

    /// Template of each column; `{{ row }}` is the number of the row, from 1. Example:
    /// `email: "user-{{ row }}@example.com"`.
    #[schemars(extend("maxProperties" = 100))]
    pub fields: BTreeMap<String, String>,
}

/// Which row comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataOrder {
    /// Rows in order. Of several runners each goes through its own part of the rows, in which its load threads take
    /// turns: equally busy runners take each row about once before any is taken again.
    #[default]
    Sequential,
    /// A random row.
    Random,
    /// As Sequential, and no row is ever taken twice in a run.
    Unique,
}

/// What happens when all rows were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EndOfData {
    /// Begins with the first row again.
    Recycle,
    /// Ends the load: no iteration starts any more, those under way go on to their end.
    Stop,
    /// Ends the run as an `abort` step does.
    Fail,
}

/// For how long a user keeps a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataScope {
    /// For one iteration.
    #[default]
    Iteration,
    /// For as long as the user exists.
    User,
}
