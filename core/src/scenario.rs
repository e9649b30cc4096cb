//! What users do, ready to run: the typed step tree.
//!
//! Templates are parsed, expressions, JSONPaths and regular expressions compiled, names bound to slots
//! ([`ScenarioSet::names`]), defaults of `spec.http` filled in. Whatever is wrong is a [`FieldError`] with the
//! path of the field; a tree that exists can be run.

mod compile;
mod expectation;
mod names;
mod request;

use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;
use upsurge_crds::v1alpha1::{HttpMethod, LoadTestSpec};

pub(crate) use self::compile::DEEPEST_NESTING;
use crate::{
    expression::Expression,
    field_error::FieldError,
    template::{JsonTemplate, Template},
};

/// Slot of `iteration`: the global index of the iteration, from 0.
pub const ITERATION_SLOT: usize = 0;
/// Slot of `user`: the number of the user, from 1.
pub const USER_SLOT: usize = 1;
/// Slot of `scenario`: the name of the scenario.
pub const SCENARIO_SLOT: usize = 2;
/// Slot of `loopCount`: the repetition of the innermost loop, from 1; 0 outside of loops.
pub const LOOP_COUNT_SLOT: usize = 3;
/// Variables that are always there, by slot.
pub const BUILT_INS: [&str; 4] = ["iteration", "user", "scenario", "loopCount"];

/// All that users do.
#[derive(Clone, Debug, Default)]
pub struct ScenarioSet {
    /// Names of all variables by slot: the built-in ones, `spec.variables`, then what is captured anywhere.
    pub names: Vec<String>,
    /// Variables of the spec.
    pub variables: Vec<Variable>,
    /// Secrets that are declared.
    pub secrets: Vec<String>,
    /// Steps done once per run.
    pub before: Vec<Step>,
    /// Kinds of user journeys.
    pub scenarios: Vec<Scenario>,
}

/// A variable of the spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// Possible values, of which each user takes a random one; exactly one for a variable that is no list.
    pub values: Vec<Value>,
}

/// A kind of user journey.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, unique within the test.
    pub name: String,
    /// Its share of the iterations.
    pub weight: u32,
    /// What an iteration does.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a request.
    Request(Box<Request>),
    /// Pauses.
    Think {
        /// Shortest pause.
        min: Duration,
        /// Longest pause; never shorter than `min`.
        max: Duration,
    },
    /// Goes one of two ways.
    If {
        /// Which way.
        condition: Expression,
        /// Steps when it is true.
        then: Vec<Step>,
        /// Steps when it is not.
        otherwise: Vec<Step>,
    },
    /// Repeats steps; ends when either limit is reached.
    Loop {
        /// Most repetitions.
        count: Option<u64>,
        /// Evaluated before each repetition; false ends the loop.
        condition: Option<Expression>,
        /// What is repeated.
        steps: Vec<Step>,
    },
    /// A named sequence.
    Group {
        /// Its name.
        name: String,
        /// Its steps.
        steps: Vec<Step>,
    },
}

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name that results use.
    pub name: String,
    /// Method.
    pub method: HttpMethod,
    /// A whole URL if it starts with `http://` or `https://` once filled in, else joined to `target.baseUrl`.
    pub url: Template,
    /// Query parameters, to be percent-encoded and added to the URL.
    pub query: Vec<(String, Template)>,
    /// Headers with those of `spec.http.headers` and the content type that the body implies; names in lower case, each once.
    pub headers: Vec<(String, Template)>,
    /// Body.
    pub body: Body,
    /// Longest time.
    pub timeout: Duration,
    /// What is taken from the response.
    pub capture: Vec<Capture>,
    /// What the response must be like; each is a check.
    pub expect: Vec<Expectation>,
    /// Status codes that don't count as failed; `None` means 200 to 399.
    pub expected_status: Option<Vec<u16>>,
}

impl Request {
    /// Whether a response with that status counts as failed in `http_req_failed`.
    pub fn is_failure(&self, status: u16) -> bool {
        match &self.expected_status {
            Some(expected) => !expected.contains(&status),
            None => !(200..400).contains(&status),
        }
    }

    /// Whether the body of the response is needed, and not only its length.
    pub fn needs_body(&self) -> bool {
        self.capture.iter().any(|capture| !matches!(capture.source, CaptureSource::Header(_)))
            || self
                .expect
                .iter()
                .any(|expect| matches!(expect.matcher, Matcher::JsonPath { .. } | Matcher::BodyContains(_)))
    }
}

/// Body of a request.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// JSON.
    Json(JsonTemplate),
    /// Text as it stands.
    Text(Template),
    /// Fields to be URL-encoded.
    Form(Vec<(String, Template)>),
}

/// A value taken from a response.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Variable that takes it.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// Where the value is.
    pub source: CaptureSource,
    /// Value when there is none; without it the iteration ends there and the check [`Capture::check_name`] fails.
    pub default: Option<String>,
}

impl Capture {
    /// Name of the check that counts captures that found nothing.
    pub fn check_name(&self) -> String {
        format!("capture {}", self.name)
    }
}

/// Where a captured value is.
#[derive(Clone, Debug)]
pub enum CaptureSource {
    /// First match in a JSON body.
    JsonPath(JsonPath),
    /// A header, in lower case.
    Header(String),
    /// First group of a match in the body, or the whole match.
    Regex(Regex),
}

/// Something a response must be like.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Name of the check.
    pub name: String,
    /// What must hold.
    pub matcher: Matcher,
}

/// What must hold of a response.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The status is one of these.
    Status(Vec<u16>),
    /// The media type, without parameters, compared without regard to case.
    ContentType(String),
    /// The first match in a JSON body.
    JsonPath {
        /// Where.
        path: JsonPath,
        /// What.
        wanted: Wanted,
    },
    /// A header.
    Header {
        /// Its name in lower case.
        name: String,
        /// What.
        wanted: Wanted,
    },
    /// The body holds this text.
    BodyContains(String),
    /// From the first byte sent to the last byte received it took at most this long.
    ResponseTime(Duration),
}

/// What is wanted of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// That it is there, or is not.
    Exists(bool),
    /// That it equals this. Numbers are equal by value; a header equals its text.
    Equals(JsonTemplate),
}

impl ScenarioSet {
    /// Compiles the steps of a spec. The spec's `script` is not looked at.
    ///
    /// # Errors
    /// Everything that is wrong in `before`, `scenarios`, `variables` and `http`.
    pub fn compile(spec: &LoadTestSpec) -> Result<Self, Vec<FieldError>> {
        compile::scenario_set(spec)
    }

    /// Slot of a variable.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// All requests of all scenarios, with the scenario they belong to and its groups, innermost last.
    pub fn requests(&self) -> impl Iterator<Item = (&Scenario, &Request)> {
        self.scenarios.iter().flat_map(|scenario| {
            requests(&scenario.steps).into_iter().map(move |request| (scenario, request))
        })
    }

    /// Names of all groups of all scenarios.
    pub fn groups(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.scenarios.iter().for_each(|scenario| {
            visit(&scenario.steps, &mut |step| {
                if let Step::Group { name, .. } = step {
                    names.push(name.as_str());
                }
            })
        });
        names
    }
}

/// All requests in a sequence of steps, nested ones included.
pub fn requests(steps: &[Step]) -> Vec<&Request> {
    let mut requests = Vec::new();
    visit(steps, &mut |step| {
        if let Step::Request(request) = step {
            requests.push(request.as_ref());
        }
    });
    requests
}

/// Calls a function with each step, nested ones included, in the order they are written.
pub fn visit<'a>(steps: &'a [Step], act: &mut dyn FnMut(&'a Step)) {
    for step in steps {
        act(step);
        match step {
            Step::Request(_) | Step::Think { .. } => {}
            Step::If { then, otherwise, .. } => {
                visit(then, act);
                visit(otherwise, act);
            }
            Step::Loop { steps, .. } | Step::Group { steps, .. } => visit(steps, act),
        }
    }
}
