// SPDX-License-Identifier: Apache-2.0
//! Whether a workload is quiet before a load: at its autoscaler's minimum, and the autoscaler sees what it goes by. One that still has
//! the replicas of an earlier load shows nothing of how it scales.

use upsurge_crds::names::reasons;
use upsurge_figures::observation::{Autoscaler, Tracker};

use super::standing::FALLBACK;

/// Kind of KEDA's autoscaler, which may leave a workload at zero replicas.
const SCALED_OBJECT: &str = "ScaledObject";

/// Why a workload is not quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restless {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What is so, in words.
    pub message: String,
}

/// Whether the workload is at its autoscaler's minimum and the autoscaler sees what it goes by; by what is known of it.
///
/// # Errors
/// Why not.
pub fn quiet(known: &Tracker) -> Result<(), Restless> {
    let Some(autoscaler) = known.autoscaler() else { return Ok(()) };
    reads(autoscaler, known)?;
    let levels = known.levels();
    let replicas = levels.asked.max(levels.existing).unwrap_or_default();
    if replicas > autoscaler.min {
        let (name, min) = (name(autoscaler), autoscaler.min);
        let message = format!("the workload of {name} is at {replicas} replicas, its minimum is {min}");
        return Err(Restless { reason: reasons::TARGET_NOT_IDLE, message });
    }
    Ok(())
}

/// Whether the autoscaler reads its metrics. One that KEDA has put to rest at zero replicas reads none, and one that goes by KEDA's
/// fallback is told another number than that of its trigger.
///
/// # Errors
/// Why not, in its own words.
pub fn reads(autoscaler: &Autoscaler, known: &Tracker) -> Result<(), Restless> {
    let rests = autoscaler.kind == SCALED_OBJECT && known.levels().asked == Some(0);
    let fallback = known.condition(FALLBACK).filter(|fallback| fallback.status == "True");
    let message = match (fallback, known.condition("ScalingActive")) {
        _ if rests => return Ok(()),
        (Some(fallback), _) => {
            format!("{} goes by its fallback: {}: {}", name(autoscaler), fallback.reason, fallback.message)
        }
        (None, Some(active)) if active.status == "True" => return Ok(()),
        (None, Some(active)) => {
            format!("{} can't scale: {}: {}", name(autoscaler), active.reason, active.message)
        }
        (None, None) => format!("{} has not looked at its metrics yet", name(autoscaler)),
    };
    Err(Restless { reason: reasons::METRICS_UNAVAILABLE, message })
}

fn name(autoscaler: &Autoscaler) -> String {
    format!("{}/{}", autoscaler.kind, autoscaler.name)
}
