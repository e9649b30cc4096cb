//! Everything about a spec that must be right before a run, and what it compiles to.
//!
//! The schema checks of the API server are repeated on a spec that never went through it (a file, or
//! steps inside of steps, which schemas can't describe), so a test is accepted here exactly if it can run.

use upsurge_crds::v1alpha1::LoadTestSpec;

use crate::{
    field_error::{Errors, FieldError},
    plan::{PlanError, Timeline},
    scenario::ScenarioSet,
};

/// A spec that can be run, compiled.
#[derive(Clone, Debug)]
pub struct Valid {
    /// The load over time.
    pub timeline: Timeline,
    /// What users do.
    pub scenarios: ScenarioSet,
}

/// Validates and compiles a spec.
///
/// # Errors
/// All that is wrong, each with the path of its field.
pub fn validate(spec: &LoadTestSpec) -> Result<Valid, Vec<FieldError>> {
    let mut errors = Errors::default();
    let timeline = Timeline::compile(&spec.load).map_err(|error| errors.extend([plan_error(&error)])).ok();
    let scenarios = ScenarioSet::compile(spec).map_err(|wrong| errors.extend(wrong)).ok();
    match (timeline, scenarios) {
        (Some(timeline), Some(scenarios)) => errors.finish(Valid { timeline, scenarios }),
        _ => Err(errors.into_list()),
    }
}

fn plan_error(error: &PlanError) -> FieldError {
    let path = match error {
        PlanError::NotOnePattern => "spec.load",
        PlanError::DuplicateStage { .. } => "spec.load.stages",
        PlanError::NoDuration { field } | PlanError::NoLoad { field } => field,
    };
    FieldError { path: path.into(), message: error.to_string() }
}
