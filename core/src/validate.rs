// SPDX-License-Identifier: Apache-2.0
//! Everything about a spec that must be right before a run, and what it compiles to.
//!
//! The schema checks of the API server are repeated on a spec that never went through it (a file, or
//! steps inside of steps, which schemas can't describe), so a test is accepted here exactly if it can run.

mod doubtful;
mod outputs;
mod record;
mod references;
mod schema;
mod starts;
mod usage;
mod workload;

use std::collections::BTreeSet;

use http::Uri;
use serde_json::Value;
use upsurge_crds::{
    read::{self, Unreadable},
    v1alpha1::LoadTestSpec,
};

pub use self::{doubtful::doubtful, schema::check_spec, starts::check_starts};
use crate::{
    epochs,
    field_error::{Errors, FieldError},
    files,
    http::{self as http_settings, HttpSettings},
    plan::{LoadPlan, Plan, Timeline},
    pod::{self, PodParts},
    scenario::ScenarioSet,
    single,
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
    workload::check_demand(spec, &timeline, &mut errors);
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
    // What the schema says of it is enough.
    if (!valid || port.is_err()) && !errors.has("spec.target.baseURL") {
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
        let names = prometheus.series.iter().map(|series| &series.name);
        check_names("series", "spec.prometheus.series", names, errors);
        if prometheus.checks.is_empty() && prometheus.series.is_empty() {
            errors.add("spec.prometheus", "needs checks or series");
        }
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
    record::check(spec.record.as_ref(), errors);
    usage::check(spec, errors);
    let names = spec.target.workloads.iter().map(|workload| &workload.name);
    check_names("workload", "spec.target.workloads", names, errors);
    for (index, workload) in spec.target.workloads.iter().enumerate() {
        workload::check(workload, spec, &format!("spec.target.workloads[{index}]"), errors);
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
