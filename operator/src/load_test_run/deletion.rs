// SPDX-License-Identifier: Apache-2.0
//! Ends a run that was deleted, once it has put back what it had set at its target. Until then its finalizer keeps it.

use jiff::Timestamp;
use tracing::warn;
use upsurge_crds::LoadTestRun;

use super::{
    Done, Error, LOOKS, NEXT_LOOK, UNSURE,
    carry_out::{self, Carried, carry_out},
    decide, done, last, observe, pinning,
    runs::Runs,
};

/// Takes a run that was deleted towards its end.
pub(super) async fn deleted(cached: &LoadTestRun, runs: &Runs) -> Result<Done, Error> {
    if !pinning::is_kept(cached) {
        return last(runs, cached, decide::gone(cached)).await;
    }
    let (mut refusal, mut put_back, mut conflicts) = (None, Vec::new(), pinning::Conflicts::default());
    for _ in 0..LOOKS {
        let Some(run) = observe::run(&runs.context.client, cached).await? else {
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
