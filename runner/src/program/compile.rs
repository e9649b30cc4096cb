//! From the step tree to a program.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use upsurge_core::{
    expression::Expression,
    scenario::{self, ScenarioSet, Step},
    schedule::WeightedChoice,
    validate::Valid,
};
use upsurge_crds::v1alpha1::LoadTestSpec;

use crate::files::Files;

use super::{
    Condition, Group, Journey, Operation, Program,
    address::Base,
    request::{Common, Request},
};

/// What a program is made from.
pub(crate) struct Sources<'a> {
    /// The compiled test.
    pub(crate) valid: &'a Valid,
    /// Its spec.
    pub(crate) test: &'a LoadTestSpec,
    /// Values of its secrets.
    pub(crate) secrets: &'a BTreeMap<String, String>,
    /// Contents of its files.
    pub(crate) files: &'a Files,
    /// Variables captured by `before`.
    pub(crate) variables: &'a Map<String, Value>,
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgramError {
    /// A declared secret has no value.
    #[error("secret {name:?} has no value: set the environment variable {variable}")]
    MissingSecret {
        /// Its name.
        name: String,
        /// Where its value is expected.
        variable: String,
    },
    /// The base URL is wrong.
    #[error("spec.target.baseUrl: {0}")]
    BaseUrl(String),
    /// A request is wrong.
    #[error("request {request:?} of scenario {scenario:?}: {message}")]
    Request {
        /// The request.
        request: String,
        /// Its scenario.
        scenario: String,
        /// What is wrong.
        message: String,
    },
}

impl Program {
    /// Compiles the scenarios of a test.
    pub(crate) fn scenarios(sources: &Sources<'_>) -> Result<Self, ProgramError> {
        let set = &sources.valid.scenarios;
        let journeys =
            set.scenarios.iter().map(|scenario| (scenario.name.as_str(), scenario.steps.as_slice()));
        let weights: Vec<u32> = set.scenarios.iter().map(|scenario| scenario.weight).collect();
        compile(sources, journeys.collect(), &weights)
    }

    /// Compiles `before` as a test of one scenario.
    pub(crate) fn before(sources: &Sources<'_>) -> Result<Self, ProgramError> {
        compile(sources, vec![("before", &sources.valid.scenarios.before)], &[1])
    }
}

fn compile(
    sources: &Sources<'_>,
    journeys: Vec<(&str, &[Step])>,
    weights: &[u32],
) -> Result<Program, ProgramError> {
    for name in &sources.valid.scenarios.secrets {
        if !sources.secrets.contains_key(name) {
            let variable = format!("{}{name}", upsurge_core::protocol::SECRET_ENV_PREFIX);
            return Err(ProgramError::MissingSecret { name: name.clone(), variable });
        }
    }
    let set = &sources.valid.scenarios;
    let (constants, choices) = values(set, sources.variables);
    let mut compiler = Compiler {
        base: Base::parse(&sources.test.target.base_url).map_err(ProgramError::BaseUrl)?,
        secrets: sources.secrets,
        files: sources.files,
        scenario: 0,
        scenario_name: "",
        group: None,
        operations: Vec::new(),
        program: Program {
            stages: sources.valid.timeline.stages.iter().map(|stage| stage.name.clone()).collect(),
            stage_tags: stage_tags(sources),
            scenarios: Vec::new(),
            choice: WeightedChoice::new(weights),
            requests: Vec::new(),
            groups: Vec::new(),
            conditions: Vec::new(),
            points: Vec::new(),
            names: set.names.clone(),
            constants,
            choices,
            captured: Vec::new(),
            keep_cookies: sources.valid.http.keep_cookies,
            close_after_iteration: sources.valid.http.connections.close_after_iteration,
        },
    };
    for (index, (name, steps)) in journeys.into_iter().enumerate() {
        compiler.scenario = index;
        compiler.scenario_name = name;
        compiler.steps(steps)?;
        let operations = std::mem::take(&mut compiler.operations);
        compiler.program.scenarios.push(Journey { name: name.to_owned(), tags: BTreeMap::new(), operations });
    }
    let mut captured: Vec<usize> = compiler
        .program
        .requests
        .iter()
        .flat_map(|request| request.captures.iter().map(|capture| capture.slot))
        .collect();
    captured.sort_unstable();
    captured.dedup();
    compiler.program.captured = captured;
    Ok(compiler.program)
}

/// The tags that loads give to all that is measured in their stages.
fn stage_tags(sources: &Sources<'_>) -> Vec<BTreeMap<String, String>> {
    let loads = sources.valid.loads.iter();
    loads.flat_map(|load| load.stages.iter().map(|_| load.tags.clone())).collect()
}

/// Values by slot that are the same for all users, and variables of which each takes one of many.
fn values(set: &ScenarioSet, before: &Map<String, Value>) -> (Vec<Option<Value>>, Vec<scenario::Variable>) {
    let mut constants: Vec<Option<Value>> = vec![None; set.names.len()];
    let mut choices = Vec::new();
    for variable in &set.variables {
        match (variable.values.as_slice(), constants.get_mut(variable.slot)) {
            ([only], Some(constant)) => *constant = Some(only.clone()),
            _ => choices.push(variable.clone()),
        }
    }
    for (name, value) in before {
        if let Some(constant) = set.slot(name).and_then(|slot| constants.get_mut(slot)) {
            *constant = Some(value.clone());
            choices.retain(|variable| variable.name != *name);
        }
    }
    (constants, choices)
}

struct Compiler<'a> {
    base: Base,
    secrets: &'a BTreeMap<String, String>,
    files: &'a Files,
    scenario: usize,
    scenario_name: &'a str,
    group: Option<usize>,
    operations: Vec<Operation>,
    program: Program,
}

impl Compiler<'_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), ProgramError> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), ProgramError> {
        match step {
            Step::Request(request) => self.request(request),
            Step::Think { min, max } => {
                self.operations.push(Operation::Think { min: *min, max: *max });
                Ok(())
            }
            Step::If { condition, then, otherwise } => self.choice(condition, then, otherwise),
            Step::Loop { count, condition, steps } => self.repetition(*count, condition.as_ref(), steps),
            Step::Group { name, steps } => self.named(name, steps),
        }
    }

    fn common(&self) -> Common<'_> {
        Common { base: &self.base, secrets: self.secrets, files: self.files }
    }

    fn request(&mut self, request: &scenario::Request) -> Result<(), ProgramError> {
        let compiled = Request::compile(request, &self.common(), self.scenario, self.group);
        let compiled = compiled.map_err(|message| ProgramError::Request {
            request: request.name.clone(),
            scenario: self.scenario_name.to_owned(),
            message,
        })?;
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
        let condition = self.condition(condition);
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

    fn repetition(
        &mut self,
        count: Option<u64>,
        condition: Option<&Expression>,
        steps: &[Step],
    ) -> Result<(), ProgramError> {
        let condition = condition.map(|condition| self.condition(condition));
        self.operations.push(Operation::EnterLoop);
        let top = self.reserve();
        self.steps(steps)?;
        self.operations.push(Operation::Jump(top));
        self.operations[top] = Operation::NextRepetition { count, condition, exit: self.operations.len() };
        Ok(())
    }

    fn named(&mut self, name: &str, steps: &[Step]) -> Result<(), ProgramError> {
        let group = self.program.groups.len();
        self.program.groups.push(Group { name: name.to_owned(), scenario: self.scenario });
        let outer = self.group.replace(group);
        self.operations.push(Operation::EnterGroup);
        self.steps(steps)?;
        self.operations.push(Operation::LeaveGroup(group));
        self.group = outer;
        Ok(())
    }

    fn condition(&mut self, expression: &Expression) -> usize {
        self.program.conditions.push(Condition {
            expression: expression.clone(),
            scenario: self.scenario,
            group: self.group,
        });
        self.program.conditions.len() - 1
    }

    /// Keeps a place for an operation that is not known yet.
    fn reserve(&mut self) -> usize {
        self.operations.push(Operation::Jump(usize::MAX));
        self.operations.len() - 1
    }
}
