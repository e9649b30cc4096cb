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
    /// Fields of variables that were asked for.
    fields: RefCell<BTreeSet<(usize, String)>>,
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

    /// Notes that a field of a variable is used.
    pub(super) fn note_field(&self, slot: usize, path: &[Segment]) {
        if let Some(Segment::Field(field)) = path.first() {
            self.fields.borrow_mut().insert((slot, field.clone()));
        }
    }

    /// Fields of a variable that are used by templates that were parsed with these names.
    pub fn fields(&self, slot: usize) -> Vec<String> {
        let fields = self.fields.borrow();
        fields.iter().filter(|(of, _)| *of == slot).map(|(_, field)| field.clone()).collect()
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
        self.follow(scope.variable(self.slot)?)
    }

    /// The part of a value that the path leads to.
    pub fn follow<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(value, |value, segment| match segment {
            Segment::Field(name) => value.get(name),
            Segment::Index(index) => value.get(index),
        })
    }
}
