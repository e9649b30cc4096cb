// SPDX-License-Identifier: Apache-2.0
//! The names a template may use, each bound to a slot.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::Value;

use super::Scope;

/// Variables with their slots, and secrets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    slots: BTreeMap<String, usize>,
    secrets: BTreeSet<String>,
    /// Slots that were asked for.
    used: RefCell<BTreeSet<usize>>,
    /// What of data was asked for.
    data: Columns,
    /// Sequences that were asked for, if there may be any.
    sequences: Option<Sequences>,
}

/// Sequences by index: first number and step. Clones are the same list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequences(Rc<RefCell<Vec<(i64, i64)>>>);

impl Sequences {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    fn index(&self, start: i64, step: i64) -> usize {
        let mut known = self.0.borrow_mut();
        known.iter().position(|sequence| *sequence == (start, step)).unwrap_or_else(|| {
            known.push((start, step));
            known.len() - 1
        })
    }
}

/// What of data is used, by slot of the data set. Clones are the same list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(Rc<RefCell<BTreeMap<usize, UsedColumns>>>);

/// What of a data set is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedColumns {
    /// Columns by number.
    pub names: Vec<String>,
    /// Whether rows are used as a whole, too.
    pub whole: bool,
}

impl Columns {
    /// Adds a data set.
    pub fn insert(&self, slot: usize) {
        self.0.borrow_mut().entry(slot).or_default();
    }

    /// What of a data set is used by what was parsed so far.
    pub fn of(&self, slot: usize) -> UsedColumns {
        self.0.borrow().get(&slot).cloned().unwrap_or_default()
    }
}

impl Names {
    /// Variables in the given order: the first has slot 0.
    pub fn new<'a>(variables: impl IntoIterator<Item = &'a str>) -> Self {
        let slots = variables.into_iter().enumerate().map(|(slot, name)| (name.into(), slot)).collect();
        Self { slots, ..Self::default() }
    }

    /// The same variables, and secrets.
    pub fn with_secrets(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    /// The same names, with sequences that may be used.
    pub fn with_sequences(mut self, sequences: &Sequences) -> Self {
        self.sequences = Some(sequences.clone());
        self
    }

    /// Index of a sequence: the same one for the same numbers. `None` if there are no sequences here.
    pub(super) fn sequence(&self, start: i64, step: i64) -> Option<usize> {
        self.sequences.as_ref().map(|sequences| sequences.index(start, step))
    }

    /// Adds a variable with a slot of the caller's choice.
    pub fn insert(&mut self, name: &str, slot: usize) {
        self.slots.insert(name.into(), slot);
    }

    /// Slot of a variable, which counts as used from then on.
    pub fn slot(&self, name: &str) -> Option<usize> {
        let slot = self.slots.get(name).copied()?;
        self.used.borrow_mut().insert(slot);
        Some(slot)
    }

    /// The same names, with data whose columns are told apart by number.
    pub fn with_data(mut self, data: &Columns) -> Self {
        self.data = data.clone();
        self
    }

    /// Number of the column of data that a path leads through; `None` for other variables, and for all
    /// of a row.
    pub(crate) fn column(&self, slot: usize, path: &[Segment]) -> Option<usize> {
        let mut data = self.data.0.borrow_mut();
        let used = data.get_mut(&slot)?;
        let Some(Segment::Field(field)) = path.first() else {
            used.whole = true;
            return None;
        };
        let known = used.names.iter().position(|name| name == field);
        Some(known.unwrap_or_else(|| {
            used.names.push(field.clone());
            used.names.len() - 1
        }))
    }

    /// Slots of the variables that are used by what was parsed with these names.
    pub fn used(&self) -> impl Iterator<Item = usize> {
        self.used.borrow().clone().into_iter()
    }

    /// Whether there is a secret of that name.
    pub fn has_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// The variables, for messages.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.slots.keys().map(String::as_str)
    }

    /// The secrets, for messages.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }
}

/// A variable, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Name of the variable.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// Way into its value.
    pub path: Vec<Segment>,
    /// Number of the column that the way leads through first, if the variable is a row of data.
    pub column: Option<usize>,
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A field of an object.
    Field(String),
    /// An element of a list, from 0.
    Index(usize),
}

impl Reference {
    /// The value, if there is one.
    pub fn get<'a>(&self, scope: &'a dyn Scope) -> Option<&'a Value> {
        if let Some(cell) = self.column.and_then(|column| scope.cell(self.slot, column)) {
            return follow(cell?, self.path.get(1..).unwrap_or_default());
        }
        follow(scope.variable(self.slot)?, &self.path)
    }
}

/// The part of a value that a path leads to.
fn follow<'a>(value: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Field(name) => value.get(name),
        Segment::Index(index) => value.get(index),
    })
}
