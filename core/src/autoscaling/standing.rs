// SPDX-License-Identifier: Apache-2.0
//! What holds over a time, and makes a verdict on the autoscaler worthless while it does: autoscalers that work against each
//! other, one that is paused or goes by its fallback, and a rollout under way as the load starts.

use jiff::Timestamp;
use upsurge_crds::names::reasons;
use upsurge_figures::observation::{Event, Log, What};

use super::{Doubt, replicas::seconds_between};

/// The observer's condition that is `False` while several autoscalers target the workload.
pub const ONLY_AUTOSCALER: &str = "OnlyAutoscaler";
/// The observer's condition that is `True` while KEDA leaves the replicas alone.
pub const PAUSED: &str = "Paused";

/// KEDA's own condition that is `True` while it can't read a trigger and sets the replicas that its `fallback` names.
pub const FALLBACK: &str = "Fallback";

/// Doubts about a run from the start of its load until the end of its observation.
pub(super) fn standing(log: &Log, start: Timestamp, end: Timestamp) -> Vec<Doubt> {
    let at = |since: Timestamp| seconds_between(start, since.max(start));
    let several = held(log, ONLY_AUTOSCALER, "False", start, end).map(|(since, message)| Doubt {
        reason: reasons::SEVERAL_AUTOSCALERS,
        message: format!(
            "{message} (at {:.0} s of the load): they work against each other, so none can be judged; leave one of them",
            at(since)
        ),
    });
    let paused = held(log, PAUSED, "True", start, end).map(|(since, message)| Doubt {
        reason: reasons::AUTOSCALER_PAUSED,
        message: format!(
            "KEDA leaves the replicas alone (at {:.0} s of the load; {message}): an autoscaler that is paused can't be \
             judged; resume it and run the test again",
            at(since)
        ),
    });
    let fallen_back = held(log, FALLBACK, "True", start, end).map(|(since, message)| Doubt {
        reason: reasons::METRICS_UNAVAILABLE,
        message: format!(
            "KEDA could not read a trigger and went by its fallback (at {:.0} s of the load; {message}): that says nothing of \
             how it scales; see to the trigger and run the test again",
            at(since)
        ),
    });
    let rolling = is_rolling(log, start).then(|| Doubt {
        reason: reasons::ROLLOUT_DURING_RUN,
        message: "a rollout of the target was under way when the load started: the figures are of two versions; run the \
                  test again when no rollout is under way"
            .into(),
    });
    several.into_iter().chain(paused).chain(fallen_back).chain(rolling).collect()
}

/// Since when a condition first had a status between two instants, and what it said.
fn held(
    log: &Log,
    condition: &str,
    status: &str,
    start: Timestamp,
    end: Timestamp,
) -> Option<(Timestamp, String)> {
    let mut told: Vec<(Timestamp, Option<&str>)> = Vec::new();
    for Event { seen, what, .. } in log.events() {
        match what {
            What::Condition(said) if said.condition == condition => {
                told.push((*seen, (said.status == status).then_some(said.message.as_str())));
            }
            What::AutoscalerGone => told.push((*seen, None)),
            _ => {}
        }
    }
    told.iter().enumerate().find_map(|(index, (since, message))| {
        let until = told.get(index + 1).map_or(end, |(next, _)| *next);
        let is_during = *since <= end && until > start;
        is_during.then_some((*since, (*message)?.to_owned()))
    })
}

fn is_rolling(log: &Log, start: Timestamp) -> bool {
    let before = log.events().iter().take_while(|event| event.seen <= start);
    let told = before.filter_map(|event| match event.what {
        What::Rollout { under_way } => Some(under_way),
        _ => None,
    });
    told.last().unwrap_or(false)
}
