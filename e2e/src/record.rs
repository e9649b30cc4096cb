// SPDX-License-Identifier: Apache-2.0
//! What the operator has recorded of a run's workload. It is told nowhere yet, so the checkpoint is read, which no user does.

use std::{io::Read as _, time::Duration};

use anyhow::{Context as _, Result};
use flate2::read::ZlibDecoder;
use kube::api::ListParams;
use serde_json::Value;
use upsurge_crds::internal::Checkpoint;
use upsurge_figures::observation::{Event, Log};

use crate::{Context, wait};

/// Waits until this holds of the events of the only run of the namespace; returns them.
///
/// # Errors
/// When it does not in time.
pub async fn until(
    context: &Context,
    what: &str,
    limit: Duration,
    holds: impl Fn(&[Event]) -> bool,
) -> Result<Vec<Event>> {
    wait::eventually(what, limit, async || Ok(events(context).await?.filter(|events| holds(events)))).await
}

/// The events of the only run, if there is a record of it.
async fn events(context: &Context) -> Result<Option<Vec<Event>>> {
    let checkpoints = context.api::<Checkpoint>().list(&ListParams::default()).await?.items;
    let Some(checkpoint) = checkpoints.first() else { return Ok(None) };
    let mut plain = Vec::new();
    ZlibDecoder::new(checkpoint.spec.data.0.as_slice()).read_to_end(&mut plain)?;
    let mut all: Value = serde_json::from_slice(&plain)?;
    let Some(log) = all.pointer_mut("/record/workload/log") else { return Ok(None) };
    let log: Log = serde_json::from_value(log.take()).context("the record can't be read")?;
    Ok(Some(log.events().to_vec()))
}
