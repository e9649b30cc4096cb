//! From the mounted plan to a runner that is ready to start.

use std::{path::Path, sync::Arc, time::Duration};

use upsurge_core::{
    protocol::{PLAN_FILE, RunPlan},
    validate::{Valid, validate},
};
use upsurge_crds::{names::reasons, v1alpha1::LoadTestSpec};

use super::config::AgentConfig;
use crate::engine::{self, Unready};

/// Looks at the target before giving up: a Service's name and endpoints may be seconds old.
const PREFLIGHT_ATTEMPTS: u32 = 6;
/// Pause between two of them.
const PREFLIGHT_PAUSE: Duration = Duration::from_millis(500);

/// A run that can start.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Number of runners.
    pub(super) runners: u32,
    /// The spec.
    pub(super) test: Arc<LoadTestSpec>,
    /// What it compiles to.
    pub(super) valid: Arc<Valid>,
}

/// Reads and compiles the plan, and looks whether the target is there.
pub(super) async fn prepare(config: &AgentConfig) -> Result<Prepared, Unready> {
    let prepared = compile(config)?;
    for attempt in 1.. {
        match engine::preflight(&prepared.test).await {
            Ok(()) => break,
            Err(unready) if attempt == PREFLIGHT_ATTEMPTS || unready.reason == reasons::INVALID_SPEC => {
                return Err(unready);
            }
            Err(unready) => {
                tracing::info!(
                    attempt,
                    reason = unready.reason,
                    message = unready.message,
                    "target is not ready"
                );
                tokio::time::sleep(PREFLIGHT_PAUSE).await;
            }
        }
    }
    Ok(prepared)
}

fn compile(config: &AgentConfig) -> Result<Prepared, Unready> {
    let failed = |message: String| Unready { reason: reasons::RUNNER_FAILED, message };
    let path = config.plan_directory.join(PLAN_FILE);
    let plan = read(&path).map_err(|error| failed(format!("plan {}: {error}", path.display())))?;
    if plan.namespace != config.namespace || plan.run != config.run {
        let (found, expected) =
            (format!("{}/{}", plan.namespace, plan.run), format!("{}/{}", config.namespace, config.run));
        return Err(failed(format!("plan {} is that of run {found}, not of {expected}", path.display())));
    }
    let invalid = |message: String| Unready { reason: reasons::INVALID_SPEC, message };
    let valid = validate(&plan.test)
        .map_err(|errors| invalid(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let (test, valid) = (Arc::new(plan.test), Arc::new(valid));
    engine::check(&valid, &test, &config.secrets).map_err(|error| invalid(error.to_string()))?;
    Ok(Prepared { runners: plan.runners, test, valid })
}

fn read(path: &Path) -> Result<RunPlan, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
