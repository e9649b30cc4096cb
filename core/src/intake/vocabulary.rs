// SPDX-License-Identifier: Apache-2.0
//! The names that series of a test have: what it is made of, and what engines name by themselves.

use std::collections::{BTreeMap, BTreeSet};

use upsurge_crds::v1alpha1::LoadTestSpec;

use super::short;
use crate::{
    expression::Expression,
    metrics::{
        Catalog, OVERFLOW, SeriesKey, Tags,
        names::{self, ERROR_KINDS, Kind},
    },
    scenario::{Capture, Count, List, ON_START_CHECK, ON_STOP_CHECK, Step, ValueSource},
    validate::Valid,
};

/// Highest status that a response can have.
const HIGHEST_STATUS: u16 = 999;
/// Codes of errors: k6's.
const ERROR_CODES: std::ops::RangeInclusive<u16> = 1000..=1999;

/// The names of a test.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    metrics: BTreeMap<String, (Kind, bool)>,
    stages: BTreeSet<String>,
    scenarios: BTreeSet<String>,
    groups: BTreeSet<String>,
    requests: BTreeSet<String>,
    methods: BTreeSet<String>,
    /// Checks of responses.
    checks: BTreeSet<String>,
    /// Checks that belong to no request.
    conditions: BTreeSet<String>,
    tags: BTreeSet<(String, String)>,
}

impl Vocabulary {
    /// The names of a test.
    pub fn of(test: &LoadTestSpec, valid: &Valid) -> Self {
        let catalog = Catalog::new(&test.metrics);
        let metrics = catalog.names().filter_map(|name| {
            // Made of another metric, and sent by nobody.
            if name == names::AVAILABILITY {
                return None;
            }
            let is_built_in = names::kind_of(name).is_some();
            Some((name.to_owned(), (catalog.get(name)?.kind, is_built_in)))
        });
        let set = &valid.scenarios;
        let mut all = Self {
            metrics: metrics.collect(),
            stages: valid.timeline.stages.iter().map(|stage| stage.name.clone()).collect(),
            scenarios: set.scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
            groups: set.groups().into_iter().map(str::to_owned).collect(),
            requests: BTreeSet::new(),
            methods: BTreeSet::new(),
            checks: BTreeSet::new(),
            conditions: [ON_START_CHECK, ON_STOP_CHECK].map(str::to_owned).into(),
            tags: BTreeSet::new(),
        };
        all.tag(&test.tags);
        valid.loads.iter().for_each(|load| all.tag(&load.tags));
        for scenario in &set.scenarios {
            all.tag(&scenario.tags);
            scenario.visit(&mut |step| all.step(step));
        }
        all
    }

    /// Kind of a metric, and whether it is a built-in one; `None` if the test has none of that name.
    pub fn metric(&self, name: &str) -> Option<(Kind, bool)> {
        self.metrics.get(name).copied()
    }

    /// What the test does not have of the tags of a series; `None` if it has all.
    pub fn unknown(&self, key: &SeriesKey) -> Option<String> {
        let tags = &key.tags;
        if *tags == SeriesKey::overflow(String::new()).tags {
            // What the runner itself could not keep apart.
            return None;
        }
        let known = |names: &BTreeSet<String>, name: &Option<String>| {
            name.as_ref().filter(|name| !names.contains(*name)).map(|name| short(name))
        };
        let checks = self.checks_of(key);
        let named = [
            ("stage", known(&self.stages, &tags.stage)),
            ("scenario", known(&self.scenarios, &tags.scenario)),
            ("group", known(&self.groups, &tags.group)),
            ("request", known(&self.requests, &tags.request)),
            ("method", known(&self.methods, &tags.method)),
            ("check", tags.check.as_ref().filter(|check| !checks(check)).map(|check| short(check))),
        ];
        let what = named.into_iter().find_map(|(what, name)| Some(format!("{what} {:?}", name?)));
        let what = what.or_else(|| self.foreign_tag(tags)).or_else(|| out_of_place(tags))?;
        Some(format!("{} of {what}", key.metric))
    }

    /// Whether a series may have a check.
    fn checks_of<'a>(&'a self, key: &'a SeriesKey) -> impl Fn(&str) -> bool + 'a {
        let is_of_request = key.tags.request.is_some();
        move |check| match key.metric.as_str() {
            names::REQUEST_ERRORS => is_of_request && ERROR_KINDS.contains(&check),
            names::CHECKS if is_of_request => self.checks.contains(check),
            names::CHECKS => self.conditions.contains(check),
            _ => false,
        }
    }

    fn foreign_tag(&self, tags: &Tags) -> Option<String> {
        let mut custom = tags.custom.iter();
        let foreign = custom.find(|(name, value)| {
            // Sets of pairs are looked up by pairs that are owned.
            !self.tags.contains(&((*name).clone(), (*value).clone()))
        });
        foreign.map(|(name, value)| format!("tag {:?}", short(&format!("{name}: {value}"))))
    }

    fn tag(&mut self, tags: &BTreeMap<String, String>) {
        self.tags.extend(tags.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    fn condition(&mut self, expression: &Expression) {
        self.conditions.insert(condition_check(expression));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Request(request) => {
                self.requests.insert(request.name.clone());
                self.methods.insert(request.method.as_str().to_owned());
                self.checks.extend(request.expect.iter().map(|expectation| expectation.name.clone()));
                self.checks.extend(request.capture.iter().map(Capture::check_name));
                self.tag(&request.tags);
            }
            Step::If { condition, .. } => self.condition(condition),
            Step::Loop(repeated) => {
                if let Some(Count::Computed(expression)) = &repeated.count {
                    self.condition(expression);
                }
                if let Some(List::Computed(expression)) = repeated.elements.as_ref().map(|all| &all.list) {
                    self.condition(expression);
                }
                repeated.condition.iter().for_each(|condition| self.condition(condition));
            }
            Step::Set(assignments) => {
                for assignment in assignments {
                    if let ValueSource::Expression(expression) = &assignment.source {
                        self.condition(expression);
                    }
                }
            }
            Step::Record { value, tags, .. } => {
                value.iter().for_each(|value| self.condition(value));
                self.tag(tags);
            }
            Step::Fail { message, condition } => {
                self.conditions.insert(fail_check(message));
                condition.iter().for_each(|condition| self.condition(condition));
            }
            Step::Abort { condition, .. } => {
                condition.iter().for_each(|condition| self.condition(condition));
            }
            Step::Group { .. }
            | Step::Repeated(_)
            | Step::Block(_)
            | Step::Parallel { .. }
            | Step::Think(_)
            | Step::Pace(_)
            | Step::Log(_) => {}
        }
    }
}

/// Name of the check that counts how often an expression could not be evaluated.
pub fn condition_check(expression: &Expression) -> String {
    format!("condition {}", expression.source())
}

/// Name of the check that counts how often a step failed its iteration.
pub fn fail_check(message: &str) -> String {
    format!("fail: {message}")
}

/// What only series of requests have, or what no response can.
fn out_of_place(tags: &Tags) -> Option<String> {
    let of_request = tags.request.is_some() && tags.request.as_deref() != Some(OVERFLOW);
    let has_answer = tags.status.is_some()
        || tags.method.is_some()
        || tags.error_code.is_some()
        || tags.expected_response.is_some();
    if has_answer && !of_request {
        return Some("an answer to no request".into());
    }
    if let Some(status) = tags.status.filter(|status| *status > HIGHEST_STATUS) {
        return Some(format!("status {status}"));
    }
    let code = tags.error_code.filter(|code| !ERROR_CODES.contains(code));
    code.map(|code| format!("error code {code}"))
}
