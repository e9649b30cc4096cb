// SPDX-License-Identifier: Apache-2.0
//! Sets the replicas of a target, or puts back what was found. What is to be changed is decided elsewhere; here it is decided only
//! whether one object that can't be changed keeps the others from it.

use tracing::info;
use upsurge_core::pinning::{Change, said};
use upsurge_crds::{LoadTestRun, names::reasons, v1alpha1::Phase};

use super::Error;
use crate::{
    context::Context,
    errors::chain,
    load_test_run::{pinning, plan, progress::Cause, update_status},
    status,
};

/// Changes one object after the other. Where a target is to be held, one that can't be changed keeps the others from it; where it is put
/// back, they are none the worse for it.
pub(super) async fn set(
    context: &Context,
    run: &LoadTestRun,
    changes: &[Change],
) -> Result<Option<Cause>, Error> {
    let namespace = plan::key(run).namespace;
    let puts_back =
        run.metadata.deletion_timestamp.is_some() || update_status::base(run).phase == Some(Phase::Restoring);
    let mut first = Ok(None);
    for change in changes {
        status::admit(&context.fence, run.status.as_ref())?;
        let (object, to) = (format!("{}/{}", change.to.kind, change.to.name), said(&change.to));
        info!(object, to, "setting replicas");
        let changed = if puts_back {
            pinning::put_back(&context.client, &namespace, change).await
        } else {
            pinning::change(&context.client, &namespace, change).await
        };
        let changed = unwanted(changed, &namespace);
        if matches!(changed, Ok(None)) {
            continue;
        }
        if !puts_back {
            return changed;
        }
        let changed = changed.or_else(failed);
        // What has changed is looked at again at once, and then a refusal is met again.
        if matches!(first, Ok(None)) || (first.is_ok() && changed.is_err()) {
            first = changed;
        }
    }
    first
}

/// What could not be put back. It is tried again for as long as that may take, so that nothing which never works keeps a run from its end.
fn failed(error: Error) -> Result<Option<Cause>, Error> {
    match error {
        Error::Pin(error) if !matches!(error, pinning::Error::Conflict { .. }) => {
            Ok(Some(Cause::breakdown(reasons::PINNING_FORBIDDEN, chain(&error))))
        }
        error => Err(error),
    }
}

/// What may not be changed ends the run before it has begun, and is tried again where it is to be put back; anything else is worth another
/// try at once.
pub(super) fn unwanted(result: Result<(), pinning::Error>, namespace: &str) -> Result<Option<Cause>, Error> {
    let Err(error) = result else { return Ok(None) };
    match error.refusal(namespace) {
        Some(message) => Ok(Some(Cause::breakdown(reasons::PINNING_FORBIDDEN, message))),
        None => Err(error.into()),
    }
}
