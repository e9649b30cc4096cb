// SPDX-License-Identifier: Apache-2.0
//! What a staircase has beyond its steps: where the target counts as broken, and the time in which it is to recover.
//!
//! Nothing in here looks at what was measured.

use std::time::Duration;

use upsurge_crds::v1alpha1::StressLoad;

use super::{names::RECOVERY, shapes::Shape};
use crate::field_error::Errors;

/// How long thresholds must be met on end for a target to count as recovered.
pub const HELD: Duration = Duration::from_secs(30);
/// The first and the last second of a stage may not be whole.
const ENDS: Duration = Duration::from_secs(1);

/// Whether a stage of a staircase is one of its steps.
pub fn is_step(stage: &str) -> bool {
    stage != RECOVERY
}

/// Share of the requests of a step from which on the target counts as broken: of `brokenAt` or `stopAt`.
pub fn failure_share(stress: &StressLoad) -> Option<f64> {
    let written = stress.broken_at.as_ref().or(stress.stop_at.as_ref())?;
    let percent: f64 = written.error_rate.strip_suffix('%')?.parse().ok()?;
    Some(percent / 100.0)
}

/// What the schema does not know of it.
pub(super) fn check(stress: &StressLoad, errors: &mut Errors) {
    if stress.stop_at.is_some() && stress.broken_at.is_some() {
        let message = "stopAt ends the run where the target breaks, and brokenAt goes on: give one of them";
        errors.add("spec.load.stress", message);
    }
    let needs =
        [("degradation", stress.degradation.is_some()), ("recoverWithin", stress.recover_within.is_some())];
    for (field, _) in needs.into_iter().filter(|(_, given)| *given && stress.broken_at.is_none()) {
        let message = "needs brokenAt: from where on the target counts as broken";
        errors.add(format_args!("spec.load.stress.{field}"), message);
    }
    for (field, written) in [("brokenAt", &stress.broken_at), ("stopAt", &stress.stop_at)] {
        let percent =
            written.as_ref().and_then(|written| written.error_rate.strip_suffix('%')?.parse::<f64>().ok());
        if percent.is_some_and(|percent| percent <= 0.0 || percent > 100.0) {
            let message = "must be above 0% and at most 100%";
            errors.add(format_args!("spec.load.stress.{field}.errorRate"), message);
        }
    }
}

/// The stage in which the target is to recover: as long as that may take, and as long as it must hold.
pub(super) fn recovery(stress: &StressLoad) -> Option<Shape> {
    let within = stress.recover_within?;
    Some(Shape::level(RECOVERY, within.0 + HELD + ENDS, stress.start.as_f64()))
}
