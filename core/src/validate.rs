// SPDX-License-Identifier: Apache-2.0
//! Everything about a spec that must be right before a run, and what it compiles to.
//!
//! The schema checks of the API server are repeated on a spec that never went through it (a file, or
//! steps inside of steps, which schemas can't describe), so a test is accepted here exactly if it can run.

mod outputs;
mod references;
mod resource;
mod schema;
mod starts;
mod usage;

use std::collections::BTreeSet;

use http::Uri;
use serde_json::Value;
use upsurge_crds::{
    read::{self, Unreadable},
    v1alpha1::{AutoscalingExpectations, LoadTestSpec, Quantity, Workload},
};

pub(crate) use self::resource::{check_marks, check_subdomain, is_dns_label};
pub use self::{resource::check_resource, schema::check_spec, starts::check_starts};
use crate::{
    autoscaling, epochs,
    field_error::{Errors, FieldError},
    files,
    http::{self as http_settings, HttpSettings},
    metrics::Catalog,
    plan::{LoadPlan, Plan, Timeline},
    pod::{self, PodParts},
    scenario::ScenarioSet,
    single,
    thresholds::is_told_by_seconds,
};

/// A spec that can be run, compiled.
#[derive(Clone, Debug)]
pub struct Valid {
    /// The load over time: all loads together, as thresholds and results see them.
    pub timeline: Timeline,
    /// Each load as the engine carries it out.
    pub loads: Vec<LoadPlan>,
    /// What users do.
    pub scenarios: ScenarioSet,
    /// How connections are made and kept.
    pub http: HttpSettings,
    /// What is added to the runner pods.
    pub pod: PodParts,
}

/// Validates and compiles a spec.
///
/// # Errors
/// All that is wrong, each with the path of its field.
pub fn validate(spec: &LoadTestSpec) -> Result<Valid, Vec<FieldError>> {
    let mut errors = Errors::default();
    match serde_json::to_value(spec) {
        Ok(raw) => errors.extend(check_spec(&raw)),
        Err(error) => errors.add("spec", error),
    }
    // What the schema refuses can't be read as what it is, and would be told twice.
    let pod = if errors.is_wrong("spec.runner") {
        None
    } else {
        pod::compile(&spec.runner).map_err(|wrong| errors.extend(wrong)).ok()
    };
    check_whole(spec, &mut errors);
    starts::check(spec, &mut errors);
    epochs::check(spec, &mut errors);
    files::check(spec, &mut errors);
    let names = spec.scenarios.iter().flatten().map(|scenario| scenario.name.as_str());
    let names: Vec<&str> = names.collect();
    let plan = Plan::compile(&spec.load, &names).map_err(|wrong| errors.extend(wrong)).ok();
    let mut scenarios = ScenarioSet::compile(spec).map_err(|wrong| errors.extend(wrong)).ok();
    scenarios.iter_mut().for_each(|set| single::prepare(spec, set, &mut errors));
    let http = http_settings::compile(spec).map_err(|wrong| errors.extend(wrong)).ok();
    let (Some(Plan { timeline, loads }), Some(scenarios), Some(http)) = (plan, scenarios, http) else {
        return Err(errors.into_list());
    };
    references::check(spec, &timeline, &scenarios, &mut errors);
    check_demand(spec, &timeline, &mut errors);
    errors.finish(Valid { timeline, loads, scenarios, http, pod: pod.unwrap_or_default() })
}

/// Reads a raw spec strictly: unknown fields are errors wherever they are.
///
/// # Errors
/// All that the schema refuses, or what can't be read, with the path of the field.
pub fn read_spec(raw: &Value) -> Result<LoadTestSpec, Vec<FieldError>> {
    let errors = check_spec(raw);
    if !errors.is_empty() {
        return Err(errors);
    }
    read::spec(raw).map_err(|Unreadable { path, message }| {
        let path = if path.is_empty() { "spec".into() } else { format!("spec.{path}") };
        vec![FieldError { path, message }]
    })
}

fn check_whole(spec: &LoadTestSpec, errors: &mut Errors) {
    if spec.scenarios.is_none() {
        errors.add("spec", "spec needs scenarios");
    }
    let base = spec.target.base_url.parse::<Uri>();
    let valid = base.as_ref().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    let port = base.as_ref().ok().and_then(Uri::authority).map(http_settings::written_port).transpose();
    if !valid || port.is_err() {
        let why = match (base, port) {
            (Err(error), _) => error.to_string(),
            (_, Err(error)) => error.to_string(),
            _ => "it needs http:// or https://, a host and no query".into(),
        };
        errors.add(
            "spec.target.baseURL",
            format_args!(
                "{:?} can't be used as base URL: {why}",
                http_settings::without_login(&spec.target.base_url)
            ),
        );
    }
    check_names("secret", "spec.secrets", spec.secrets.iter().map(|secret| &secret.name), errors);
    if let Some(prometheus) = &spec.prometheus {
        if prometheus.server.is_some() == prometheus.url.is_some() {
            errors.add("spec.prometheus", "needs exactly one of server and url");
        }
        let names = prometheus.checks.iter().map(|check| &check.name);
        check_names("check", "spec.prometheus.checks", names, errors);
        let names = prometheus.headers.iter().map(|header| &header.name);
        check_names("header", "spec.prometheus.headers", names, errors);
        if prometheus.url.is_none() && !prometheus.headers.is_empty() {
            errors.add(
                "spec.prometheus.headers",
                "belong to url; what a server of the platform needs, its policy says",
            );
        }
    }
    outputs::check(&spec.outputs, errors);
    usage::check(spec, errors);
    for (index, workload) in spec.target.workloads.iter().enumerate() {
        check_workload(workload, spec, &format!("spec.target.workloads[{index}]"), errors);
    }
}

/// The API server knows the entries of these lists by their names.
fn check_names<'a>(what: &str, list: &str, names: impl Iterator<Item = &'a String>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        // Names of headers are the same in any case.
        let same = if what == "header" { name.to_ascii_lowercase() } else { name.clone() };
        if !seen.insert(same) {
            errors.add(
                format_args!("{list}[{index}].name"),
                format_args!("another {what} is named {name:?} too"),
            );
        }
    }
}

fn check_workload(workload: &Workload, spec: &LoadTestSpec, path: &str, errors: &mut Errors) {
    let highest = Quantity::whole(Quantity::HIGHEST_LEVEL);
    if let Some(capacity) = workload.capacity_per_replica.filter(|one| *one <= 0.into() || *one > highest) {
        errors.add(
            format_args!("{path}.capacityPerReplica"),
            format_args!("must be above 0 and at most {highest}, not {capacity}"),
        );
    }
    let Some(expected) = &workload.expect else { return };
    if let (Some(fewest), Some(most)) = (expected.min_peak_replicas, expected.max_peak_replicas)
        && fewest > most
    {
        errors.add(
            format_args!("{path}.expect.minPeakReplicas"),
            format_args!("{fewest} is more than maxPeakReplicas {most}"),
        );
    }
    for field in by_demand(expected) {
        if workload.capacity_per_replica.is_none() {
            let advice = autoscaling::advice(workload, &spec.target.base_url);
            errors.add(
                format_args!("{path}.expect.{field}"),
                format_args!("needs capacityPerReplica: {advice}"),
            );
        }
    }
    let catalog = Catalog::new(&spec.metrics);
    let is_told = spec.thresholds.iter().any(|threshold| is_told_by_seconds(threshold, catalog));
    if expected.recover_within.is_some() && !is_told {
        errors.add(
            format_args!("{path}.expect.recoverWithin"),
            "needs a threshold on http_req_duration or http_req_failed that selects nothing, or a stage only: it is what \
             the target recovers to",
        );
    }
}

/// What is expected that needs a demand.
fn by_demand(expected: &AutoscalingExpectations) -> impl Iterator<Item = &'static str> {
    let fields = [
        ("maxOvershootPercent", expected.max_overshoot_percent.is_some()),
        ("maxUnderProvisionedPercent", expected.max_under_provisioned_percent.is_some()),
        ("maxOverProvisionedPercent", expected.max_over_provisioned_percent.is_some()),
        ("maxSettlingTime", expected.max_settling_time.is_some()),
    ];
    fields.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field)
}

/// A capacity is of users or of iterations per second, and no load of both at once can be held against it.
fn check_demand(spec: &LoadTestSpec, timeline: &Timeline, errors: &mut Errors) {
    if !autoscaling::mixes_units(timeline) {
        return;
    }
    for (index, workload) in spec.target.workloads.iter().enumerate() {
        for field in workload.expect.iter().flat_map(by_demand) {
            errors.add(
                format_args!("spec.target.workloads[{index}].expect.{field}"),
                "needs a load of users or of iterations per second: this one counts both at once, and \
                 capacityPerReplica can't be held against their sum",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::without_a_capacity(json!({"maxSettlingTime": "5m"}), None, Some("maxSettlingTime"))]
    #[case::with_one(json!({"maxSettlingTime": "5m", "maxOvershootPercent": 5}), Some(50), None)]
    #[case::recovery_without_a_threshold(json!({"recoverWithin": "1m"}), Some(50), Some("recoverWithin"))]
    #[case::what_needs_none(json!({"maxDirectionChanges": 2, "maxFailedRequestsWhileScalingDown": 0}), None, None)]
    fn an_expectation_that_can_never_be_judged_is_refused(
        #[case] expect: Value,
        #[case] capacity: Option<i32>,
        #[case] refused: Option<&str>,
    ) {
        let mut workload = json!({"name": "checkout", "expect": expect});
        if let Some(capacity) = capacity {
            workload["capacityPerReplica"] = capacity.into();
        }
        let mut spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [workload]},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}
        });
        let paths = |spec: &Value| -> Vec<String> {
            let spec = serde_json::from_value(spec.clone()).unwrap();
            validate(&spec).err().unwrap_or_default().into_iter().map(|error| error.path).collect()
        };
        let expected: Vec<String> =
            refused.iter().map(|field| format!("spec.target.workloads[0].expect.{field}")).collect();
        assert_eq!(paths(&spec), expected);
        spec["thresholds"] = json!([{"metric": "http_req_failed", "condition": "rate < 1%"}]);
        assert_eq!(paths(&spec).is_empty(), refused != Some("maxSettlingTime"));
    }

    #[rstest]
    #[case::both(json!({"constantArrivalRate": {"rate": 20, "duration": "1m", "preAllocatedVUs": 9}}), true)]
    #[case::users(json!({"constantVUs": {"vus": 3, "duration": "1m"}}), false)]
    fn users_and_arrival_rates_have_no_demand_together(#[case] second: Value, #[case] is_refused: bool) {
        let mut second = second;
        second["name"] = "b".into();
        let spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [
                {"name": "checkout", "capacityPerReplica": 10, "expect": {"maxSettlingTime": "5m", "scaleUpWithin": "1m"}}
            ]},
            "scenarios": [{"name": "s", "steps": [{"request": {"url": "/"}}]}],
            "load": {"executors": [{"name": "a", "constantVUs": {"vus": 5, "duration": "1m"}}, second]}
        });
        let refused = validate(&serde_json::from_value(spec).unwrap()).err().unwrap_or_default();
        let paths: Vec<&str> = refused.iter().map(|error| error.path.as_str()).collect();
        let expected = ["spec.target.workloads[0].expect.maxSettlingTime"];
        assert_eq!(paths, &expected[..usize::from(is_refused)]);
    }
}
