// SPDX-License-Identifier: Apache-2.0
//! From the step tree to a program.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use upsurge_core::{
    metrics::Catalog,
    plan::schedule::WeightedChoice,
    scenario::{self, ON_START_CHECK, ON_STOP_CHECK, ScenarioSet, Step},
    validate::Valid,
};
use upsurge_crds::v1alpha1::LoadTestSpec;
use upsurge_system::files::Files;

use super::{Data, Journey, Once, Operation, Phase, Program, Request, Secrets, address::Base};

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
    #[error("spec.target.baseURL: {0}")]
    BaseUrl(String),
    /// Rows can't be read.
    #[error("spec.data[{index}]: {message}")]
    Data {
        /// Which.
        index: usize,
        /// What is wrong.
        message: String,
    },
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
        let weights: Vec<u32> = set.scenarios.iter().map(|scenario| scenario.weight).collect();
        let mut program = compile(sources, &set.scenarios, &weights)?;
        for (index, set) in set.data.iter().enumerate() {
            let data = Data::load(set, sources.files);
            program.data.push(data.map_err(|message| ProgramError::Data { index, message })?);
        }
        Ok(program)
    }

    /// Compiles `before` as a test of one scenario.
    pub(crate) fn before(sources: &Sources<'_>) -> Result<Self, ProgramError> {
        Self::once(sources, "before", &sources.valid.scenarios.before)
    }

    /// Compiles `verify` as a test of one scenario.
    pub(crate) fn verify(sources: &Sources<'_>) -> Result<Self, ProgramError> {
        Self::once(sources, "verify", &sources.valid.scenarios.verify)
    }

    /// Compiles `after` as a test of one scenario.
    pub(crate) fn after(sources: &Sources<'_>) -> Result<Self, ProgramError> {
        Self::once(sources, "after", &sources.valid.scenarios.after)
    }

    fn once(sources: &Sources<'_>, name: &str, steps: &[Step]) -> Result<Self, ProgramError> {
        let scenario = scenario::Scenario {
            name: name.to_owned(),
            weight: 1,
            pacing: None,
            tags: BTreeMap::new(),
            data: Vec::new(),
            on_start: Vec::new(),
            steps: steps.to_vec(),
            on_stop: Vec::new(),
        };
        compile(sources, &[scenario], &[1])
    }
}

fn compile(
    sources: &Sources<'_>,
    scenarios: &[scenario::Scenario],
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
        metrics: Catalog::new(&sources.test.metrics),
        scenario: 0,
        scenario_name: "",
        group: None,
        is_counted: true,
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
            data: Vec::new(),
            sequences: set.sequences,
            seed: sources.test.seed.map(i64::cast_unsigned),
            names: set.names.clone(),
            constants,
            choices,
            captured: Vec::new(),
            keep_cookies: sources.valid.http.keep_cookies,
            close_after_iteration: sources.valid.http.connections.close_after_iteration,
            secrets: Secrets::new(sources.secrets.values()),
        },
    };
    for (index, scenario) in scenarios.iter().enumerate() {
        compiler.scenario = index;
        compiler.scenario_name = &scenario.name;
        compiler.steps(&scenario.steps)?;
        let length = compiler.operations.len();
        let once = compiler.once(scenario)?;
        compiler.program.scenarios.push(Journey {
            name: scenario.name.clone(),
            tags: scenario.tags.clone(),
            data: scenario.data.clone(),
            pacing: scenario.pacing,
            operations: std::mem::take(&mut compiler.operations),
            length,
            once,
        });
    }
    let operations = compiler.program.scenarios.iter().flat_map(|journey| &journey.operations);
    compiler.program.captured = written(operations, &compiler.program.requests);
    Ok(compiler.program)
}

/// Slots that operations capture to and set.
fn written<'a>(operations: impl Iterator<Item = &'a Operation>, requests: &[Request]) -> Vec<usize> {
    let mut slots = Vec::new();
    for operation in operations {
        match operation {
            Operation::Set { slot, .. } => slots.push(*slot),
            Operation::Request(index) => {
                let captures = requests.get(*index).into_iter().flat_map(|request| &request.captures);
                slots.extend(captures.map(|capture| capture.slot));
            }
            _ => {}
        }
    }
    slots.sort_unstable();
    slots.dedup();
    slots
}

impl Compiler<'_> {
    /// The steps that each user of a scenario does once.
    fn once(&mut self, scenario: &scenario::Scenario) -> Result<Option<Box<Once>>, ProgramError> {
        if scenario.on_start.is_empty() && scenario.on_stop.is_empty() {
            return Ok(None);
        }
        let start = self.phase(&scenario.on_start, ON_START_CHECK)?;
        let stop = self.phase(&scenario.on_stop, ON_STOP_CHECK)?;
        let operations = self.operations.get(start.range.clone()).unwrap_or_default();
        let kept = written(operations.iter(), &self.program.requests);
        Ok(Some(Box::new(Once { start, stop, kept })))
    }

    fn phase(&mut self, steps: &[Step], check: &str) -> Result<Phase, ProgramError> {
        let begin = self.operations.len();
        self.steps(steps)?;
        Ok(Phase { range: begin..self.operations.len(), check: self.check(check.to_owned()) })
    }
}

/// Tags of the test and of each load, by stage.
fn stage_tags(sources: &Sources<'_>) -> Vec<BTreeMap<String, String>> {
    let loads = sources.valid.loads.iter();
    let stages = loads.flat_map(|load| load.stages.iter().map(|_| &load.tags));
    let with_test = |tags: &BTreeMap<String, String>| {
        let test = sources.test.tags.iter();
        test.chain(tags).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    stages.map(with_test).collect()
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

/// Compiles the steps of one scenario after the other.
pub(super) struct Compiler<'a> {
    pub(super) base: Base,
    pub(super) secrets: &'a BTreeMap<String, String>,
    pub(super) files: &'a Files,
    pub(super) metrics: Catalog<'a>,
    pub(super) scenario: usize,
    pub(super) scenario_name: &'a str,
    pub(super) group: Option<usize>,
    /// Whether what is compiled counts in figures.
    pub(super) is_counted: bool,
    pub(super) operations: Vec<Operation>,
    pub(super) program: Program,
}
