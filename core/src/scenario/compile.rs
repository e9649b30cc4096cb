// SPDX-License-Identifier: Apache-2.0
//! From the steps of a spec to the step tree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use upsurge_crds::{
    read::{self, Unreadable},
    v1alpha1::{self as api, LoadTestSpec},
};

use super::{
    Scenario, ScenarioSet, Step,
    blocks::Blocks,
    data,
    names::{self, Table},
};
use crate::{
    expression::Expression,
    field_error::{Errors, FieldError},
    template::Names,
};

/// Deepest nesting of steps: enough for any test, and far from what a stack bears.
pub(crate) const DEEPEST_NESTING: usize = 16;

pub(super) fn scenario_set(spec: &LoadTestSpec) -> Result<ScenarioSet, Vec<FieldError>> {
    let mut errors = Errors::default();
    let mut blocks = Blocks::new(spec, &mut errors);
    let mut table = Table::new(spec, &mut errors);
    let variables = names::variables(spec, &table, &mut errors);
    let secrets = spec.secrets.iter().map(|secret| secret.name.clone()).collect();

    let mut data = data::compile(spec, &mut errors);
    let common = table.common();
    let before = Compiler { spec, names: &common, blocks: &mut blocks, errors: &mut errors }.steps(
        &spec.before,
        "spec.before",
        0,
    );

    let names = table.verification(spec, &mut errors);
    let verify = Compiler { spec, names: &names, blocks: &mut blocks, errors: &mut errors }.nested(
        &spec.verify,
        "spec.verify",
        0,
    );

    let names = table.with_captures(names::captured(spec, &spec.after));
    let after = Compiler { spec, names: &names, blocks: &mut blocks, errors: &mut errors }.steps(
        &spec.after,
        "spec.after",
        0,
    );

    let mut scenarios = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, scenario) in spec.scenarios.iter().flatten().enumerate() {
        let path = format!("spec.scenarios[{index}]");
        if !seen.insert(&scenario.name) {
            errors.add(
                format_args!("{path}.name"),
                format_args!(
                    "another scenario is named {:?} too: results could not tell them apart",
                    scenario.name
                ),
            );
        }
        let weight = errors.check(
            format_args!("{path}.weight"),
            u32::try_from(scenario.weight).map_err(|_| "must not be negative"),
        );
        // What `onStart` captures stays with the user: all the scenario knows it.
        let kept = names::captured_raw(spec, &scenario.on_start);
        let at_start = table.scenario(spec, kept.clone());
        let on_start = Compiler { spec, names: &at_start, blocks: &mut blocks, errors: &mut errors }.nested(
            &scenario.on_start,
            &format!("{path}.onStart"),
            0,
        );
        let within = table.scenario(spec, [kept.clone(), names::captured(spec, &scenario.steps)].concat());
        let steps = Compiler { spec, names: &within, blocks: &mut blocks, errors: &mut errors }.steps(
            &scenario.steps,
            &format!("{path}.steps"),
            0,
        );
        let at_stop = table.scenario(spec, [kept, names::captured_raw(spec, &scenario.on_stop)].concat());
        let on_stop = Compiler { spec, names: &at_stop, blocks: &mut blocks, errors: &mut errors }.nested(
            &scenario.on_stop,
            &format!("{path}.onStop"),
            0,
        );
        let all = [at_start, within, at_stop];
        if scenario.pacing.is_some_and(|pacing| pacing.0.is_zero()) {
            errors.add(format_args!("{path}.pacing"), "0s is no pace: leave it out");
        }
        let used: BTreeSet<usize> = all.iter().flat_map(|names| names.used()).collect();
        scenarios.push(Scenario {
            name: scenario.name.clone(),
            weight: weight.unwrap_or_default(),
            pacing: scenario.pacing.map(|pacing| pacing.0),
            tags: scenario.tags.clone(),
            data: used.into_iter().filter_map(|slot| data::index_of(slot, &data)).collect(),
            on_start,
            steps,
            on_stop,
        });
    }
    if !scenarios.is_empty() && scenarios.iter().all(|scenario| scenario.weight == 0) {
        errors.add("spec.scenarios", "all weights are 0: there is nothing to do");
    }
    let sequences = table.sequences.count();
    data.iter_mut().for_each(|set| set.used = table.columns.of(set.slot));
    let names = table.names;
    errors.finish(ScenarioSet {
        names,
        variables,
        secrets,
        sequences,
        data,
        before,
        verify,
        after,
        scenarios,
    })
}

/// Compiles the steps of one scenario.
pub(super) struct Compiler<'a> {
    pub(super) spec: &'a LoadTestSpec,
    pub(super) names: &'a Names,
    pub(super) blocks: &'a mut Blocks,
    pub(super) errors: &'a mut Errors,
}

impl Compiler<'_> {
    pub(super) fn steps(&mut self, steps: &[api::Step], path: &str, depth: usize) -> Vec<Step> {
        let steps = steps.iter().enumerate();
        steps.filter_map(|(index, step)| self.step(step, &format!("{path}[{index}]"), depth)).collect()
    }

    pub(super) fn nested(&mut self, steps: &api::NestedSteps, path: &str, depth: usize) -> Vec<Step> {
        if depth >= DEEPEST_NESTING {
            self.errors.add(path, format_args!("steps are nested more than {DEEPEST_NESTING} levels deep"));
            return Vec::new();
        }
        let mut compiled = Vec::with_capacity(steps.0.len());
        for (index, raw) in steps.0.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Some(step) = self.parse(raw, &path) {
                compiled.extend(self.step(&step, &path, depth + 1));
            }
        }
        compiled
    }

    fn parse(&mut self, raw: &Value, path: &str) -> Option<api::Step> {
        let mut unknown = Vec::new();
        let parsed = read::step(raw, &mut unknown);
        for field in &unknown {
            self.errors.add(format_args!("{path}{field}"), "unknown field");
        }
        match parsed {
            Ok(step) => Some(step),
            Err(Unreadable { path: place, message }) => {
                let dot = if place.is_empty() { "" } else { "." };
                self.errors.add(format_args!("{path}{dot}{place}"), message);
                None
            }
        }
    }

    pub(super) fn expression(&mut self, source: &str, path: &str) -> Option<Expression> {
        self.errors.check(path, Expression::compile(source, self.names))
    }

    /// Header-like pairs of templates.
    pub(super) fn templates(
        &mut self,
        fields: &BTreeMap<String, String>,
        path: &str,
    ) -> Vec<(String, crate::template::Template)> {
        let fields = fields.iter();
        fields
            .filter_map(|(name, text)| Some((name.clone(), self.template(text, &format!("{path}.{name}"))?)))
            .collect()
    }

    pub(super) fn template(&mut self, text: &str, path: &str) -> Option<crate::template::Template> {
        self.errors.check(path, crate::template::Template::parse(text, self.names))
    }
}
