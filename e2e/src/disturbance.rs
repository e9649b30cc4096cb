// SPDX-License-Identifier: Apache-2.0
//! Runs whose load could not be generated.
//!
//! A generator that the machine makes late says so instead of judging the target, as it should. A test about
//! something else can't go on then, and is begun anew.

use anyhow::Result;
use kube::{ResourceExt, api::ListParams};
use upsurge_crds::{LoadTestRun, names::reasons};

use crate::{Context, api::status};

/// What a run says that could not generate its load as asked.
///
/// # Errors
/// When the API server does not answer.
pub async fn limited(context: &Context) -> Result<Option<String>> {
    let runs = context.api::<LoadTestRun>().list(&ListParams::default()).await?.items;
    Ok(runs.into_iter().find_map(|run| {
        let status = status(&run);
        let limited = status.reason.as_deref() == Some(reasons::GENERATOR_LIMITED);
        limited.then(|| format!("{}: {}", run.name_any(), status.message.unwrap_or_default()))
    }))
}
