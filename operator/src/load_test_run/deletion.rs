// SPDX-License-Identifier: Apache-2.0
//! Ends a run that was deleted, once it has put back what it had set at its target. Until then its finalizer keeps it.
//!
//! That goes for a run that this operator can't read, too, such as one that a newer operator has left: nothing else would ever take the
//! finalizer away, and its namespace could not be deleted. All that it takes is in `status.pinning`.

use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject, error_boundary::InvalidObject},
};
use serde_json::{Value, json};
use tracing::warn;
use upsurge_crds::LoadTestRun;

use super::{
    Done, Error, LOOKS, NEXT_LOOK, UNSURE,
    carry_out::{self, Carried, carry_out},
    decide, done, last, observe, pinning,
    runs::Runs,
};

/// Takes a run that can't be read towards its end, if it was deleted. Otherwise there is nothing to be done for it.
pub(super) async fn unread(invalid: &InvalidObject, runs: &Runs) -> Result<Done, Error> {
    let known = json!({"metadata": invalid.metadata, "spec": {"loadTestRef": {"name": ""}}});
    match serde_json::from_value::<LoadTestRun>(known) {
        Ok(known) if known.metadata.deletion_timestamp.is_some() && pinning::is_kept(&known) => {
            deleted(&known, runs).await
        }
        _ => Err(Error::Invalid(Box::new(invalid.clone()))),
    }
}

/// Takes a run that was deleted towards its end.
pub(super) async fn deleted(cached: &LoadTestRun, runs: &Runs) -> Result<Done, Error> {
    if !pinning::is_kept(cached) {
        return last(runs, cached, decide::gone(cached)).await;
    }
    let (mut refusal, mut put_back, mut conflicts) = (None, Vec::new(), pinning::Conflicts::default());
    for _ in 0..LOOKS {
        let Some(run) = read(&runs.context.client, cached).await? else {
            return last(runs, cached, decide::gone(cached)).await;
        };
        let scaler = observe::noted_scaler(runs, &run).await?;
        for pinning::Hidden { object, why } in scaler.iter().flat_map(|scaler| &scaler.hidden) {
            warn!(
                kind = object.kind,
                name = object.name,
                reason = why,
                "what a deleted run had set can't be seen"
            );
        }
        let (led_for, now) = (runs.context.fence.led_for(), Timestamp::now());
        let decision = decide::deleted(&run, scaler.as_ref(), refusal.take().as_ref(), led_for, now);
        if let Some(cause) = decide::undone(&decision, &put_back) {
            warn!(reason = cause.message(), "what a deleted run has put back was undone");
            refusal = Some(cause);
            continue;
        }
        match carry_out(runs, &run, None, &decision).await {
            Ok(Carried::Out) => {
                put_back.extend(decision.changes().iter().map(|change| change.to.clone()));
                if let Some(done) = done(decision.look) {
                    return Ok(done);
                }
            }
            Ok(Carried::Refused(cause)) => {
                warn!(
                    reason = cause.message(),
                    "the API server does not let a deleted run put back what it had set"
                );
                refusal = Some(cause);
            }
            Ok(other) => {
                warn!(?other, "failed to put back what the run had set; trying again");
                return Ok(Done::Again(UNSURE));
            }
            Err(carry_out::Error::Pin(error @ pinning::Error::Conflict { .. })) => {
                refusal = conflicts.met(&error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Done::Again(NEXT_LOOK))
}

/// Reads a run as it is now, as far as this operator can; `None` if it is gone.
async fn read(client: &Client, cached: &LoadTestRun) -> Result<Option<LoadTestRun>, Error> {
    let resource = ApiResource::erase::<LoadTestRun>(&());
    let namespace = cached.namespace().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let failed = |source| observe::Error::Read { what: "the run", source: Box::new(source) };
    let found = api.get_opt(&cached.name_any()).await.map_err(failed)?;
    let found = found.filter(|run| run.metadata.uid == cached.metadata.uid);
    let run = found.map(|run| as_far_as_known(&run)).transpose();
    Ok(run.map_err(kube::Error::SerdeError).map_err(failed)?)
}

/// A run with all that can be read of it; of one that can't be read as a whole, with what it takes to put back what it has set.
fn as_far_as_known(run: &DynamicObject) -> Result<LoadTestRun, serde_json::Error> {
    let whole = serde_json::to_value(run)?;
    if let Ok(run) = serde_json::from_value(whole.clone()) {
        return Ok(run);
    }
    let part = |pointer: &str| whole.pointer(pointer).cloned().unwrap_or_default();
    let mut pinning = part("/status/pinning");
    if let Some(fields) = pinning.as_object_mut() {
        // A verdict is of no more use to a run that goes.
        fields.remove("outcome");
    }
    let test_name = whole.pointer("/spec/loadTestRef/name").and_then(Value::as_str).unwrap_or_default();
    serde_json::from_value(json!({
        "metadata": run.metadata,
        "spec": {"loadTestRef": {"name": test_name}, "test": part("/spec/test")},
        "status": {"pinning": pinning, "leaderEpoch": part("/status/leaderEpoch")},
    }))
}
