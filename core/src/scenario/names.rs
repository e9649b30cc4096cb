// SPDX-License-Identifier: Apache-2.0
//! Which variables there are, and where each may be used.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use upsurge_crds::v1alpha1::{LoadTestSpec, NestedSteps, Step};

use super::{BUILT_INS, FIRST_DATA_SLOT, Variable};
use crate::{
    field_error::Errors,
    findings::COUNTERS,
    template::{Columns, Names, Sequences, is_name},
};

/// Variable that holds the element of a loop, unless the loop names another one.
pub(super) const LOOP_ELEMENT: &str = "loopElement";

/// Slots of all variables of a test.
#[derive(Default)]
pub(super) struct Table {
    /// Names by slot.
    pub(super) names: Vec<String>,
    slots: BTreeMap<String, usize>,
    /// What may be used everywhere: built-ins, variables, secrets and captures of `before`.
    common: Names,
    /// Sequences of all scenarios.
    pub(super) sequences: Sequences,
    /// What all scenarios use of data.
    pub(super) columns: Columns,
}

impl Table {
    pub(super) fn new(spec: &LoadTestSpec, errors: &mut Errors) -> Self {
        let mut table = Self::default();
        for name in BUILT_INS {
            table.share(name);
        }
        for (index, data) in spec.data.iter().enumerate() {
            check_name(&data.name, format_args!("spec.data[{index}].name"), errors);
            if spec.variables.contains_key(&data.name) {
                errors.add(
                    format_args!("spec.data[{index}].name"),
                    format_args!("{:?} is a variable in spec.variables: choose another name", data.name),
                );
            } else if table.slot(&data.name) != FIRST_DATA_SLOT + index {
                errors.add(
                    format_args!("spec.data[{index}].name"),
                    format_args!("another data set is named {:?} too", data.name),
                );
            }
        }
        for name in spec.variables.keys() {
            check_name(name, format_args!("spec.variables.{name}"), errors);
            table.share(name);
        }
        for name in captured(spec, &spec.before) {
            table.share(&name);
        }
        let secrets: Vec<String> = spec.secrets.iter().map(|secret| secret.name.clone()).collect();
        table.common = std::mem::take(&mut table.common).with_secrets(secrets);
        table
    }

    /// The names that may be used in `before`.
    pub(super) fn common(&self) -> Names {
        self.common.clone()
    }

    /// The names that may be used in a scenario that captures these: those of data and sequences, too.
    pub(super) fn scenario(&mut self, spec: &LoadTestSpec, captured: Vec<String>) -> Names {
        let mut names = self.with_captures(captured).with_sequences(&self.sequences).with_data(&self.columns);
        for data in &spec.data {
            let slot = self.slot(&data.name);
            names.insert(&data.name, slot);
            self.columns.insert(slot);
        }
        names
    }

    /// The names that may be used everywhere, and what some steps capture and set.
    pub(super) fn with_captures(&mut self, captured: Vec<String>) -> Names {
        let mut names = self.common.clone();
        for name in captured {
            names.insert(&name, self.slot(&name));
        }
        names
    }

    /// The names that may be used in `verify`: the counters of the run, too.
    pub(super) fn verification(&mut self, spec: &LoadTestSpec, errors: &mut Errors) -> Names {
        if spec.verify.is_empty() {
            return self.common.clone();
        }
        let mut captured = captured_raw(spec, &spec.verify);
        if self.slots.contains_key(COUNTERS) || captured.iter().any(|name| name == COUNTERS) {
            let message = format_args!(
                "{COUNTERS:?} is the counters of the run here: give the variable of that name another one"
            );
            errors.add("spec.verify", message);
        }
        captured.push(COUNTERS.to_owned());
        self.with_captures(captured)
    }

    fn share(&mut self, name: &str) {
        let slot = self.slot(name);
        self.common.insert(name, slot);
    }

    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = self.names.len();
        self.names.push(name.into());
        self.slots.insert(name.into(), slot);
        slot
    }
}

/// Notes names that can't be used, or stand for something else.
pub(super) fn check_name(name: &str, path: impl std::fmt::Display, errors: &mut Errors) {
    if !is_name(name) {
        errors.add(
            path,
            format_args!(
                "{name:?} can't be a variable: use letters, digits and underscores, not starting with a digit"
            ),
        );
    } else if BUILT_INS.contains(&name) || name == "secrets" {
        errors.add(path, format_args!("{name:?} is a built-in variable: choose another name"));
    }
}

/// The variables of the spec, with their possible values.
pub(super) fn variables(spec: &LoadTestSpec, table: &Table, errors: &mut Errors) -> Vec<Variable> {
    let mut variables = Vec::with_capacity(spec.variables.len());
    for (name, value) in &spec.variables {
        let values = match value {
            Value::Array(values) => values.clone(),
            other => vec![other.clone()],
        };
        if values.is_empty() {
            errors.add(format_args!("spec.variables.{name}"), "the list is empty: there is no value to take");
        }
        for (index, value) in values.iter().enumerate() {
            if matches!(value, Value::Null | Value::Array(_)) {
                let place = if matches!(spec.variables[name], Value::Array(_)) {
                    format!("[{index}]")
                } else {
                    String::new()
                };
                errors.add(
                    format_args!("spec.variables.{name}{place}"),
                    "a variable is text, a number, true, false, an object, or a list of those",
                );
            }
        }
        if let Some(slot) = table.slots.get(name) {
            variables.push(Variable { name: name.clone(), slot: *slot, values });
        }
    }
    variables
}

/// Names that steps capture and set, nested steps and those of blocks included. Raw, because names must be known before
/// any template can be parsed.
pub(super) fn captured(spec: &LoadTestSpec, steps: &[Step]) -> Vec<String> {
    let mut captured = Captured::new(spec);
    // A step that was read can be written.
    steps.iter().for_each(|step| captured.collect(&serde_json::to_value(step).unwrap_or_default()));
    captured.names
}

/// The same of steps that were not parsed.
pub(super) fn captured_raw(spec: &LoadTestSpec, steps: &NestedSteps) -> Vec<String> {
    let mut captured = Captured::new(spec);
    steps.0.iter().for_each(|step| captured.collect(step));
    captured.names
}

struct Captured<'a> {
    spec: &'a LoadTestSpec,
    names: Vec<String>,
    /// Blocks whose names were collected.
    seen: BTreeSet<String>,
}

impl<'a> Captured<'a> {
    fn new(spec: &'a LoadTestSpec) -> Self {
        Self { spec, names: Vec::new(), seen: BTreeSet::new() }
    }

    fn collect(&mut self, step: &Value) {
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        for named in [list(step.pointer("/request/capture")), list(step.get("set"))] {
            self.names.extend(named.iter().filter_map(|named| named.get("name")?.as_str().map(String::from)));
        }
        if step.pointer("/loop/over").is_some() {
            let name = step.pointer("/loop/as").and_then(Value::as_str);
            self.names.push(name.unwrap_or(LOOP_ELEMENT).into());
        }
        if let Some(block) = step.get("run").and_then(Value::as_str) {
            self.block(block);
        }
        for nested in ["/if/then", "/if/else", "/loop/steps", "/group/steps", "/parallel/steps"] {
            list(step.pointer(nested)).iter().for_each(|step| self.collect(step));
        }
    }

    /// Each block once, however often it is run, also by itself.
    fn block(&mut self, name: &str) {
        let Some(block) = self.spec.blocks.iter().find(|block| block.name == name) else { return };
        if self.seen.insert(name.to_owned()) {
            for step in &block.steps {
                self.collect(&serde_json::to_value(step).unwrap_or_default());
            }
        }
    }
}
