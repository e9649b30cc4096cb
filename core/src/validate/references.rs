// SPDX-License-Identifier: Apache-2.0
//! Names that one part of a spec uses for another: stages, scenarios, requests, groups, checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use upsurge_crds::{
    v1alpha1::{LoadTestSpec, MetricType, Threshold, ThresholdSelector},
    words,
};

use crate::{
    field_error::Errors,
    metrics::{
        Catalog,
        names::{self, Kind},
    },
    plan::Timeline,
    scenario::{self, ScenarioSet, Step},
    suggest::{meant, question},
    thresholds::{Rule, RuleError, Target},
};

/// Shortest window of a threshold: figures are recorded once per second.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// Most thresholds with a window: the samples of each window that is open are kept.
const MOST_WINDOWED: usize = 20;

pub(super) fn check(spec: &LoadTestSpec, timeline: &Timeline, scenarios: &ScenarioSet, errors: &mut Errors) {
    let known = Known::new(spec, timeline, scenarios);
    let catalog = Catalog::new(&spec.metrics);
    check_metrics(spec, errors);
    for (index, threshold) in spec.thresholds.iter().enumerate() {
        known.check_threshold(threshold, catalog, &format!("spec.thresholds[{index}]"), errors);
    }
    let windowed = spec.thresholds.iter().filter(|threshold| threshold.window.is_some()).count();
    if windowed > MOST_WINDOWED {
        errors.add(
            "spec.thresholds",
            format_args!("{windowed} thresholds have a window; at most {MOST_WINDOWED} may"),
        );
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

fn check_metrics(spec: &LoadTestSpec, errors: &mut Errors) {
    for (index, metric) in spec.metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        if names::kind_of(&metric.name).is_some() {
            errors.add(
                format_args!("{path}.name"),
                format_args!("{:?} is a built-in metric: choose another name", metric.name),
            );
        }
        let mut earlier = spec.metrics.iter().take(index);
        if earlier.any(|other| other.name == metric.name) {
            errors.add(
                format_args!("{path}.name"),
                format_args!("another metric is named {:?} too", metric.name),
            );
        }
        if metric.time && metric.type_ != MetricType::Trend {
            errors.add(format_args!("{path}.time"), "only a metric of type Trend holds times");
        }
    }
}

/// Seconds are judged one by one, and not compared with anything else.
fn check_availability(threshold: &Threshold, target: &Target, path: &str, errors: &mut Errors) {
    let is_one = target.metric == names::AVAILABILITY;
    let reference = threshold.ratio_to.as_ref().and_then(|reference| reference.metric.as_deref());
    if threshold.min_succeeded_percent.is_some() && !is_one {
        errors.add(format_args!("{path}.minSucceededPercent"), "belongs to the metric availability");
    }
    if is_one && threshold.window.is_some() {
        let message = "does not go with availability, which looks at each second by itself";
        errors.add(format_args!("{path}.window"), message);
    }
    let referred = reference.is_some_and(|metric| metric.starts_with(names::AVAILABILITY));
    if threshold.ratio_to.is_some() && (is_one || referred) {
        errors.add(format_args!("{path}.ratioTo"), "does not go with availability, which is a share already");
    }
}

/// All tags that the test gives to anything.
fn tags<'a>(spec: &'a LoadTestSpec, set: &'a ScenarioSet) -> BTreeSet<(&'a str, &'a str)> {
    let executors = spec.load.executors.iter().flatten();
    let mut all: Vec<&BTreeMap<String, String>> = executors.map(|executor| &executor.tags).collect();
    all.push(&spec.tags);
    for scenario in &set.scenarios {
        all.push(&scenario.tags);
        scenario.visit(&mut |step| match step {
            Step::Request(request) => all.push(&request.tags),
            Step::Record { tags, .. } => all.push(tags),
            _ => {}
        });
    }
    all.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Names that can be referred to.
struct Known<'a> {
    stages: BTreeSet<&'a str>,
    scenarios: BTreeSet<&'a str>,
    requests: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
    checks: BTreeSet<String>,
    tags: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Known<'a> {
    fn new(spec: &'a LoadTestSpec, timeline: &'a Timeline, set: &'a ScenarioSet) -> Self {
        let requests: Vec<_> = set.requests().map(|(_, request)| request).collect();
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
            tags: tags(spec, set),
        }
    }

    fn check_threshold(&self, threshold: &Threshold, catalog: Catalog<'_>, path: &str, errors: &mut Errors) {
        let field = format!("{path}.metric");
        let target = self.check_target(&threshold.metric, threshold.selector.as_ref(), catalog, path, errors);
        let Some(target) = target else { return };
        if let Some(reference) = &threshold.ratio_to {
            let path = format!("{path}.ratioTo");
            let metric = reference.metric.as_deref().unwrap_or(&target.metric);
            if self.check_target(metric, reference.selector.as_ref(), catalog, &path, errors).is_none() {
                return;
            }
        }
        match Rule::compile(threshold, catalog) {
            Ok(rule) => {
                let is_share = rule.definition.kind == Kind::Rate && threshold.ratio_to.is_none();
                let idle = rule.condition.idle_on_share(&threshold.condition).filter(|_| is_share);
                idle.into_iter().for_each(|idle| errors.add(format_args!("{path}.condition"), idle));
            }
            Err(error @ RuleError::Condition(_)) => errors.add(format_args!("{path}.condition"), error),
            Err(error @ RuleError::Reference { .. }) => errors.add(format_args!("{path}.ratioTo"), error),
            Err(error @ RuleError::Target(_)) => errors.add(field, error),
        }
        check_availability(threshold, &target, path, errors);
        let Some(window) = threshold.window else { return };
        let field = format!("{path}.window");
        if window.0 < SHORTEST_WINDOW {
            errors.add(field, format_args!("a window lasts at least 1s, not {window}"));
        } else if catalog.get(&target.metric).is_some_and(|known| known.kind == Kind::Gauge) {
            errors.add(field, "a gauge is a current value: it has no windows");
        }
    }

    /// Checks a metric and its selector; `None` if it is not there.
    fn check_target(
        &self,
        metric: &str,
        selector: Option<&ThresholdSelector>,
        catalog: Catalog<'_>,
        path: &str,
        errors: &mut Errors,
    ) -> Option<Target> {
        let field = format!("{path}.metric");
        let target = Target::new(metric, selector).map_err(|error| errors.add(&field, error)).ok()?;
        if catalog.get(&target.metric).is_none() {
            let names: Vec<&str> = catalog.names().collect();
            let known = match meant(&target.metric, names.iter().copied()) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("there are {}", names.join(", ")),
            };
            errors.add(&field, format_args!("unknown metric {:?}; {known}", target.metric));
            return None;
        }
        if target.is_part() && [names::VUS, names::VUS_MAX].contains(&&*target.metric) {
            let message = format_args!("{} is of the whole run: it has no parts to select", target.metric);
            errors.add(format_args!("{path}.selector"), message);
            return None;
        }
        self.check_selector(&target.selector, &target.metric, &format!("{path}.selector"), errors);
        Some(target)
    }

    fn check_selector(&self, selector: &ThresholdSelector, metric: &str, path: &str, errors: &mut Errors) {
        let known = |tag: (&String, &String)| self.tags.contains(&(tag.0.as_str(), tag.1.as_str()));
        for (name, value) in selector.tags.iter().filter(|tag| !known(*tag)) {
            let there_are: Vec<String> =
                self.tags.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            let there_are = match there_are.as_slice() {
                [] => "the test has no tags".into(),
                tags => format!("there are {}", tags.join(", ")),
            };
            errors.add(format_args!("{path}.tags"), format_args!("no tag {name}:{value}; {there_are}"));
        }
        let of_responses = metric.starts_with("http_req");
        let asked = [
            ("status", selector.status.is_some()),
            ("method", selector.method.is_some()),
            ("expectedResponse", selector.expected_response.is_some()),
            ("errorCode", selector.error_code.is_some()),
        ];
        for (field, _) in asked.into_iter().filter(|(_, asked)| *asked && !of_responses) {
            errors.add(format_args!("{path}.{field}"), "belongs to metrics of requests (http_req…) only");
        }
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
        let path = format!("{path}.{kind}");
        if let Some(said) = words::now(&path, &Value::from(name.as_str())) {
            errors.add(path, said);
            return;
        }
        let list = known.iter().copied().collect::<Vec<_>>().join(", ");
        let known = if list.is_empty() {
            format!("the test has no {kind}s")
        } else {
            format!("there are {list}{}", question(name, known.iter().copied()))
        };
        errors.add(path, format_args!("no {kind} is named {name:?}; {known}"));
    }
}
