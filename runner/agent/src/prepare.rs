// SPDX-License-Identifier: Apache-2.0
//! From the plan to a runner that is ready to start.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use upsurge_core::{
    files::references,
    protocol::RunPlan,
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
    /// Number of the epoch.
    pub(super) epoch: u32,
    /// Whether another one may follow.
    pub(super) more: bool,
}

/// Compiles the plan, and looks whether the target is there. It was at the first epoch: one that is gone after that is what
/// the load did to it, which the next epoch is to find out.
pub(super) async fn prepare(config: &AgentConfig, plan: RunPlan) -> Result<Prepared, Unready> {
    let prepared = compile(config, plan).await?;
    if prepared.epoch > 1 {
        return Ok(prepared);
    }
    for attempt in 1.. {
        match engine::preflight(&prepared.test, &prepared.valid.http.reach).await {
            Ok(()) => break,
            Err(unready) if attempt == PREFLIGHT_ATTEMPTS || is_final(unready.reason) => {
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

/// Whether looking again is of no use.
fn is_final(reason: &str) -> bool {
    matches!(reason, reasons::INVALID_SPEC | reasons::POLICY_VIOLATION)
}

async fn compile(config: &AgentConfig, plan: RunPlan) -> Result<Prepared, Unready> {
    let failed = |message: String| Unready { reason: reasons::RUNNER_FAILED, message };
    if plan.namespace != config.namespace || plan.run != config.run {
        let (found, expected) =
            (format!("{}/{}", plan.namespace, plan.run), format!("{}/{}", config.namespace, config.run));
        let message = format!("the collector gave the plan of run {found}, not of {expected}");
        return Err(failed(message));
    }
    let invalid = |message: String| Unready { reason: reasons::INVALID_SPEC, message };
    let mut valid = validate(&plan.test)
        .map_err(|errors| invalid(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    // A policy that can't be read must not be taken for none.
    valid.http.reach =
        plan.reach.compile().map_err(|error| failed(format!("the plan's policy can't be read: {error}")))?;
    let RunPlan { runners, test, epoch, more, .. } = plan;
    let (test, valid) = (Arc::new(test.into_spec()), Arc::new(valid));
    if !test.outputs.is_empty() {
        // Read now: it takes long enough to be late for the start.
        let _ = upsurge_http::tls::roots();
    }
    let files = files(config, &test).await?;
    engine::check(&valid, &test, &config.secrets, &files).map_err(|error| invalid(error.to_string()))?;
    Ok(Prepared { runners, test, valid, files, epoch, more })
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
