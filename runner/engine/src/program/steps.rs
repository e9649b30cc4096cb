// SPDX-License-Identifier: Apache-2.0
//! From the steps of the tree to operations.

use std::collections::BTreeMap;

use upsurge_core::{
    expression::Expression,
    scenario::{self, Assignment, Count, Loop, Repeated, Step, ValueSource},
};

use super::{
    Branches, Condition, Elements, Group, Limits, Operation, Point, Repetitions, Source,
    compile::{Compiler, ProgramError},
    fold::{fold, fold_json},
    request::{Common, Request},
};

impl Compiler<'_> {
    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<(), ProgramError> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), ProgramError> {
        let operation = match step {
            Step::Request(request) => return self.request(request),
            Step::If { condition, then, otherwise } => return self.choice(condition, then, otherwise),
            Step::Loop(repeated) => return self.repetition(repeated),
            Step::Group { name, exclude_think_time, steps } => {
                return self.named(name, *exclude_think_time, steps);
            }
            Step::Block(steps) => return self.steps(steps),
            Step::Repeated(repeated) => return self.operation(repeated),
            Step::Parallel { limit, branches } => return self.parallel(*limit, branches),
            Step::Set(assignments) => {
                assignments.iter().for_each(|assignment| self.assign(assignment));
                return Ok(());
            }
            Step::Think(pause) => Operation::Think(Box::new(pause.clone())),
            Step::Pace(every) => Operation::Pace(*every),
            Step::Record { metric, value, tags } => self.record(metric, value.as_ref(), tags),
            Step::Log(message) => Operation::Log(fold(message, self.secrets)),
            Step::Fail { message, condition } => {
                let condition = condition.as_ref().map(|condition| self.expression(condition));
                Operation::Fail { check: self.check(format!("fail: {message}")), condition }
            }
            Step::Abort { reason, condition } => {
                let condition = condition.as_ref().map(|condition| self.expression(condition));
                Operation::Abort { reason: fold(reason, self.secrets), condition }
            }
        };
        self.operations.push(operation);
        Ok(())
    }

    fn request(&mut self, request: &scenario::Request) -> Result<(), ProgramError> {
        let common = Common { base: &self.base, secrets: self.secrets, files: self.files };
        let compiled = Request::compile(request, &common, self.scenario, self.group);
        let mut compiled = compiled.map_err(|message| ProgramError::Request {
            request: request.name.clone(),
            scenario: self.scenario_name.to_owned(),
            message,
        })?;
        compiled.is_counted = self.is_counted;
        self.operations.push(Operation::Request(self.program.requests.len()));
        self.program.requests.push(compiled);
        Ok(())
    }

    fn choice(
        &mut self,
        condition: &Expression,
        then: &[Step],
        otherwise: &[Step],
    ) -> Result<(), ProgramError> {
        let condition = self.expression(condition);
        let fork = self.reserve();
        self.steps(then)?;
        if otherwise.is_empty() {
            self.operations[fork] = Operation::JumpUnless { condition, to: self.operations.len() };
            return Ok(());
        }
        let end = self.reserve();
        self.operations[fork] = Operation::JumpUnless { condition, to: self.operations.len() };
        self.steps(otherwise)?;
        self.operations[end] = Operation::Jump(self.operations.len());
        Ok(())
    }

    fn repetition(&mut self, repeated: &Loop) -> Result<(), ProgramError> {
        let count = repeated.count.as_ref().map(|count| match count {
            Count::Fixed(count) => Repetitions::Fixed(*count),
            Count::Between(low, high) => Repetitions::Between(*low, *high),
            Count::Computed(expression) => Repetitions::Computed(self.expression(expression)),
        });
        let elements = repeated.elements.as_ref().map(|elements| {
            let list = match &elements.list {
                scenario::List::Literal(json) => Elements::Literal(fold_json(json, self.secrets)),
                scenario::List::Computed(expression) => Elements::Computed(self.expression(expression)),
            };
            (elements.slot, list)
        });
        let condition = repeated.condition.as_ref().map(|condition| self.expression(condition));
        self.operations.push(Operation::EnterLoop(Box::new(Limits { count, elements })));
        let top = self.reserve();
        self.steps(&repeated.steps)?;
        self.operations.push(Operation::Jump(top));
        self.operations[top] = Operation::NextRepetition { condition, exit: self.operations.len() };
        Ok(())
    }

    /// Two loops with operations of their own, so that what is recorded of the first can be left out.
    fn operation(&mut self, repeated: &Repeated) -> Result<(), ProgramError> {
        let counted = std::mem::replace(&mut self.is_counted, false);
        let warm = self.times(repeated.warm_up, &repeated.operation);
        self.is_counted = counted;
        warm?;
        self.times(repeated.repeats, &repeated.operation)
    }

    fn times(&mut self, count: u64, step: &Step) -> Result<(), ProgramError> {
        if count == 0 {
            return Ok(());
        }
        let count = Some(Count::Fixed(count));
        self.repetition(&Loop { count, elements: None, condition: None, steps: vec![step.clone()] })
    }

    fn named(&mut self, name: &str, exclude_think_time: bool, steps: &[Step]) -> Result<(), ProgramError> {
        let group = self.program.groups.len();
        let (scenario, is_counted) = (self.scenario, self.is_counted);
        self.program.groups.push(Group { name: name.to_owned(), scenario, is_counted });
        let outer = self.group.replace(group);
        self.operations.push(Operation::EnterGroup);
        self.steps(steps)?;
        self.operations.push(Operation::LeaveGroup { group, exclude_think_time });
        self.group = outer;
        Ok(())
    }

    fn parallel(&mut self, limit: usize, branches: &[Step]) -> Result<(), ProgramError> {
        let fork = self.reserve();
        let mut ranges = Vec::with_capacity(branches.len());
        for branch in branches {
            let begin = self.operations.len();
            self.step(branch)?;
            ranges.push(begin..self.operations.len());
        }
        let exit = self.operations.len();
        self.operations[fork] = Operation::Parallel(Box::new(Branches { limit, ranges, exit }));
        Ok(())
    }

    fn assign(&mut self, assignment: &Assignment) {
        let source = match &assignment.source {
            ValueSource::Template(json) => Source::Template(fold_json(json, self.secrets)),
            ValueSource::Expression(expression) => Source::Expression(self.expression(expression)),
        };
        self.operations.push(Operation::Set { slot: assignment.slot, source });
    }

    fn record(
        &mut self,
        metric: &str,
        value: Option<&Expression>,
        tags: &BTreeMap<String, String>,
    ) -> Operation {
        let value = value.map(|value| self.expression(value));
        let point = self.program.points.len();
        // The steps were checked: the metric is declared.
        if let Some(kind) = self.metrics.get(metric).map(|definition| definition.kind) {
            let (metric, tags) = (metric.to_owned(), tags.clone());
            let (scenario, group, is_counted) = (self.scenario, self.group, self.is_counted);
            self.program.points.push(Point { metric, kind, scenario, group, tags, is_counted });
        }
        Operation::Record { point, value }
    }

    fn expression(&mut self, expression: &Expression) -> usize {
        let check = self.check(format!("condition {}", expression.source()));
        if let Some(known) = self.program.conditions.get_mut(check) {
            known.expression = Some(expression.clone());
        }
        check
    }

    /// A check that counts failures only.
    pub(super) fn check(&mut self, check: String) -> usize {
        let (scenario, group, is_counted) = (self.scenario, self.group, self.is_counted);
        self.program.conditions.push(Condition { expression: None, check, scenario, group, is_counted });
        self.program.conditions.len() - 1
    }

    /// Keeps a place for an operation that is not known yet.
    fn reserve(&mut self) -> usize {
        self.operations.push(Operation::Jump(usize::MAX));
        self.operations.len() - 1
    }
}
