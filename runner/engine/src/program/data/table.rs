// SPDX-License-Identifier: Apache-2.0
//! Rows by columns: a value is found by two numbers, and what no step uses is not kept.

use serde_json::Value;
use upsurge_core::template::UsedColumns;

/// The rows of a data set.
#[derive(Debug)]
pub(crate) struct Table {
    count: usize,
    width: usize,
    /// Columns that steps use, row after row; `None` where a row has none of that name.
    cells: Vec<Option<Value>>,
    /// Rows as a whole, if steps use them so.
    whole: Vec<Value>,
}

impl Table {
    pub(super) fn new(rows: Vec<Value>, used: &UsedColumns) -> Self {
        let (count, width) = (rows.len(), used.names.len());
        let mut cells = Vec::with_capacity(count * width);
        let mut whole = Vec::new();
        for mut row in rows {
            for name in &used.names {
                cells.push(match &mut row {
                    row if used.whole => row.get(name).cloned(),
                    Value::Object(fields) => fields.remove(name),
                    _ => None,
                });
            }
            if used.whole {
                whole.push(row);
            }
        }
        Self { count, width, cells, whole }
    }

    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// A row as a whole; `None` unless steps use it so.
    pub(crate) fn whole(&self, row: usize) -> Option<&Value> {
        self.whole.get(row)
    }

    /// The value of a row in a column that steps use.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<&Value> {
        self.cells.get(row * self.width + column)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_used_is_kept() {
        let rows = vec![json!({"a": 1, "b": 2, "c": 3}), json!({"c": 4}), json!("text")];
        let used = UsedColumns { names: vec!["c".into(), "a".into()], whole: false };
        let table = Table::new(rows.clone(), &used);
        assert_eq!((table.count(), table.cells.len()), (3, 6));
        assert_eq!([table.cell(0, 0), table.cell(0, 1)], [Some(&json!(3)), Some(&json!(1))]);
        assert_eq!([table.cell(1, 0), table.cell(1, 1), table.cell(2, 0)], [Some(&json!(4)), None, None]);
        assert_eq!(table.whole(0), None);
        let table = Table::new(rows.clone(), &UsedColumns { whole: true, ..used });
        assert_eq!((table.whole(0), table.whole(2)), (Some(&rows[0]), Some(&rows[2])));
        assert_eq!(table.cell(1, 0), Some(&json!(4)));
    }
}
