// SPDX-License-Identifier: Apache-2.0
//! The variables and functions that an expression uses.
//!
//! The `cel` crate's own list counts the variables that macros bind (`x` in `list.exists(x, x > 1)`)
//! as free ones; this walk keeps track of them.

use std::collections::{BTreeMap, BTreeSet};

use cel::{
    IdedExpr,
    common::ast::{EntryExpr, Expr},
};

/// Names that stand for types, unless there is a variable of that name.
pub(super) const TYPES: [&str; 10] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];
/// Functions of the standard library; operators have names that no user can write.
const FUNCTIONS: [&str; 20] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "dyn",
    "type",
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "in",
];

#[derive(Default)]
pub(super) struct Used {
    /// Each with the fields that are used of it; `None` if all of it is.
    pub(super) variables: BTreeMap<String, Option<BTreeSet<String>>>,
    pub(super) unknown_function: Option<String>,
}

pub(super) fn used(expression: &IdedExpr) -> Used {
    let mut used = Used::default();
    walk(expression, &mut Vec::new(), &mut used);
    used
}

fn walk<'a>(expression: &'a IdedExpr, bound: &mut Vec<&'a str>, used: &mut Used) {
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) => {}
        Expr::Ident(name) => {
            if is_free(name, bound) {
                used.variables.insert(name.clone(), None);
            }
        }
        Expr::Select(select) => match &select.operand.expr {
            // Whether a field is there may be asked of one that is not.
            Expr::Ident(name) if !select.test && is_free(name, bound) => {
                let fields = used.variables.entry(name.clone()).or_insert_with(|| Some(BTreeSet::new()));
                if let Some(fields) = fields {
                    fields.insert(select.field.clone());
                }
            }
            _ => walk(&select.operand, bound, used),
        },
        Expr::Call(call) => {
            let word = call.func_name.starts_with(|first: char| first.is_ascii_alphabetic());
            if word && !FUNCTIONS.contains(&call.func_name.as_str()) {
                used.unknown_function.get_or_insert_with(|| call.func_name.clone());
            }
            call.target.iter().for_each(|target| walk(target, bound, used));
            call.args.iter().for_each(|argument| walk(argument, bound, used));
        }
        Expr::List(list) => list.elements.iter().for_each(|element| walk(element, bound, used)),
        Expr::Map(map) => map.entries.iter().for_each(|entry| walk_entry(&entry.expr, bound, used)),
        Expr::Struct(value) => value.entries.iter().for_each(|entry| walk_entry(&entry.expr, bound, used)),
        Expr::Comprehension(comprehension) => {
            walk(&comprehension.iter_range, bound, used);
            walk(&comprehension.accu_init, bound, used);
            let outer = bound.len();
            bound.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
            bound.extend(comprehension.iter_var2.as_deref());
            walk(&comprehension.loop_cond, bound, used);
            walk(&comprehension.loop_step, bound, used);
            walk(&comprehension.result, bound, used);
            bound.truncate(outer);
        }
    }
}

/// Whether a name is that of a variable, and not of one that a macro binds.
fn is_free(name: &str, bound: &[&str]) -> bool {
    !name.starts_with('@') && !bound.contains(&name)
}

fn walk_entry<'a>(entry: &'a EntryExpr, bound: &mut Vec<&'a str>, used: &mut Used) {
    match entry {
        EntryExpr::StructField(field) => walk(&field.value, bound, used),
        EntryExpr::MapEntry(entry) => {
            walk(&entry.key, bound, used);
            walk(&entry.value, bound, used);
        }
    }
}
