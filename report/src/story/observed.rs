// SPDX-License-Identifier: Apache-2.0
//! Replicas over time, of what was seen of a workload.

use jiff::Timestamp;
use upsurge_figures::observation::{self, Levels, What};
use upsurge_record::model::ObservedWorkload;

/// The instants at which something changed, each with what holds from then on; what the log has left out is not known.
pub(super) fn levels(workload: &ObservedWorkload) -> Vec<(Timestamp, Levels)> {
    // Usage says nothing of replicas, and is most of the log of a long run.
    let events = workload.events.iter().filter(|event| !matches!(event.what, What::Usage { .. }));
    let events = events.cloned().collect();
    let workload = ObservedWorkload {
        events,
        name: workload.name.clone(),
        kind: workload.kind.clone(),
        api_version: workload.api_version.clone(),
        left_out: workload.left_out.clone(),
        until: workload.until,
    };
    observation::levels(&workload.log())
}
