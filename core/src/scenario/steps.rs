// SPDX-License-Identifier: Apache-2.0
//! From each kind of step in a spec to its step of the tree.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;
use upsurge_crds::v1alpha1 as api;

use super::{
    Assignment, Count, Elements, List, Loop, Pause, Shape, Step, ValueSource, blocks, compile::Compiler,
    names, request,
};
use crate::{expression::Expression, template::JsonTemplate};

/// Branches of `parallel` under way at the same time, unless the spec says otherwise.
const DEFAULT_LIMIT: usize = 6;
/// Most repetitions of a loop by `count`.
const MOST_REPETITIONS: u64 = 1_000_000;
/// Longest pause of a distribution that has no limit of its own.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

impl Compiler<'_> {
    pub(super) fn step(&mut self, step: &api::Step, path: &str, depth: usize) -> Option<Step> {
        // Destructured, so that no new kind of step can be forgotten.
        let api::Step {
            request,
            think,
            if_step,
            loop_step,
            group,
            parallel,
            set,
            pace,
            record,
            log,
            fail,
            abort,
            run,
        } = step;
        let given = [
            request.is_some(),
            think.is_some(),
            if_step.is_some(),
            loop_step.is_some(),
            group.is_some(),
            parallel.is_some(),
            set.is_some(),
            pace.is_some(),
            record.is_some(),
            log.is_some(),
            fail.is_some(),
            abort.is_some(),
            run.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            self.errors.add(
                path,
                "a step is exactly one of request, think, if, loop, group, parallel, set, pace, record, log, fail, abort, run",
            );
            return None;
        }
        if !self.blocks.count() {
            self.errors.add("spec", blocks::too_many());
            return None;
        }
        if let Some(name) = run {
            return self.block(name, &format!("{path}.run"), depth).map(Step::Block);
        }
        if let Some(step) = request {
            let request = request::compile(self, step, &format!("{path}.request"))?;
            return Some(Step::Request(Box::new(request)));
        }
        if let Some(step) = think {
            return self.think(step, &format!("{path}.think"));
        }
        if let Some(step) = if_step {
            return self.choice(step, &format!("{path}.if"), depth);
        }
        if let Some(step) = loop_step {
            return self.repetition(step, &format!("{path}.loop"), depth);
        }
        if let Some(step) = group {
            let steps = self.nested(&step.steps, &format!("{path}.group.steps"), depth);
            let (name, exclude_think_time) = (step.name.clone(), step.exclude_think_time);
            return Some(Step::Group { name, exclude_think_time, steps });
        }
        if let Some(step) = parallel {
            return self.parallel(step, &format!("{path}.parallel"), depth);
        }
        if let Some(variables) = set {
            return Some(Step::Set(self.assignments(variables, &format!("{path}.set"))));
        }
        if let Some(step) = pace {
            if step.every.0.is_zero() {
                self.errors.add(format_args!("{path}.pace.every"), "0s is no span of time");
            }
            return Some(Step::Pace(step.every.0));
        }
        if let Some(step) = record {
            return self.record(step, &format!("{path}.record"));
        }
        if let Some(step) = log {
            return self.template(&step.message, &format!("{path}.log.message")).map(Step::Log);
        }
        if let Some(step) = fail {
            let condition = self.optional(step.condition.as_deref(), &format!("{path}.fail.if"))?;
            return Some(Step::Fail { message: step.message.clone(), condition });
        }
        let step = abort.as_ref()?;
        let reason = self.template(&step.reason, &format!("{path}.abort.reason"));
        let condition = self.optional(step.condition.as_deref(), &format!("{path}.abort.if"))?;
        Some(Step::Abort { reason: reason?, condition })
    }

    fn think(&mut self, think: &api::ThinkStep, path: &str) -> Option<Step> {
        let shape = match (&think.normal, &think.exponential) {
            (None, None) if think.min.is_some() => Shape::Uniform,
            (Some(normal), None) => Shape::Normal { mean: normal.mean.0, deviation: normal.deviation.0 },
            (None, Some(exponential)) => Shape::Exponential { mean: exponential.mean.0 },
            (None, None) => {
                self.errors.add(path, "a think needs min, normal or exponential");
                return None;
            }
            (Some(_), Some(_)) => {
                self.errors.add(path, "a think has at most one of normal and exponential");
                return None;
            }
        };
        let min = think.min.map_or(Duration::ZERO, |min| min.0);
        let unlimited = if shape == Shape::Uniform { min } else { LONGEST_PAUSE.max(min) };
        let max = think.max.map_or(unlimited, |max| max.0);
        if max < min {
            self.errors.add(
                format_args!("{path}.max"),
                format_args!("{} is shorter than min {}", api::TimeSpan(max), api::TimeSpan(min)),
            );
            return None;
        }
        Some(Step::Think(Pause { shape, min, max }))
    }

    fn choice(&mut self, step: &api::IfStep, path: &str, depth: usize) -> Option<Step> {
        let condition = self.expression(&step.condition, &format!("{path}.condition"));
        let then = self.nested(&step.then, &format!("{path}.then"), depth);
        let otherwise = self.nested(&step.otherwise, &format!("{path}.else"), depth);
        Some(Step::If { condition: condition?, then, otherwise })
    }

    fn repetition(&mut self, step: &api::LoopStep, path: &str, depth: usize) -> Option<Step> {
        let count = step.count.as_ref().map(|count| self.count(count, &format!("{path}.count")));
        let list = step.over.as_ref().map(|over| self.list(over, &format!("{path}.over")));
        let condition = self.optional(step.condition.as_deref(), &format!("{path}.while"));
        let steps = self.nested(&step.steps, &format!("{path}.steps"), depth);
        if let Some(name) = &step.element {
            names::check_name(name, format_args!("{path}.as"), self.errors);
            if step.over.is_none() {
                self.errors
                    .add(format_args!("{path}.as"), "belongs to over: without it there are no elements");
            }
        }
        let limited = step.count.is_some() || step.over.is_some();
        if !limited && step.condition.is_none() {
            self.errors.add(path, "a loop needs count, over or while");
        }
        if !limited && !takes_time(&steps) {
            self.errors.add(format_args!("{path}.steps"), "a loop without count needs a request, or a think of some length, in every way through it: it would spin for ever without time passing");
        }
        let elements = match list {
            None => None,
            Some(list) => {
                let name = step.element.as_deref().unwrap_or(names::LOOP_ELEMENT);
                Some(Elements { slot: self.names.slot(name)?, list: list? })
            }
        };
        let count = match count {
            None => None,
            Some(count) => Some(count?),
        };
        Some(Step::Loop(Box::new(Loop { count, elements, condition: condition?, steps })))
    }

    fn count(&mut self, count: &IntOrString, path: &str) -> Option<Count> {
        let text = match count {
            IntOrString::Int(number) => {
                let fixed = u64::try_from(*number).ok().filter(|number| *number <= MOST_REPETITIONS);
                let fixed = fixed.ok_or(format!("must be at least 0 and at most {MOST_REPETITIONS}"));
                return self.errors.check(path, fixed).map(Count::Fixed);
            }
            IntOrString::String(text) => text,
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let counted =
            match (number(text), text.split_once('-').map(|(low, high)| (number(low), number(high)))) {
                (Some(fixed), _) => Count::Fixed(fixed),
                (None, Some((Some(low), Some(high)))) => Count::Between(low, high),
                _ => return self.expression(text, path).map(Count::Computed),
            };
        match counted {
            Count::Between(low, high) if low > high => {
                self.errors.add(path, format_args!("{text:?} is no range: write the lower number first"));
                None
            }
            Count::Fixed(most) | Count::Between(_, most) if most > MOST_REPETITIONS => {
                self.errors.add(path, format_args!("must be at most {MOST_REPETITIONS}"));
                None
            }
            counted => Some(counted),
        }
    }

    fn list(&mut self, over: &Value, path: &str) -> Option<List> {
        match over {
            Value::String(text) => self.expression(text, path).map(List::Computed),
            Value::Array(_) => self.json(over, path).map(List::Literal),
            _ => {
                self.errors.add(path, "must be a list, or an expression that gives one");
                None
            }
        }
    }

    fn parallel(&mut self, step: &api::ParallelStep, path: &str, depth: usize) -> Option<Step> {
        let limit = match step.limit {
            None => Some(DEFAULT_LIMIT),
            Some(limit) => {
                let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
                self.errors.check(format_args!("{path}.limit"), limit.ok_or("must be from 1 to 100"))
            }
        };
        let branches = self.nested(&step.steps, &format!("{path}.steps"), depth);
        Some(Step::Parallel { limit: limit?, branches })
    }

    fn assignments(&mut self, variables: &[api::SetVariable], path: &str) -> Vec<Assignment> {
        let variables = variables.iter().enumerate();
        variables
            .filter_map(|(index, variable)| self.assignment(variable, &format!("{path}[{index}]")))
            .collect()
    }

    fn assignment(&mut self, variable: &api::SetVariable, path: &str) -> Option<Assignment> {
        names::check_name(&variable.name, format_args!("{path}.name"), self.errors);
        let source = match (&variable.value, &variable.expression) {
            (Some(value), None) => self.json(value, &format!("{path}.value")).map(ValueSource::Template),
            (None, Some(text)) => {
                self.expression(text, &format!("{path}.expression")).map(ValueSource::Expression)
            }
            _ => {
                self.errors.add(path, "a variable is set to exactly one of value and expression");
                None
            }
        };
        // Names that can't be variables have no slot; they are reported above.
        Some(Assignment { slot: self.names.slot(&variable.name)?, source: source? })
    }

    fn record(&mut self, step: &api::RecordStep, path: &str) -> Option<Step> {
        let declared = self.spec.metrics.iter().any(|metric| metric.name == step.metric);
        if !declared {
            let known = self.spec.metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>();
            let known = if known.is_empty() {
                "there are none".into()
            } else {
                format!("there are {}", known.join(", "))
            };
            self.errors.add(
                format_args!("{path}.metric"),
                format_args!("no metric of spec.metrics is named {:?}; {known}", step.metric),
            );
        }
        let value = self.optional(step.value.as_deref(), &format!("{path}.value"))?;
        Some(Step::Record { metric: step.metric.clone(), value, tags: step.tags.clone() })
    }

    /// An expression that may be left out: `None` if it is wrong.
    #[allow(clippy::option_option, reason = "absent is not wrong")]
    fn optional(&mut self, source: Option<&str>, path: &str) -> Option<Option<Expression>> {
        match source {
            None => Some(None),
            Some(source) => self.expression(source, path).map(Some),
        }
    }

    /// A value whose texts may hold templates.
    pub(super) fn json(&mut self, value: &Value, path: &str) -> Option<JsonTemplate> {
        let parsed = JsonTemplate::parse(value, self.names);
        parsed
            .map_err(|errors| {
                errors
                    .iter()
                    .for_each(|(place, error)| self.errors.add(format_args!("{path}{place}"), error));
            })
            .ok()
    }
}

/// Whether each way through the steps sends a request, pauses, or ends the iteration.
fn takes_time(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Request(_) | Step::Pace(_) => true,
        Step::Think(pause) => !pause.is_zero(),
        Step::If { then, otherwise, .. } => takes_time(then) && takes_time(otherwise),
        Step::Loop(repeated) => match repeated.count {
            Some(Count::Fixed(0) | Count::Between(0, _) | Count::Computed(_)) => false,
            _ => repeated.elements.is_none() && takes_time(&repeated.steps),
        },
        Step::Group { steps, .. } | Step::Block(steps) | Step::Parallel { branches: steps, .. } => {
            takes_time(steps)
        }
        Step::Repeated(repeated) => takes_time(std::slice::from_ref(&repeated.operation)),
        Step::Fail { condition, .. } | Step::Abort { condition, .. } => condition.is_none(),
        Step::Set(_) | Step::Record { .. } | Step::Log(_) => false,
    })
}
