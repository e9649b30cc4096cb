//! Names that one part of a spec uses for another: stages, scenarios, requests, groups, checks.

use std::collections::BTreeSet;

use upsurge_crds::v1alpha1::{LoadTestSpec, ThresholdSelector};

use crate::{
    field_error::Errors,
    metrics::names,
    plan::Timeline,
    scenario::{self, ScenarioSet},
    thresholds::Condition,
};

pub(super) fn check(spec: &LoadTestSpec, timeline: &Timeline, scenarios: &ScenarioSet, errors: &mut Errors) {
    let known = Known::new(timeline, scenarios);
    for (index, threshold) in spec.thresholds.iter().enumerate() {
        let path = format!("spec.thresholds[{index}]");
        if names::kind_of(&threshold.metric).is_none() {
            let message =
                format_args!("unknown metric {:?}; there are {}", threshold.metric, names::ALL.join(", "));
            errors.add(format_args!("{path}.metric"), message);
        } else {
            let condition = Condition::for_metric(&threshold.condition, &threshold.metric);
            errors.check(format_args!("{path}.condition"), condition);
        }
        if let Some(selector) = &threshold.selector {
            known.check_selector(selector, &threshold.metric, &format!("{path}.selector"), errors);
        }
    }
    let checks = spec.prometheus.iter().flat_map(|prometheus| &prometheus.checks);
    for (index, check) in checks.enumerate() {
        known.check_one(
            "stage",
            &check.stage,
            &known.stages,
            &format!("spec.prometheus.checks[{index}]"),
            errors,
        );
    }
}

/// Names that can be referred to.
struct Known<'a> {
    stages: BTreeSet<&'a str>,
    scenarios: BTreeSet<&'a str>,
    requests: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
    checks: BTreeSet<String>,
}

impl<'a> Known<'a> {
    fn new(timeline: &'a Timeline, set: &'a ScenarioSet) -> Self {
        let requests: Vec<_> =
            set.scenarios.iter().flat_map(|scenario| scenario::requests(&scenario.steps)).collect();
        let checks = requests.iter().flat_map(|request| {
            let captures = request.capture.iter().map(scenario::Capture::check_name);
            request.expect.iter().map(|expectation| expectation.name.clone()).chain(captures)
        });
        Self {
            stages: timeline.stages.iter().map(|stage| stage.name.as_str()).collect(),
            scenarios: set.scenarios.iter().map(|scenario| scenario.name.as_str()).collect(),
            checks: checks.collect(),
            requests: requests.iter().map(|request| request.name.as_str()).collect(),
            groups: set.groups().into_iter().collect(),
        }
    }

    fn check_selector(&self, selector: &ThresholdSelector, metric: &str, path: &str, errors: &mut Errors) {
        self.check_one("stage", &selector.stage, &self.stages, path, errors);
        self.check_one("scenario", &selector.scenario, &self.scenarios, path, errors);
        self.check_one("request", &selector.request, &self.requests, path, errors);
        self.check_one("group", &selector.group, &self.groups, path, errors);
        if selector.check.is_some() && metric != names::CHECKS {
            errors.add(format_args!("{path}.check"), "belongs to the metric checks only");
        } else {
            let checks = self.checks.iter().map(String::as_str).collect();
            self.check_one("check", &selector.check, &checks, path, errors);
        }
    }

    fn check_one(
        &self,
        kind: &str,
        name: &Option<String>,
        known: &BTreeSet<&str>,
        path: &str,
        errors: &mut Errors,
    ) {
        let Some(name) = name else { return };
        if known.contains(name.as_str()) {
            return;
        }
        let list = known.iter().copied().collect::<Vec<_>>().join(", ");
        let known =
            if list.is_empty() { format!("the test has no {kind}s") } else { format!("there are {list}") };
        errors.add(format_args!("{path}.{kind}"), format_args!("no {kind} is named {name:?}; {known}"));
    }
}
