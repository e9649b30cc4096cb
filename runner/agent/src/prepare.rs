//! From the mounted plan to a runner that is ready to start.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use upsurge_core::{
    files::references,
    protocol::{PLAN_FILE, RunPlan},
    validate::{Valid, validate},
};
use upsurge_crds::{names::reasons, v1alpha1::LoadTestSpec};
use upsurge_engine::{self as engine, Unready};
use upsurge_system::files::{FileError, Files, Places};

use super::config::AgentConfig;

/// Looks at the target before giving up: a Service's name and endpoints may be seconds old.
const PREFLIGHT_ATTEMPTS: u32 = 6;
/// Pause between two of them.
const PREFLIGHT_PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for files: a little more than the time between two looks of a kubelet.
const LONGEST_FILE_WAIT: Duration = Duration::from_secs(90);
/// The wait ends early enough within the deadline of the preparation for its reason to be told.
const FILE_WAIT_SHARE: f64 = 0.5;
/// Pause between two looks for files.
const FILE_PAUSE: Duration = Duration::from_millis(500);

/// A run that can start.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Number of runners.
    pub(super) runners: u32,
    /// The spec.
    pub(super) test: Arc<LoadTestSpec>,
    /// What it compiles to.
    pub(super) valid: Arc<Valid>,
    /// Contents of its files.
    pub(super) files: Arc<Files>,
}

/// Reads and compiles the plan, and looks whether the target is there.
pub(super) async fn prepare(config: &AgentConfig) -> Result<Prepared, Unready> {
    let prepared = compile(config).await?;
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

async fn compile(config: &AgentConfig) -> Result<Prepared, Unready> {
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
    let files = files(config, &test).await?;
    engine::check(&valid, &test, &config.secrets, &files).map_err(|error| invalid(error.to_string()))?;
    Ok(Prepared { runners: plan.runners, test, valid, files })
}

/// Reads the files. A ConfigMap that was applied right after its test is mounted when the kubelet next looks,
/// so that a file which is not there yet is waited for.
async fn files(config: &AgentConfig, test: &LoadTestSpec) -> Result<Arc<Files>, Unready> {
    let references = references(test);
    let places = Places { directory: Some(config.files_directory.clone()), ..Places::default() };
    let patience = LONGEST_FILE_WAIT.min(test.deadlines.prepare.0.mul_f64(FILE_WAIT_SHARE));
    let begun = Instant::now();
    loop {
        match Files::load(&references, &places) {
            Ok(files) => return Ok(Arc::new(files)),
            Err(FileError::Missing { .. }) if begun.elapsed() < patience => {
                tokio::time::sleep(FILE_PAUSE).await;
            }
            Err(FileError::Missing { id, field, .. }) => {
                let message = format!("{field}: {id} does not exist in namespace {}", config.namespace);
                return Err(Unready { reason: reasons::FILE_NOT_FOUND, message });
            }
            Err(error) => {
                return Err(Unready { reason: reasons::RUNNER_FAILED, message: error.to_string() });
            }
        }
    }
}

fn read(path: &Path) -> Result<RunPlan, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
